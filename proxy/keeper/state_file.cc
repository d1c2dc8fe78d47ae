// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/state_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "common/base/unique_fd.h"

namespace pgpool::keeper {

namespace {

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_errno("cannot write " + path, errno);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> write_durably(const std::string& path, std::string_view text) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    if (!fd.valid()) return fail_errno("cannot create " + path, errno);
    if (auto written = write_all(fd.get(), text, path); !written) return written;
    if (::fsync(fd.get()) != 0) return fail_errno("cannot sync " + path, errno);
    return {};
}

Result<void> sync_directory(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("cannot open " + path, errno);
    if (::fsync(fd.get()) != 0) return fail_errno("cannot sync " + path, errno);
    return {};
}

}  // namespace

Result<void> StateFile::take() {
    UniqueFd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("cannot open " + directory_, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail_errno("cannot lock " + directory_, errno);
        return fail(sqlstate::kConfigFileError,
                    directory_ + " is in use by another proxy (replication.state_directory)");
    }
    taken_ = std::move(fd);
    return {};
}

Result<std::optional<cluster::Membership>> StateFile::load() const {
    if (::access(path().c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
    std::ifstream file(path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return fail_errno("cannot read " + path(), errno);
    auto membership = cluster::membership_of(text.str());
    if (!membership) return tl::unexpected(membership.error().within(path()));
    return std::move(*membership);
}

Result<void> StateFile::check_writable() const {
    if (auto written = write_durably(next_path(), "\n"); !written) return written;
    if (::unlink(next_path().c_str()) != 0) return fail_errno("cannot remove " + next_path(), errno);
    return sync_directory(directory_);
}

Result<void> StateFile::save(const cluster::Membership& membership) const {
    const std::string next = next_path();
    if (auto written = write_durably(next, cluster::to_text(membership)); !written) return written;
    if (std::rename(next.c_str(), path().c_str()) != 0) return fail_errno("cannot replace " + path(), errno);
    return sync_directory(directory_);
}

}  // namespace pgpool::keeper
