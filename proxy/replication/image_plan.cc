// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/image_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/replication/trigger_plan.h"
#include "proxy/replication/value_text.h"
#include "proxy/sql/settings.h"

namespace pgpool::replication {
namespace {

using sql::Change;
using sql::ColumnFacts;
using sql::in_quotes;
using sql::UniqueKey;
using sql::WriteFacts;

bool holds(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// An INSERT gives the column a value of its own.
bool is_given(const Change& change, const ColumnFacts& column, std::size_t position) {
    if (change.ignores_identities && column.is_identity) return false;
    return std::any_of(change.given.begin(), change.given.end(), [&](const sql::ColumnValue& value) {
        const bool is_it = value.column.empty() ? value.position == position : value.column == column.name;
        return is_it && !value.is_default;
    });
}

template <typename Test>
const UniqueKey* find_key(const WriteFacts& table, Test test) {
    const auto found = std::find_if(table.keys.begin(), table.keys.end(), test);
    return found == table.keys.end() ? nullptr : &*found;
}

std::string joined(const std::vector<std::string>& parts, std::string_view with) {
    return fmt::format("{}", fmt::join(parts, with));
}

// Tells what the values rest on: the settings that they are written by, and how many columns the table has,
// as they are now, not as the statement was judged. Once for all rows.
std::string check_column(const ImagePlan& plan) {
    if (plan.columns == 0) return fmt::format("(SELECT {})", telling_settings());
    return fmt::format(
        "(SELECT pg_catalog.concat_ws('/', {}, pg_catalog.count(*)) FROM pg_catalog.pg_attribute AS x "
        "WHERE x.attrelid OPERATOR(pg_catalog.=) {}::pg_catalog.regclass AND x.attnum OPERATOR(pg_catalog.>) "
        "0 "
        "AND NOT x.attisdropped)",
        telling_settings(), sql::quote_literal(plan.target));
}

// By the output function of its type: a cast to text may be another one.
std::string in_text(const std::string& value) {
    return fmt::format(
        "CASE WHEN pg_catalog.num_nulls({0}) OPERATOR(pg_catalog.=) 0 THEN pg_catalog.format('%s', {0}) END",
        value);
}

class Planner {
public:
    Planner(const Change& change, const WriteFacts& table, const sql::CatalogFacts& facts)
        : change_(change), table_(table), facts_(facts), triggers_(plan_triggers(change, table, facts)) {
        const std::string name = in_quotes(change.target.name);
        plan_.target = change.target.schema.empty() ? name : in_quotes(change.target.schema) + "." + name;
        alias_ = change.alias.empty() ? name : in_quotes(change.alias);
        plan_.client_returns = change.returns;
        plan_.is_quiet = triggers_.is_quiet;
    }

    ImagePlanPtr run(const sql::Statement& statement) && {
        if (!triggers_.obstacle.empty() || !make()) return nullptr;
        if (plan_.is_quiet) {
            for (const sql::HeldKey* key : triggers_.held) hold(*key);
        }
        plan_.moved.insert(plan_.moved.end(), statement.sequences.begin(), statement.sequences.end());
        plan_.set = statement.set_sequences;
        return std::make_shared<const ImagePlan>(std::move(plan_));
    }

private:
    bool make() {
        switch (change_.verb) {
            case Change::Verb::Insert:
                return insert();
            case Change::Verb::Update:
                return update();
            case Change::Verb::Delete:
                return remove();
            default:
                return false;
        }
    }

    // A value of one row, and of each of all rows.
    struct Value {
        std::string one;
        std::string of_all;
    };

    Value add(const ColumnFacts& column) {
        plan_.returned.push_back(alias_ + "." + in_quotes(column.name) + column.cast);
        names_.push_back(column.name);
        const std::size_t number = plan_.returned.size();
        are_types_known_ = are_types_known_ && !column.type.empty();
        return {fmt::format("${}", number), fmt::format("v.c{}::{}", number, column.type)};
    }

    // All rows, once all values are added.
    [[nodiscard]] std::string all_rows() const {
        std::vector<std::string> arrays;
        std::vector<std::string> names;
        for (std::size_t i = 1; i <= plan_.returned.size(); ++i) {
            arrays.push_back(fmt::format("pg_catalog.unnest(${}::pg_catalog.text[])", i));
            names.push_back(fmt::format("c{}", i));
        }
        return fmt::format("ROWS FROM ({}) AS v({})", joined(arrays, ", "), joined(names, ", "));
    }

    // Where an order decides whether keys collide it must be main's.
    void repeat(std::string one, std::string of_all, bool needs_order) {
        plan_.repeat = std::move(one);
        if (are_types_known_ && !needs_order) plan_.repeat_all = std::move(of_all);
        if (!plan_.is_quiet) plan_.one_by_one = table_.at_end;  // else main alone checks it
    }

    [[nodiscard]] bool knows_assigned() const {
        return std::all_of(
            change_.assigned.begin(), change_.assigned.end(),
            [this](const sql::ColumnValue& value) { return table_.column(value.column) != nullptr; });
    }

    // `is_seen`: each row shows what it drew. False: nobody can tell where the sequence is.
    [[nodiscard]] bool follow_sequence(const ColumnFacts& column, bool is_seen) {
        if (column.is_drawn && is_seen) {
            plan_.sequences.push_back(
                {.at = plan_.returned.size() - 1, .column = column.name, .falls = column.falls});
            return true;
        }
        plan_.moved.insert(plan_.moved.end(), column.sequences.begin(), column.sequences.end());
        return !column.sequences.empty();
    }

    // "col" = $1 AND ..., and the same of all rows.
    [[nodiscard]] bool is_kept(const UniqueKey& key) const {
        return std::none_of(key.columns.begin(), key.columns.end(),
                            [this](const std::string& column) { return triggers_.changes(change_, column); });
    }

    std::optional<Value> by_key() {
        const UniqueKey* key = find_key(table_, [this](const UniqueKey& one) {
            return !one.has_nulls && !one.columns.empty() && is_kept(one);
        });
        if (key == nullptr || facts_.shadowing_operators.contains("=")) return std::nullopt;
        std::vector<std::string> one;
        std::vector<std::string> of_all;
        for (const std::string& name : key->columns) {
            const ColumnFacts* column = table_.column(name);
            if (column == nullptr) return std::nullopt;
            const Value value = add(*column);
            one.push_back(fmt::format("{} = {}", in_quotes(name), value.one));
            of_all.push_back(fmt::format("t.{} = {}", in_quotes(name), value.of_all));
        }
        return Value{joined(one, " AND "), joined(of_all, " AND ")};
    }

    bool update() {
        const auto condition = by_key();
        if (!condition) return false;
        std::vector<std::string> one;
        std::vector<std::string> of_all;
        bool needs_order =
            std::any_of(table_.columns.begin(), table_.columns.end(), [](const ColumnFacts& column) {
                return column.filled == sql::Default::Generated && column.is_unique;
            });
        for (const ColumnFacts& column : table_.columns) {
            if (!triggers_.changes(change_, column.name) || column.filled == sql::Default::Generated)
                continue;
            const Value value = add(column);
            one.push_back(fmt::format("{} = {}", in_quotes(column.name), value.one));
            of_all.push_back(fmt::format("{} = {}", in_quotes(column.name), value.of_all));
            needs_order = needs_order || column.is_unique;
            const bool draws = std::any_of(
                change_.assigned.begin(), change_.assigned.end(),
                [&](const sql::ColumnValue& to) { return to.column == column.name && to.is_default; });
            if (draws && column.filled == sql::Default::Sequence && !follow_sequence(column, true))
                return false;
        }
        if (one.empty() || !knows_assigned()) return false;
        repeat(fmt::format("UPDATE {} SET {} WHERE {}", plan_.target, joined(one, ", "), condition->one),
               fmt::format("UPDATE {} AS t SET {} FROM {} WHERE {}", plan_.target, joined(of_all, ", "),
                           all_rows(), condition->of_all),
               needs_order);
        plan_.tag = "UPDATE";
        return true;
    }

    bool remove() {
        const auto condition = by_key();
        if (!condition) return false;
        repeat(
            fmt::format("DELETE FROM {} WHERE {}", plan_.target, condition->one),
            fmt::format("DELETE FROM {} AS t USING {} WHERE {}", plan_.target, all_rows(), condition->of_all),
            false);
        plan_.tag = "DELETE";
        return true;
    }

    bool insert() {
        if (table_.several) return false;
        const bool is_upsert = change_.on_conflict == Change::OnConflict::Update;
        std::vector<std::string> columns;
        std::vector<std::string> one;
        std::vector<std::string> of_all;
        for (std::size_t i = 0; i < table_.columns.size(); ++i) {
            const ColumnFacts& column = table_.columns[i];
            if (column.filled == sql::Default::Generated) continue;
            Value value = add(column);
            one.push_back(std::move(value.one));
            of_all.push_back(std::move(value.of_all));
            columns.push_back(in_quotes(column.name));
            if (column.filled != sql::Default::Sequence || is_given(change_, column, i)) continue;
            const bool is_seen =
                !is_upsert && !may_be_given(column.name, i) && !triggers_.all.assigns(column.name);
            if (!follow_sequence(column, is_seen)) return false;
        }
        if (columns.empty()) return false;
        const auto conflict = is_upsert ? upsert() : std::string();
        if (!conflict) return false;
        const std::string into =
            fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE", plan_.target, joined(columns, ", "));
        repeat(fmt::format("{} VALUES ({}){}", into, joined(one, ", "), *conflict),
               fmt::format("{} SELECT {} FROM {}{}", into, joined(of_all, ", "), all_rows(), *conflict),
               false);
        plan_.columns = table_.columns.size();
        plan_.tag = "INSERT 0";
        return true;
    }

    // By one of several rows, of which another has DEFAULT.
    [[nodiscard]] bool may_be_given(const std::string& column, std::size_t position) const {
        return !change_.one_row &&
               std::any_of(change_.given.begin(), change_.given.end(), [&](const sql::ColumnValue& value) {
                   return (value.column.empty() ? value.position == position : value.column == column) &&
                          value.is_default;
               });
    }

    std::optional<std::string> upsert() const {
        const UniqueKey* key = find_key(table_, [this](const UniqueKey& one) {
            return !one.columns.empty() && is_arbiter(change_, one) && is_kept(one);
        });
        if (key == nullptr) return std::nullopt;
        std::vector<std::string> assignments;
        for (const ColumnFacts& column : table_.columns) {
            if (!triggers_.changes(change_, column.name) || column.filled == sql::Default::Generated)
                continue;
            assignments.push_back(fmt::format("{0} = EXCLUDED.{0}", in_quotes(column.name)));
        }
        if (assignments.empty() || !knows_assigned()) return std::nullopt;
        std::vector<std::string> arbiter;
        for (const std::string& column : key->columns) arbiter.push_back(in_quotes(column));
        return fmt::format(" ON CONFLICT ({}) DO UPDATE SET {}", joined(arbiter, ", "),
                           joined(assignments, ", "));
    }

    // What a foreign key would hold if it was checked.
    void hold(const sql::HeldKey& key) {
        ImagePlan::Hold made;
        std::vector<std::string> arrays;
        std::vector<std::string> names;
        std::vector<std::string> nulls;
        std::vector<std::string> same;
        for (std::size_t i = 0; i < key.columns.size(); ++i) {
            const ColumnFacts& column = *table_.column(key.columns[i]);
            made.at.push_back(place_of(column));
            arrays.push_back(fmt::format("pg_catalog.unnest(${}::pg_catalog.text[])", i + 1));
            names.push_back(fmt::format("c{}", i + 1));
            nulls.push_back(fmt::format("v.c{} IS NULL", i + 1));
            same.push_back(
                fmt::format("p.{} = v.c{}::{}", in_quotes(key.parent_columns[i]), i + 1, column.type));
        }
        made.sql = fmt::format(
            "SELECT FROM ROWS FROM ({}) AS v({}) WHERE {} OR EXISTS (SELECT FROM {} AS p WHERE {} FOR KEY "
            "SHARE)",
            joined(arrays, ", "), joined(names, ", "), joined(nulls, " OR "), key.parent,
            joined(same, " AND "));
        plan_.holds.push_back(std::move(made));
    }

    std::size_t place_of(const ColumnFacts& column) {
        const auto found = std::find(names_.begin(), names_.end(), column.name);
        if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin());
        plan_.returned.push_back(alias_ + "." + in_quotes(column.name));
        names_.push_back(column.name);
        ++plan_.extra;
        return names_.size() - 1;
    }

    const Change& change_;
    const WriteFacts& table_;
    const sql::CatalogFacts& facts_;
    TriggerPlan triggers_;
    std::string alias_;
    std::vector<std::string> names_;  // of columns that are returned
    bool are_types_known_ = true;
    ImagePlan plan_;
};

ImagePlanPtr only_moves(const sql::Statement& statement) {
    ImagePlan plan;
    plan.moved = statement.sequences;
    plan.set = statement.set_sequences;
    plan.client_returns = true;
    return std::make_shared<const ImagePlan>(std::move(plan));
}

}  // namespace

bool is_arbiter(const Change& change, const UniqueKey& key) {
    if (!change.conflict_constraint.empty()) return key.name == change.conflict_constraint;
    return !change.conflict_unclear && key.columns.size() == change.conflict_columns.size() &&
           std::all_of(key.columns.begin(), key.columns.end(),
                       [&](const std::string& column) { return holds(change.conflict_columns, column); });
}

ImagePlanPtr plan_images(const sql::Statement& statement, const sql::CatalogFacts& facts) {
    if (statement.explained || statement.has_unclear_sequence) return nullptr;
    if (statement.changes.empty() && !statement.sequences.empty()) return only_moves(statement);
    if (statement.changes.size() != 1) return nullptr;
    const Change& change = statement.changes.front();
    if (change.in_with) return nullptr;
    const sql::RelationFacts* table = facts.relation(change.target.schema, change.target.name);
    if (table == nullptr || !table->write) return nullptr;
    return Planner(change, *table->write, facts).run(statement);
}

bool same_effect(const ImagePlanPtr& one, const ImagePlanPtr& other) {
    if (!one || !other) return one == other;
    return one->returned == other->returned && one->columns == other->columns &&
           one->repeat == other->repeat && one->repeat_all == other->repeat_all &&
           one->one_by_one == other->one_by_one && one->sequences.size() == other->sequences.size() &&
           one->moved == other->moved && one->is_quiet == other->is_quiet &&
           std::equal(one->holds.begin(), one->holds.end(), other->holds.begin(), other->holds.end(),
                      [](const auto& a, const auto& b) { return a.sql == b.sql; });
}

std::string with_returning(std::string_view sql, const ImagePlan& plan, bool as_text) {
    if (plan.returned.empty()) return std::string(sql);
    std::vector<std::string> values = plan.returned;
    if (as_text) std::transform(values.begin(), values.end(), values.begin(), in_text);
    values.push_back(check_column(plan));
    return fmt::format("{} {} {}", sql, plan.client_returns ? "," : "RETURNING", joined(values, ", "));
}

}  // namespace pgpool::replication
