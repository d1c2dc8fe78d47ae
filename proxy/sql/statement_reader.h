// SPDX-License-Identifier: PostgreSQL
#pragma once

// One raw parse tree -> one Statement. Private to this folder.

#include "proxy/sql/query_walker.h"
#include "proxy/sql/statement.h"

namespace pgpool::sql {

// `node`: the PostgreSQL Node of a whole statement, within its RawStmt.
void read_statement(const void* node, Statement& out, Findings& findings);

}  // namespace pgpool::sql
