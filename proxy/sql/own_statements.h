// SPDX-License-Identifier: PostgreSQL
#pragma once

// The statements that are ours and not PostgreSQL's: SHOW POOL_NODES and its kin, SHOW ROUTE FOR <sql>,
// PGPOOL <command>; on the admin database every SHOW. Recognised before PostgreSQL's grammar sees the text.

#include <optional>
#include <string_view>

#include "proxy/sql/statement.h"

namespace pgpool::sql {

// Kind::Pgpool with `name` (the word after SHOW, "route" for SHOW ROUTE FOR, "pgpool reload" for PGPOOL
// RELOAD: lower case) and `argument` (what follows), or nothing.
[[nodiscard]] std::optional<Statement> own_statement(std::string_view text, bool admin_database);

}  // namespace pgpool::sql
