// SPDX-License-Identifier: PostgreSQL
#pragma once

// What is known of PostgreSQL's own functions and types without asking a server: the functions of pg_catalog
// that are VOLATILE (releases 12 to 18), with what they leave behind, and the names of its types.

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

}  // namespace pgpool::sql
