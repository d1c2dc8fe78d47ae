// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reads what a query or an expression names and does out of its raw parse tree. Private to this folder.

#include <string_view>
#include <vector>

#include "proxy/sql/statement.h"

namespace pgpool::sql {

// What an analysis collects besides the statements.
struct Findings {
    std::string_view sql;
    bool depends_on_literals = false;
    bool unknown = false;  // a node type that this folder does not know, or too much: nothing can be said
    std::size_t written_from = 0;  // of `sql`: values that are looked for there come in its order
};

// Adds to `out` what the tree at `root` (a PostgreSQL Node: SELECT, VALUES, INSERT, UPDATE, DELETE, MERGE, a
// list or an expression) reads, writes, locks and calls. `replayable`: set_config() calls, as nodes, whose
// effect is already in out.settings.
void walk_query(const void* root, Statement& out, Findings& findings,
                const std::vector<const void*>& replayable = {});

}  // namespace pgpool::sql
