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

// As PATH.before, with its owner and mode; it is in force until it is replaced.
Outcome<void> keep(const std::string& path) {
    const std::string before = path + ".before";
    std::error_code error;
    std::filesystem::remove(before, error);
    if (!error) std::filesystem::create_hard_link(path, before, error);
    if (error) return refused({"cannot keep " + path + " as " + before + ": " + error.message()});
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
        if (auto kept = keep(file.path); !kept) return kept;
    }
    if (const auto failure = write_durably(file.path, file.text, kMode)) return refused(*failure);
    return {};
}

}  // namespace pgpool::ctl
