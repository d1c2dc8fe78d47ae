// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/settings.h"

#include <algorithm>
#include <array>

#include "common/base/bytes.h"

namespace pgpool::sql {
namespace {

// Settings that are lists of names (GUC_LIST_QUOTE in PostgreSQL's guc.c).
constexpr std::array<std::string_view, 6> kNameLists{"local_preload_libraries",   "search_path",
                                                     "session_preload_libraries", "shared_preload_libraries",
                                                     "temp_tablespaces",          "unix_socket_directories"};

bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void skip_blanks(std::string_view& rest) {
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
}

// One element of a list of names off the front of `rest` (SplitIdentifierString in PostgreSQL's varlena.c).
std::optional<std::string> take_name(std::string_view& rest) {
    std::string name;
    if (!rest.empty() && rest.front() == '"') {
        for (rest.remove_prefix(1);; rest.remove_prefix(1)) {
            if (rest.empty()) return std::nullopt;
            if (rest.front() == '"') {
                rest.remove_prefix(1);
                if (rest.empty() || rest.front() != '"') return name;
            }
            name += rest.front();
        }
    }
    while (!rest.empty() && rest.front() != ',' && !is_blank(rest.front())) {
        name += rest.front();
        rest.remove_prefix(1);
    }
    if (name.empty()) return std::nullopt;
    return to_lower_ascii(name);
}

std::optional<std::string> quoted_list(std::string_view rest) {
    std::string out;
    for (;;) {
        skip_blanks(rest);
        const std::optional<std::string> name = take_name(rest);
        if (!name) return std::nullopt;
        out += quote_literal(*name);
        skip_blanks(rest);
        if (rest.empty()) return out;
        if (rest.front() != ',') return std::nullopt;
        rest.remove_prefix(1);
        out += ", ";
    }
}

}  // namespace

std::string quote_literal(std::string_view value) {
    const bool escape = value.find('\\') != std::string_view::npos;
    std::string out = escape ? "E'" : "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') out += c;
        out += c;
    }
    out += '\'';
    return out;
}

std::string in_quotes(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        if (c == '"') out += c;
        out += c;
    }
    out += '"';
    return out;
}

std::string unquoted(std::string_view quoted) {
    std::string name;
    for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
        name += quoted[i];
        if (quoted[i] == '"') ++i;  // "" is one
    }
    return name;
}

std::string quote_identifier(std::string_view name) {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    const bool safe = !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
                      std::all_of(name.begin(), name.end(), plain);
    return safe ? std::string(name) : in_quotes(name);
}

std::optional<std::string> set_config_value(std::string_view name, std::string_view value) {
    if (std::find(kNameLists.begin(), kNameLists.end(), name) == kNameLists.end())
        return quote_literal(value);
    if (std::all_of(value.begin(), value.end(), is_blank)) return quote_literal({});
    return quoted_list(value);
}

bool is_time_limit(std::string_view name) {
    return std::find(kTimeLimits.begin(), kTimeLimits.end(), name) != kTimeLimits.end();
}

}  // namespace pgpool::sql
