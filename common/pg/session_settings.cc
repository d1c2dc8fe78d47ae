// SPDX-License-Identifier: PostgreSQL
#include "common/pg/session_settings.h"

namespace pgpool::pg {

namespace {

using Setting = std::pair<std::string_view, std::string_view>;

constexpr std::array<Setting, 5> kWhoAndHowLong{{
    {"role", "none"},
    {"statement_timeout", "0"},
    {"lock_timeout", "0"},
    {"idle_session_timeout", "0"},
    {"idle_in_transaction_session_timeout", "0"},
}};

constexpr std::array<Setting, 19> kMeaning{{
    {"search_path", "pg_catalog,pg_temp"},
    // Nodes of mode replication may be read only to all but us.
    {"default_transaction_read_only", "off"},
    {"default_transaction_isolation", "read committed"},
    {"default_transaction_deferrable", "off"},
    {"row_security", "on"},
    {"standard_conforming_strings", "on"},
    {"transform_null_equals", "off"},
    {"array_nulls", "on"},
    {"quote_all_identifiers", "off"},
    {"bytea_output", "hex"},
    {"DateStyle", "ISO,MDY"},
    {"IntervalStyle", "postgres"},
    {"TimeZone", "UTC"},
    {"extra_float_digits", "1"},
    {"check_function_bodies", "on"},
    {"default_tablespace", ""},
    // Else the planner evaluates what users wrote into CHECK.
    {"constraint_exclusion", "partition"},
    {"exit_on_error", "off"},
    {"jit", "off"},  // it never pays for catalogs
}};

// The server splits the options at white space that has no backslash in front of it.
void append(std::string& options, const Setting& setting) {
    if (!options.empty()) options += ' ';
    options.append("-c ").append(setting.first).append("=");
    for (const char c : setting.second) {
        if (c == ' ' || c == '\\') options += '\\';
        options += c;
    }
}

}  // namespace

std::string startup_options(SessionSettings settings) {
    std::string options;
    if (settings == SessionSettings::None) return options;
    for (const Setting& setting : kKeepalives) append(options, setting);
    for (const Setting& setting : kWhoAndHowLong) append(options, setting);
    if (settings == SessionSettings::OfLogin) return options;
    for (const Setting& setting : kMeaning) append(options, setting);
    return options;
}

}  // namespace pgpool::pg
