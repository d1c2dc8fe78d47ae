// SPDX-License-Identifier: PostgreSQL
#include "ctl/setup/stamp.h"

#include <fmt/core.h>

#include <string_view>

namespace pgpool::ctl {

namespace {

constexpr std::string_view kFirst = "# Written by pgpool-ctl setup from ";
constexpr std::string_view kSecond = "# To change it, change that and run it again. Checksum: ";

// FNV-1a, 64 bits: for edits, not for enemies, who could write the checksum too.
std::string checksum(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3;
    }
    return fmt::format("{:016x}", hash);
}

// Where the text begins; 0: there is no stamp.
std::size_t end_of_stamp(std::string_view file) {
    if (!file.starts_with(kFirst)) return 0;
    const auto first = file.find('\n');
    if (first == std::string_view::npos || !file.substr(first + 1).starts_with(kSecond)) return 0;
    const auto second = file.find('\n', first + 1);
    return second == std::string_view::npos ? 0 : second + 1;
}

}  // namespace

std::string stamped(const std::string& text, const std::string& made_from) {
    return fmt::format("{}{}\n{}{}\n{}", kFirst, made_from, kSecond, checksum(text), text);
}

Origin origin_of(const std::string& file) {
    const std::size_t end = end_of_stamp(file);
    if (end == 0) return Origin::Foreign;
    const std::string expected = fmt::format("{}{}\n", kSecond, checksum(std::string_view(file).substr(end)));
    return std::string_view(file).substr(0, end).ends_with(expected) ? Origin::Ours : Origin::Changed;
}

std::string unstamped(const std::string& file) {
    return file.substr(end_of_stamp(file));
}

}  // namespace pgpool::ctl
