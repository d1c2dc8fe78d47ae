// SPDX-License-Identifier: PostgreSQL
#include "common/files/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/unique_fd.h"

namespace pgpool {

namespace {

namespace fs = std::filesystem;

Error cannot(std::string_view what, const fs::path& path) {
    return fail_errno("cannot " + std::string(what) + " " + path.string(), errno).value();
}

bool write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(file, text.data(), text.size());
        if (written < 0 && errno != EINTR) return false;
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

std::optional<Error> write_durably(const fs::path& path, std::string_view text, mode_t mode) {
    const std::string fresh = path.string() + ".new";
    {
        const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
        if (!file.valid()) return cannot("create", fresh);
        if (!write_all(file.get(), text) || ::fchmod(file.get(), mode) != 0) return cannot("write", fresh);
        if (::fsync(file.get()) != 0) return cannot("sync", fresh);
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) return cannot("replace", path);
    const UniqueFd folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid() || ::fsync(folder.get()) != 0) return cannot("sync", path.parent_path());
    return std::nullopt;
}

Result<std::optional<std::string>> read_whole(const fs::path& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid() && errno == ENOENT) return std::optional<std::string>();
    if (!file.valid()) return tl::unexpected(cannot("open", path));
    std::string text;
    std::array<char, 4096> part{};
    for (;;) {
        const ssize_t got = ::read(file.get(), part.data(), part.size());
        if (got == 0) return std::optional(std::move(text));
        if (got < 0 && errno != EINTR) return tl::unexpected(cannot("read", path));
        if (got > 0) text.append(part.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace pgpool
