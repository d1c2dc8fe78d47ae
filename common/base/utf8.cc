// SPDX-License-Identifier: PostgreSQL
#include "common/base/utf8.h"

#include <cstdint>

namespace pgpool {

namespace {

// A row of RFC 3629's table: what the first byte allows the second to be, and how long the character is.
struct Lead {
    std::uint8_t first, last;                // first byte
    std::uint8_t second_first, second_last;  // second byte
    std::uint8_t length;
};

constexpr Lead kLeads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

bool in(std::uint8_t byte, std::uint8_t first, std::uint8_t last) {
    return byte >= first && byte <= last;
}

}  // namespace

std::size_t utf8_character(std::string_view text) {
    if (text.empty()) return 0;
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    if (at(0) < 0x80) return 1;
    for (const Lead& lead : kLeads) {
        if (!in(at(0), lead.first, lead.last)) continue;
        if (text.size() < lead.length || !in(at(1), lead.second_first, lead.second_last)) return 0;
        for (std::size_t i = 2; i < lead.length; ++i) {
            if (!in(at(i), 0x80, 0xBF)) return 0;
        }
        return lead.length;
    }
    return 0;
}

}  // namespace pgpool
