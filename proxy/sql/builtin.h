// SPDX-License-Identifier: PostgreSQL
#pragma once

// What is known of PostgreSQL's own functions and types without asking a server: the functions of pg_catalog
// that are VOLATILE (releases 12 to 18), with what they leave behind, and the names of its types.

#include <cstdint>
#include <string_view>

#include "proxy/sql/statement.h"

namespace pgpool::sql {

struct BuiltinFunction {
    std::string_view name;
    Leaves leaves = Leaves::Nothing;
    Leaves clears = Leaves::Nothing;
    bool primary_only = false;
};

// The entry of a volatile function of pg_catalog, or null.
[[nodiscard]] const BuiltinFunction* volatile_builtin(std::string_view name);

// Whether `name` is one of the functions of pg_catalog that everybody uses: aggregates, strings, dates, JSON.
// Good enough to say that a call leaves nothing behind while the catalog facts are not there yet; not for
// routing.
[[nodiscard]] bool is_common_builtin(std::string_view name);

// Whether `name` is a type of pg_catalog: "int4", "jsonb", also with the `_` of an array type.
[[nodiscard]] bool is_builtin_type(std::string_view name);

// Types whose input knows 'now': Is for the type itself, Contains for its arrays, ranges and multiranges.
enum class DateType : std::uint8_t { No, Is, Contains };
[[nodiscard]] DateType date_type(std::string_view name);

// Whether `name` is a STABLE function of pg_catalog whose result depends on its arguments and settings that
// all nodes of a cluster share (TimeZone, DateStyle, IntervalStyle, lc_*, default_text_search_config).
[[nodiscard]] bool depends_on_settings_only(std::string_view name);

// Whether `name` is an IMMUTABLE function of pg_catalog that depends on numbers of catalog rows, which each
// node gives out for itself: the hashes of enums, and of what may hold them.
[[nodiscard]] bool depends_on_numbers(std::string_view name);

// Whether the function of pg_catalog runs code that nobody has read, whatever is declared.
[[nodiscard]] bool runs_unknown_code(std::string_view name);

// Whether the result of the aggregate may depend on the order of its rows, be it by the rounding of floats.
[[nodiscard]] bool depends_on_order(std::string_view aggregate);

// Whether the result of the function of pg_catalog is a date, a time or an interval, never text.
[[nodiscard]] bool gives_date(std::string_view name);

// Whether a VOLATILE function of pg_catalog writes nothing that is replicated: it may run on one node alone.
[[nodiscard]] bool writes_nothing(std::string_view name);

// The same for the VOLATILE functions of the extensions that come with PostgreSQL (pgcrypto, uuid-ossp).
[[nodiscard]] bool extension_writes_nothing(std::string_view name, std::string_view language);

// Whether `name` is that of a type whose values are numbers of catalog rows: oid, regclass.
[[nodiscard]] bool is_object_type(std::string_view name);

}  // namespace pgpool::sql
