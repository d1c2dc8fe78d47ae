// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/value_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace pgpool::replication {
namespace {

std::string_view take_one(std::string_view& told) {
    const std::size_t size = std::min(told.find('/'), told.size());
    const std::string_view one = told.substr(0, size);
    told.remove_prefix(std::min(size + 1, told.size()));
    return one;
}

bool rounds(std::string_view float_digits) {
    int digits = 0;
    const auto [end, error] =
        std::from_chars(float_digits.data(), float_digits.data() + float_digits.size(), digits);
    return error != std::errc() || digits < 1;
}

// Characters that come back as others: from UTF8 to these and back, or the other way round. U+301C is 8160 in
// SJIS, which is U+FF5E. Two encodings of which none is UTF8 are seldom used, and some of them lose
// characters.
bool loses_characters(std::string_view client, std::string_view server) {
    constexpr auto kLossy = std::to_array<std::string_view>({"EUC_JP", "EUC_TW", "SHIFT_JIS_2004", "SJIS"});
    const bool is_converted = client != server && client != "SQL_ASCII" && server != "SQL_ASCII" &&
                              !client.empty() && !server.empty();
    if (!is_converted) return false;
    if (client != "UTF8" && server != "UTF8") return true;
    const std::string_view other = client == "UTF8" ? server : client;
    return std::find(kLossy.begin(), kLossy.end(), other) != kLossy.end();
}

}  // namespace

std::string_view telling_settings() {
    return "pg_catalog.concat_ws('/', pg_catalog.current_setting('extra_float_digits'), "
           "pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('DateStyle'), "
           "pg_catalog.current_setting('client_encoding'), pg_catalog.getdatabaseencoding())";
}

TextSettings take_settings(std::string_view& told) {
    TextSettings settings;
    settings.float_digits = take_one(told);
    settings.array_nulls = take_one(told);
    settings.date_style = take_one(told);
    settings.client_encoding = take_one(told);
    settings.server_encoding = take_one(told);
    return settings;
}

std::string why_read_otherwise(const TextSettings& settings) {
    if (rounds(settings.float_digits)) return "with extra_float_digits below 1";
    if (settings.array_nulls != "on") return "with array_nulls off";
    if (!settings.date_style.starts_with("ISO")) return "with another DateStyle than ISO";
    if (loses_characters(settings.client_encoding, settings.server_encoding))
        return fmt::format("from {} to a client_encoding of {}, which does not give all characters back",
                           settings.server_encoding, settings.client_encoding);
    return {};
}

}  // namespace pgpool::replication
