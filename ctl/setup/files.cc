// SPDX-License-Identifier: PostgreSQL
#include "ctl/setup/files.h"

#include <sys/types.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "common/files/durable_file.h"
#include "ctl/setup/corosync_conf.h"
#include "ctl/setup/stamp.h"

namespace pgpool::ctl {

namespace {

// Corosync reads it as root; what it lets in is no secret.
constexpr mode_t kMode = 0644;

tl::unexpected<Failure> refused(const Error& error) {
    return failed(ExitCode::Usage, error.message, ::geteuid() == 0 ? "" : "run it as root");
}

FileState state_of(const std::string& found, const std::vector<std::string>& differences) {
    if (differences.empty()) return FileState::Equal;
    switch (origin_of(found)) {
        case Origin::Ours:
            return FileState::Outdated;
        case Origin::Changed:
            return FileState::Changed;
        case Origin::Foreign:
            break;
    }
    return FileState::Foreign;
}

Outcome<void> replace(const std::string& path, std::string_view text) {
    if (const auto error = write_durably(path, text, kMode)) return refused(*error);
    return {};
}

}  // namespace

const char* to_string(FileState state) {
    switch (state) {
        case FileState::Missing:
            return "missing";
        case FileState::Equal:
            return "equal";
        case FileState::Outdated:
            return "outdated";
        case FileState::Changed:
            return "changed";
        case FileState::Foreign:
            break;
    }
    return "foreign";
}

Outcome<SetupFile> look_at(std::string path, const std::string& text, const std::string& made_from) {
    SetupFile file{std::move(path), stamped(text, made_from), FileState::Missing, {}};
    const auto found = read_whole(file.path);
    if (!found) return refused(found.error());
    if (!*found) return file;
    file.differences = differences(text, **found);
    file.state = state_of(**found, file.differences);
    return file;
}

Outcome<void> write(const SetupFile& file) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(file.path).parent_path(), error);
    if (error) return refused({"cannot make the directory of " + file.path + ": " + error.message()});
    if (file.state == FileState::Changed || file.state == FileState::Foreign) {
        const auto before = read_whole(file.path);
        if (!before) return refused(before.error());
        if (auto kept = replace(file.path + ".before", before->value_or("")); !kept) return kept;
    }
    return replace(file.path, file.text);
}

}  // namespace pgpool::ctl
