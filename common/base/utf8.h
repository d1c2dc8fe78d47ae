// SPDX-License-Identifier: PostgreSQL
#pragma once

// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.

#include <cstddef>
#include <string_view>

namespace pgpool {

// Bytes of the well-formed character that `text` begins with; 0 if there is none (malformed, cut off or
// empty).
[[nodiscard]] std::size_t utf8_character(std::string_view text);

}  // namespace pgpool
