// SPDX-License-Identifier: PostgreSQL
#pragma once

// LockPlan: which tables nobody else may write while a statement is repeated on all nodes as it is. Where its
// rows cannot travel (image_plan.h) it comes to the same on all nodes if it is deterministic and all see the
// same rows: those that were committed before the main node had the locks (docs/adr/0013-read-locks.md). A
// pure function of the statement and the facts of its database; nothing is executed here.
//
// REQUIRES: the expressions of the statement are the same on all nodes, and the relations that it names are
// tables, as write_judge.cc finds out. What is looked at here in addition is what only the order decides in
// which a node happens to find rows.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::replication {

struct LockPlan {
    std::vector<std::string> written;  // as SQL, each once
    std::vector<std::string> others;   // that are only read
    // Materialized views: what their queries read is locked, and their rows are compared.
    std::vector<std::string> refreshed{};
    std::string reason;       // why rows cannot travel, in words
    bool is_counted = false;  // its command tag tells whether anything was written
    [[nodiscard]] bool empty() const { return written.empty() && others.empty() && refreshed.empty(); }
};

using LockPlanPtr = std::shared_ptr<const LockPlan>;

// Why rows cannot travel, in words. REQUIRES: they cannot.
[[nodiscard]] std::string why_no_rows(const sql::Statement& statement, const sql::CatalogFacts& facts);

// Why nodes that see the same rows may come to something else; empty: they do not.
[[nodiscard]] std::string obstacle_to_locks(const sql::Statement& statement, const sql::CatalogFacts& facts);

// REQUIRES: no obstacle.
[[nodiscard]] LockPlanPtr plan_locks(const sql::Statement& statement, const sql::CatalogFacts& facts);

// Of REFRESH MATERIALIZED VIEW.
[[nodiscard]] LockPlanPtr plan_refresh(const sql::RelationRef& view);

// Both null, or plans for the same tables.
[[nodiscard]] bool same_locks(const LockPlanPtr& one, const LockPlanPtr& other);

// All tables of all plans.
[[nodiscard]] LockPlan merged(std::span<const LockPlanPtr> plans);

// As the text of an array, for markers::kLockTables.
[[nodiscard]] std::string array_of(const std::vector<std::string>& names);

// The same locks by SQL, for who has the rights and no snapshot yet.
[[nodiscard]] std::vector<std::string> lock_commands(const LockPlan& plan);

}  // namespace pgpool::replication
