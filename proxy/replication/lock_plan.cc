// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/lock_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/replication/trigger_plan.h"
#include "proxy/sql/settings.h"

namespace pgpool::replication {
namespace {

using sql::Access;
using sql::Change;
using sql::Kind;
using sql::RelationRef;
using sql::Statement;

void add(std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

std::string as_sql(const RelationRef& ref) {
    const std::string name = sql::in_quotes(ref.name);
    return ref.schema.empty() ? name : sql::in_quotes(ref.schema) + "." + name;
}

const sql::WriteFacts* written(const RelationRef& ref, const sql::CatalogFacts& facts) {
    const sql::RelationFacts* known = facts.relation(ref.schema, ref.name);
    return known == nullptr ? nullptr : known->write.get();
}

// The targets of the parts of WITH and of the statement itself, each as often as it is one.
std::vector<const RelationRef*> targets_of(const Statement& statement) {
    std::vector<const RelationRef*> targets;
    bool has_own = false;  // a MERGE tells its target again with each of its actions
    for (const Change& change : statement.changes) {
        if (change.in_with || !std::exchange(has_own, true)) targets.push_back(&change.target);
    }
    return targets;
}

// Parts of WITH run in an order that nobody knows: no two of them may write one table, by whatever name.
std::string meets_itself(const Statement& statement, const sql::CatalogFacts& facts) {
    const std::vector<const RelationRef*> targets = targets_of(statement);
    if (targets.size() < 2) return {};
    std::vector<std::string> seen;
    for (const RelationRef* target : targets) {
        if (std::find(seen.begin(), seen.end(), target->name) != seen.end())
            return fmt::format("it writes table \"{}\" more than once", target->name);
        seen.push_back(target->name);
        const sql::WriteFacts* table = written(*target, facts);
        if (table == nullptr || table->partition)
            return fmt::format("\"{}\" may be a part of another table that it writes", target->name);
    }
    return {};
}

// Of several rows that meet one, any may be taken, or come first.
std::string chooses_rows(const Change& change) {
    if (change.joins && change.verb == Change::Verb::Update)
        return "UPDATE ... FROM takes any of the rows that meet one";
    if (change.joins && change.in_with && change.returns)
        return "DELETE ... USING returns any of the rows that meet one";
    if (change.on_conflict != Change::OnConflict::Error && change.source == Change::Source::Query)
        return "which row of a query comes first decides ON CONFLICT";
    return {};
}

std::string unlogged(const Statement& statement, const sql::CatalogFacts& facts) {
    for (const RelationRef& ref : statement.relations) {
        const sql::RelationFacts* known = facts.relation(ref.schema, ref.name);
        if (known != nullptr && known->unlogged)
            return fmt::format("table \"{}\" is unlogged: a node may have lost its rows", ref.name);
    }
    return {};
}

}  // namespace

std::string why_no_rows(const Statement& statement, const sql::CatalogFacts& facts) {
    if (statement.kind == Kind::Merge) return "MERGE does not tell which rows it wrote";
    if (statement.changes.empty()) return "the rows of a new table are seen by nobody";
    if (statement.changes.size() > 1 || statement.changes.front().in_with)
        return "parts of WITH do not tell which rows they wrote";
    const std::string by_triggers = obstacle_by_triggers(statement, facts);
    if (!by_triggers.empty()) return by_triggers;
    return fmt::format("table \"{}\" has no key that stays", statement.changes.front().target.name);
}

std::string obstacle_to_locks(const Statement& statement, const sql::CatalogFacts& facts) {
    if (!statement.picks.empty())
        return fmt::format("{} takes any of the rows that compare equal", statement.picks);
    if (statement.locks_rows) return "it locks rows";
    const bool by_type =
        !statement.summed.empty() || !statement.moving_literals.empty() || !statement.cast_to_date.empty();
    if (statement.renames && by_type) return "the type of a column of WITH or of a subquery matters";
    for (const Change& change : statement.changes) {
        if (std::string obstacle = chooses_rows(change); !obstacle.empty()) return obstacle;
    }
    std::string obstacle = meets_itself(statement, facts);
    return obstacle.empty() ? unlogged(statement, facts) : obstacle;
}

LockPlanPtr plan_locks(const Statement& statement, const sql::CatalogFacts& facts) {
    LockPlan plan{.written = {}, .others = {}, .refreshed = {}, .reason = why_no_rows(statement, facts)};
    plan.is_counted = statement.changes.size() == 1 && !statement.changes.front().in_with;
    if (!statement.changes.empty()) {  // else what is written is made by it
        for (const RelationRef& ref : statement.relations) {
            if (ref.access == Access::Write) add(plan.written, as_sql(ref));
        }
    }
    for (const RelationRef& ref : statement.relations) {
        const std::string name = as_sql(ref);
        const bool is_written =
            std::find(plan.written.begin(), plan.written.end(), name) != plan.written.end();
        if (ref.access != Access::Write && !is_written) add(plan.others, name);
    }
    return std::make_shared<const LockPlan>(std::move(plan));
}

LockPlanPtr plan_refresh(const RelationRef& view) {
    LockPlan plan;
    plan.refreshed = {as_sql(view)};
    plan.reason = "its rows are compared";
    return std::make_shared<const LockPlan>(std::move(plan));
}

bool same_locks(const LockPlanPtr& one, const LockPlanPtr& other) {
    if (!one || !other) return one == other;
    return one->written == other->written && one->others == other->others &&
           one->refreshed == other->refreshed;
}

LockPlan merged(std::span<const LockPlanPtr> plans) {
    LockPlan all;
    for (const LockPlanPtr& plan : plans) {
        for (const std::string& name : plan->written) add(all.written, name);
        for (const std::string& name : plan->others) add(all.others, name);
        for (const std::string& name : plan->refreshed) add(all.refreshed, name);
    }
    return all;
}

// As array_in() reads it.
std::string array_of(const std::vector<std::string>& names) {
    std::string text = "{";
    for (const std::string& name : names) {
        text += text.size() > 1 ? ",\"" : "\"";
        for (const char c : name) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return text + "}";
}

std::vector<std::string> lock_commands(const LockPlan& plan) {
    std::vector<std::string> commands;
    const auto lock = [&commands](const std::vector<std::string>& names, std::string_view mode) {
        if (!names.empty())
            commands.push_back(fmt::format("LOCK TABLE {} IN {} MODE", fmt::join(names, ", "), mode));
    };
    lock(plan.written, "SHARE ROW EXCLUSIVE");
    lock(plan.others, "SHARE");
    return commands;
}

}  // namespace pgpool::replication
