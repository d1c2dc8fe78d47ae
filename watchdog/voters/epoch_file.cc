// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/epoch_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>

#include "common/base/unique_fd.h"

namespace pgpool::voters {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "pgpool lease 1\nepoch {}\nruns {}\nend\n";

std::optional<std::uint64_t> number_after(std::string_view text, std::string_view word) {
    const std::size_t at = text.find(word);
    if (at == std::string_view::npos) return std::nullopt;
    std::uint64_t value = 0;
    const char* begin = text.data() + at + word.size();
    const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
    if (error != std::errc()) return std::nullopt;
    return value;
}

Error failed(const fs::path& path, std::string_view what) {
    return fail_errno(what, errno).value().within(path.string());
}

}  // namespace

Result<Remembered> load(const fs::path& path) {
    std::error_code error;
    if (!fs::exists(path, error) && !error) return Remembered{};
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto epoch = number_after(text, "\nepoch ");
    const auto runs = number_after(text, "\nruns ");
    if (epoch && runs && text == fmt::format(kFormat, *epoch, *runs)) {
        return Remembered{.epoch = Epoch(*epoch), .runs = *runs};
    }
    Error broken{path.string() + ": what this member has promised cannot be read", sqlstate::kSystemError};
    broken.hint = "Restore it. Remove it only if every other voter is up: they know the epoch, too.";
    return tl::unexpected(broken);
}

std::optional<Error> save(const fs::path& path, const Remembered& remembered) {
    const std::string text = fmt::format(kFormat, remembered.epoch.value, remembered.runs);
    const std::string fresh = path.string() + ".new";
    {
        const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file.valid()) return failed(fresh, "open");
        const ssize_t written = ::write(file.get(), text.data(), text.size());
        if (written != static_cast<ssize_t>(text.size())) return failed(fresh, "write");
        if (::fsync(file.get()) != 0) return failed(fresh, "fsync");
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) return failed(path, "rename");
    const UniqueFd folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid() || ::fsync(folder.get()) != 0) return failed(path.parent_path(), "fsync");
    return std::nullopt;
}

}  // namespace pgpool::voters
