// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a transaction with savepoints has left in force, as a transaction without any. Pure.

#include <vector>

#include "common/markers/redo.h"

namespace pgpool::markers {

// SAVEPOINT, RELEASE and ROLLBACK TO as statements of their own are followed; within a text of several they
// stay where they are.
[[nodiscard]] std::vector<RedoStatement> without_savepoints(const std::vector<RedoStatement>& statements);

}  // namespace pgpool::markers
