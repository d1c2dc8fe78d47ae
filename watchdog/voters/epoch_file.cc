// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/epoch_file.h"

#include <fmt/core.h>

#include <charconv>
#include <fstream>
#include <iterator>

#include "common/files/durable_file.h"

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
    return write_durably(path, fmt::format(kFormat, remembered.epoch.value, remembered.runs));
}

}  // namespace pgpool::voters
