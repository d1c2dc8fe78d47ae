// SPDX-License-Identifier: PostgreSQL
#pragma once

// TextSettings: by what one node writes values as text, and the others, whose settings are the same, read
// them. Under some settings they read other values than were written, without an error. Pure.
//
// Which do was tried with PostgreSQL 15: all characters of all encodings, intervals in all styles, times in
// all zones. IntervalStyle, TimeZone, bytea_output, lc_monetary, search_path and quote_all_identifiers change
// the text, but what was written by them is read by them.

#include <string>
#include <string_view>

namespace pgpool::replication {

// As a server tells them. Those that are not known are taken for harmless.
struct TextSettings {
    std::string_view float_digits = "1";  // extra_float_digits
    std::string_view array_nulls = "on";
    std::string_view date_style = "ISO";
    std::string_view client_encoding{};
    std::string_view server_encoding{};
};

// The SQL expression by which a node tells them, and what it has told off the front of `told`, which may end
// with more behind another '/'.
[[nodiscard]] std::string_view telling_settings();
[[nodiscard]] TextSettings take_settings(std::string_view& told);

// Why values may be read as others, in words behind a comma: "with array_nulls off"; empty: they cannot.
[[nodiscard]] std::string why_read_otherwise(const TextSettings& settings);

}  // namespace pgpool::replication
