// SPDX-License-Identifier: PostgreSQL
#pragma once

// Rights: what a role needs at a server, asked in one query, and the grants for what it lacks. Pure.

#include <span>
#include <string>
#include <string_view>

#include "common/pg/client.h"

namespace pgpool::pg {

struct Right {
    std::string_view condition;  // true of the current role, which has it
    std::string_view grant;      // the statement, up to the role
    std::string_view rest = {};  // and behind it
};

// One row, a column for each.
[[nodiscard]] std::string rights_query(std::span<const Right> rights);
// Of its answer: the statements that are to be executed, joined by "; ". Empty: nothing lacks.
[[nodiscard]] std::string missing_grants(std::span<const Right> rights, const Rows& rows,
                                         std::string_view role);

}  // namespace pgpool::pg
