// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/state_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "common/files/durable_file.h"

namespace pgpool::keeper {

namespace {

// Who reads the state directory by group may look.
constexpr mode_t kMode = 0640;

Result<void> write(const std::string& path, std::string_view text) {
    if (auto error = write_durably(path, text, kMode)) return tl::unexpected(std::move(*error));
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
    auto text = read_whole(path());
    if (!text) return tl::unexpected(text.error());
    if (!*text) return std::nullopt;
    auto membership = cluster::membership_of(**text);
    if (!membership) return tl::unexpected(membership.error().within(path()));
    return std::move(*membership);
}

Result<void> StateFile::check_writable() const {
    const std::string probe = path() + ".probe";
    if (auto written = write(probe, "\n"); !written) return written;
    if (::unlink(probe.c_str()) != 0) return fail_errno("cannot remove " + probe, errno);
    return {};
}

Result<void> StateFile::save(const cluster::Membership& membership) const {
    return write(path(), cluster::to_text(membership));
}

}  // namespace pgpool::keeper
