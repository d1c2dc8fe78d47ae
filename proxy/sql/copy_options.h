// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reads out of the raw parse tree of a COPY FROM how its rows are written. Private to this folder.

#include "proxy/sql/statement.h"

struct CopyStmt;  // PostgreSQL's, see raw_tree.h

namespace pgpool::sql {

// What the server refuses may come out as anything.
[[nodiscard]] CopyRows read_copy_rows(const CopyStmt* node);

}  // namespace pgpool::sql
