// SPDX-License-Identifier: PostgreSQL
#include "watchdog/store/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/unique_fd.h"

namespace pgpool::store {

namespace {

namespace fs = std::filesystem;

Error failed(const fs::path& path, std::string_view what) {
    return fail_errno(what, errno).value().within(path.string());
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

std::optional<Error> write_durably(const fs::path& path, std::string_view text) {
    const std::string fresh = path.string() + ".new";
    {
        const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file.valid()) return failed(fresh, "open");
        if (!write_all(file.get(), text)) return failed(fresh, "write");
        if (::fsync(file.get()) != 0) return failed(fresh, "fsync");
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) return failed(path, "rename");
    const UniqueFd folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid() || ::fsync(folder.get()) != 0) return failed(path.parent_path(), "fsync");
    return std::nullopt;
}

Result<std::optional<std::string>> read_whole(const fs::path& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid() && errno == ENOENT) return std::optional<std::string>();
    if (!file.valid()) return tl::unexpected(failed(path, "open"));
    std::string text;
    std::array<char, 4096> part{};
    for (;;) {
        const ssize_t got = ::read(file.get(), part.data(), part.size());
        if (got == 0) return std::optional(std::move(text));
        if (got < 0 && errno != EINTR) return tl::unexpected(failed(path, "read"));
        if (got > 0) text.append(part.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace pgpool::store
