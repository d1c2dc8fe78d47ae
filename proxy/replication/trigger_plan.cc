// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/trigger_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace pgpool::replication {
namespace {

using sql::CatalogFacts;
using sql::Change;
using sql::TriggerFacts;
using sql::WriteFacts;

bool updates(const Change& change) {
    return change.verb == Change::Verb::Update || change.on_conflict == Change::OnConflict::Update;
}

TriggerFacts all_of(const Change& change, const WriteFacts& table) {
    TriggerFacts all;
    if (change.verb == Change::Verb::Insert || change.verb == Change::Verb::Copy) all = table.on_insert;
    if (change.verb == Change::Verb::Delete) all = table.on_delete;
    if (updates(change)) all.add(table.on_update);
    return all;
}

// What foreign keys would do after an UPDATE, or triggers leave of the key that its rows are found by.
std::string obstacle_to_update(const TriggerPlan& plan, const Change& change, const WriteFacts& table) {
    if (!plan.changing.assigns_any.empty())
        return plan.changing.assigns_any + " may change any column, also of the key";
    for (const sql::FollowedKey& key : table.followed) {
        const bool is_touched = std::any_of(key.columns.begin(), key.columns.end(),
                                            [&](const auto& column) { return plan.changes(change, column); });
        if (is_touched) return fmt::format("{} changes other rows after these", key.name);
    }
    for (const std::string& name : plan.changing.assigned) {
        const sql::ColumnFacts* column = table.column(name);
        if (column != nullptr && column->is_always)
            return fmt::format("a trigger may change identity column \"{}\", which is GENERATED ALWAYS",
                               name);
    }
    return {};
}

std::string obstacle_to_quiet(const TriggerPlan& plan, const Change& change, const WriteFacts& table,
                              const CatalogFacts& facts) {
    if (!table.quiet_obstacle.empty()) return table.quiet_obstacle;
    if (!plan.all.always.empty()) return plan.all.always + " is ENABLE ALWAYS or REPLICA";
    if (!plan.held.empty() && facts.shadowing_operators.contains("=")) return "an operator = of users";
    for (const sql::HeldKey* key : plan.held) {
        if (!key->obstacle.empty()) return key->obstacle;
    }
    if (change.verb == Change::Verb::Delete && !table.delete_action.empty())
        return fmt::format("{} deletes or changes other rows after these", table.delete_action);
    return updates(change) ? obstacle_to_update(plan, change, table) : std::string();
}

}  // namespace

bool TriggerPlan::changes(const Change& change, std::string_view column) const {
    return changing.assigns(column) ||
           std::any_of(change.assigned.begin(), change.assigned.end(),
                       [&](const sql::ColumnValue& value) { return value.column == column; });
}

// Those that change nothing may run on the others too: where they cannot be kept quiet they do.
TriggerPlan plan_triggers(const Change& change, const WriteFacts& table, const CatalogFacts& facts) {
    TriggerPlan plan;
    plan.all = all_of(change, table);
    if (updates(change)) plan.changing = table.on_update;
    if (!plan.all.is_before && plan.all.looks.empty()) return plan;
    for (const sql::HeldKey& key : table.held) {
        const bool is_touched =
            change.verb == Change::Verb::Insert ||
            std::any_of(key.columns.begin(), key.columns.end(),
                        [&](const std::string& column) { return plan.changes(change, column); });
        if (is_touched) plan.held.push_back(&key);
    }
    const std::string obstacle = obstacle_to_quiet(plan, change, table, facts);
    plan.is_quiet = obstacle.empty();
    if (plan.all.is_before) plan.obstacle = obstacle;
    return plan;
}

std::string obstacle_by_triggers(const sql::Statement& statement, const CatalogFacts& facts) {
    if (statement.changes.size() != 1 || statement.changes.front().in_with) return {};
    const Change& change = statement.changes.front();
    const sql::RelationFacts* known = facts.relation(change.target.schema, change.target.name);
    if (known == nullptr || !known->write) return {};
    const TriggerPlan plan = plan_triggers(change, *known->write, facts);
    if (!plan.obstacle.empty())
        return fmt::format("triggers of table \"{}\" cannot be kept quiet: {}", change.target.name,
                           plan.obstacle);
    for (const sql::UniqueKey& key : known->write->keys) {
        for (const std::string& column : key.columns) {
            if (updates(change) && plan.changing.assigns(column))
                return fmt::format("a trigger of table \"{}\" may change column \"{}\" of a key",
                                   change.target.name, column);
        }
    }
    return {};
}

}  // namespace pgpool::replication
