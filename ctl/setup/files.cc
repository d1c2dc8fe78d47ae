// SPDX-License-Identifier: PostgreSQL
#include "ctl/setup/files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include "common/base/unique_fd.h"
#include "ctl/setup/corosync_conf.h"
#include "ctl/setup/stamp.h"

namespace pgpool::ctl {

namespace {

tl::unexpected<Failure> system_failure(const std::string& doing, const std::string& path, int error) {
    return failed(ExitCode::Usage,
                  fmt::format("cannot {} {}: {}", doing, path, std::generic_category().message(error)),
                  error == EACCES ? "run it as root" : "");
}

// None: it is not there.
Outcome<std::optional<std::string>> contents_of(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        if (errno == ENOENT) return std::optional<std::string>();
        return system_failure("read", path, errno);
    }
    std::ostringstream text;
    text << file.rdbuf();
    return std::optional(text.str());
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

Outcome<void> write_new(const std::string& path, const std::string& text) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return system_failure("write", path, errno);
    const ssize_t size = ::write(file.get(), text.data(), text.size());
    if (size != static_cast<ssize_t>(text.size()))
        return system_failure("write", path, size < 0 ? errno : ENOSPC);
    // Corosync reads it as root; what it lets in is no secret. Whatever the umask is.
    if (::fchmod(file.get(), 0644) != 0 || ::fsync(file.get()) != 0)
        return system_failure("write", path, errno);
    return {};
}

Outcome<void> rename_to(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("write", to, errno);
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
    const auto found = contents_of(file.path);
    if (!found) return tl::unexpected(found.error());
    if (!*found) return file;
    file.differences = differences(text, **found);
    file.state = state_of(**found, file.differences);
    return file;
}

Outcome<void> write(const SetupFile& file) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(file.path).parent_path(), error);
    if (error) return system_failure("make the directory of", file.path, error.value());
    const std::string next = file.path + ".new";
    if (auto written = write_new(next, file.text); !written) return written;
    if (file.state == FileState::Changed || file.state == FileState::Foreign) {
        if (auto kept = rename_to(file.path, file.path + ".before"); !kept) return kept;
    }
    return rename_to(next, file.path);
}

}  // namespace pgpool::ctl
