// SPDX-License-Identifier: PostgreSQL
#pragma once

// TriggerPlan: what the triggers of a table mean for rows that travel (image_plan.h). Triggers have run on
// the node that wrote the rows, and what they made of them is in the rows: where one may change a row, or
// decide otherwise on another node, they are kept quiet on the others (docs/adr/0015-triggers.md). There
// foreign keys are quiet too, so what these would do must be done otherwise or not be needed. A pure function
// of the statement and the facts of its database.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::replication {

struct TriggerPlan {
    sql::TriggerFacts all;                  // that fire
    sql::TriggerFacts changing;             // of those, the ones that may change what is there already
    std::vector<const sql::HeldKey*> held;  // of rows that are new, or may have got another key
    bool is_quiet = false;                  // rows must be repeated with triggers kept quiet
    std::string obstacle;                   // why they cannot be kept quiet, though they must, in words

    // By the statement or by triggers.
    [[nodiscard]] bool changes(const sql::Change& change, std::string_view column) const;
};

[[nodiscard]] TriggerPlan plan_triggers(const sql::Change& change, const sql::WriteFacts& table,
                                        const sql::CatalogFacts& facts);

// Of a statement that writes one table; empty: rows can travel as far as triggers go.
[[nodiscard]] std::string obstacle_by_triggers(const sql::Statement& statement,
                                               const sql::CatalogFacts& facts);

}  // namespace pgpool::replication
