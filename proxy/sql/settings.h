// SPDX-License-Identifier: PostgreSQL
#pragma once

// The SQL text that sets a setting again: quoting, lists, and the difference between SET and set_config().

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace pgpool::sql {

// 'x', or E'x' if it holds a backslash, so that it reads the same whatever standard_conforming_strings is.
[[nodiscard]] std::string quote_literal(std::string_view value);

// A name in double quotes; and only if it needs them, but for keywords.
[[nodiscard]] std::string in_quotes(std::string_view name);
[[nodiscard]] std::string quote_identifier(std::string_view name);
// The name that stands in double quotes.
[[nodiscard]] std::string unquoted(std::string_view quoted);

// What follows "SET name TO" for set_config(name, value, ...). SET takes the elements of a list of names one
// by one, set_config takes the whole list as one string. Nothing if `value` is no valid list. An empty
// search_path comes out as '', which selects no schema either but is shown as "".
[[nodiscard]] std::optional<std::string> set_config_value(std::string_view name, std::string_view value);

// How long statements, waits for locks and rests within transactions may take.
inline constexpr std::array<std::string_view, 3> kTimeLimits{"idle_in_transaction_session_timeout",
                                                             "lock_timeout", "statement_timeout"};
[[nodiscard]] bool is_time_limit(std::string_view name);

}  // namespace pgpool::sql
