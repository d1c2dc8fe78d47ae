// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reads the watchdog's documents, which may be of a version that has more or fewer fields: what is not there
// or of another type is nothing. Pure.

#include <cstdint>
#include <optional>
#include <string>

#include "ctl/output.h"

namespace pgpool::ctl {

// Null if it is not there.
[[nodiscard]] const Json& member_of(const Json& object, const char* key);
// An empty list if it is not there.
[[nodiscard]] const Json& list_of(const Json& object, const char* key);
[[nodiscard]] std::optional<std::int64_t> number_of(const Json& object, const char* key);
[[nodiscard]] bool is_true(const Json& object, const char* key);
// Text as it is, others as JSON has them, nothing as "-"; control characters, which would move a terminal's
// cursor, as "?".
[[nodiscard]] std::string text_of(const Json& object, const char* key);
// Elements with spaces between; "-" for none.
[[nodiscard]] std::string words_of(const Json& object, const char* key);

}  // namespace pgpool::ctl
