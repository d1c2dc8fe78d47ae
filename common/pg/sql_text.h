// SPDX-License-Identifier: PostgreSQL
#pragma once

// Names and values as they stand in SQL. Pure.

#include <string>
#include <string_view>

namespace pgpool::pg {

[[nodiscard]] std::string quote_identifier(std::string_view name);
// REQUIRES: whoever reads it takes backslashes literally (standard_conforming_strings).
[[nodiscard]] std::string quote_literal(std::string_view text);

}  // namespace pgpool::pg
