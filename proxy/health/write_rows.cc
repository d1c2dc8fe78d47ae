// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/write_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/health/function_body.h"
#include "proxy/health/trigger_rows.h"
#include "proxy/sql/builtin.h"

namespace pgpool::health {
namespace {

using pg::Rows;
using sql::WriteFacts;
using Oid = std::uint32_t;

constexpr Oid kFirstNormalOid = 16384;  // FirstNormalObjectId: functions below are built in

Oid to_oid(std::string_view text) {
    Oid value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

const Rows& of(const CatalogRows& rows, CatalogQuery query) {
    return rows[static_cast<std::size_t>(query)];
}

void object(std::string& to, const std::string& obstacle) {
    if (to.empty()) to = obstacle;
}

// What nextval() is given in a stored expression is a constant: the catalogs name the sequences.
bool draws_constants(std::string_view tree) {
    constexpr std::string_view kNextval = ":funcid 1574 ";  // pg_proc.dat
    constexpr std::string_view kArguments = ":args (";
    for (std::size_t at = tree.find(kNextval); at != std::string_view::npos;
         at = tree.find(kNextval, at + 1)) {
        const std::size_t arguments = tree.find(kArguments, at);
        if (arguments == std::string_view::npos) return false;
        if (!tree.substr(arguments + kArguments.size()).starts_with("{CONST")) return false;
    }
    return true;
}

// Constants and columns of regclass and its kin (pg_type.dat) are numbers, of which each node has its own.
bool has_numbers(std::string_view tree) {
    constexpr auto kTypes = std::to_array<std::string_view>(
        {"24", "2202", "2203", "2204", "2205", "2206", "3734", "3769", "4089", "4096", "4191"});
    return std::any_of(kTypes.begin(), kTypes.end(), [tree](std::string_view type) {
        return tree.find(fmt::format(":consttype {} ", type)) != std::string_view::npos ||
               tree.find(fmt::format(":vartype {} ", type)) != std::string_view::npos;
    });
}

std::vector<std::string> split_sequences(std::string_view names) {
    constexpr char kBetween = '\x1f';  // see CatalogQuery::Columns
    std::vector<std::string> all;
    while (!names.empty()) {
        const std::size_t size = std::min(names.find(kBetween), names.size());
        all.emplace_back(names.substr(0, size));
        names.remove_prefix(std::min(size + 1, names.size()));
    }
    return all;
}

// Which sequence is meant the search path decides: it need not be named where the column holds what it gave.
void merge_sequences(sql::ColumnFacts& to, const sql::ColumnFacts& from) {
    const auto draws = [](const sql::ColumnFacts& one) { return one.filled == sql::Default::Sequence; };
    if (!draws(to) && !draws(from)) return;
    if (draws(to) && draws(from) && to.sequences == from.sequences && to.is_drawn == from.is_drawn) return;
    const bool drawn = (!draws(to) || to.is_drawn) && (!draws(from) || from.is_drawn);
    if (!drawn || (draws(to) && draws(from) && to.falls != from.falls)) to.filled = sql::Default::MayWrite;
    to.falls = to.falls || from.falls;
    to.is_drawn = drawn;
    to.sequences.clear();
}

// Judges stored expressions.
class Expressions {
public:
    Expressions(const Rows& functions, std::span<const sql::FunctionFacts> judged)
        : functions_(functions), judged_(judged) {
        for (std::size_t i = 0; i < functions.size(); ++i) {
            const Oid oid = to_oid(functions.text(i, 0));
            const bool by_numbers = judged[i].builtin && sql::depends_on_numbers(functions.text(i, 2));
            if (judged[i].volatility != sql::Volatility::Immutable || judged[i].may_write || by_numbers)
                not_immutable_.emplace(oid, i);
            if (oid >= kFirstNormalOid) of_users_.insert(oid);
        }
    }

    [[nodiscard]] sql::Default judge(std::string_view tree) const {
        const auto holds = [tree](std::string_view node) {
            return tree.find(node) != std::string_view::npos;
        };
        auto worst = sql::Default::Deterministic;
        // CURRENT_TIMESTAMP and its kin; text that is read as another type.
        if (holds("{SQLVALUEFUNCTION") || holds("{COERCEVIAIO") || has_numbers(tree))
            worst = sql::Default::NotDeterministic;
        if (holds("{NEXTVALUEEXPR")) worst = sql::Default::Sequence;
        return std::max(worst, judge_calls(tree));
    }

    [[nodiscard]] sql::Default judge_calls(std::string_view tree) const {
        auto worst = sql::Default::Deterministic;
        for (const Oid oid : read_tree(tree).functions) worst = std::max(worst, judge_function(oid));
        return worst;
    }

private:
    [[nodiscard]] sql::Default judge_function(Oid oid) const {
        const auto found = not_immutable_.find(oid);
        // What is not in the list was made while the catalogs were read.
        const bool is_known = oid < kFirstNormalOid || of_users_.contains(oid);
        if (found == not_immutable_.end())
            return is_known ? sql::Default::Deterministic : sql::Default::MayWrite;
        const std::string_view name = functions_.text(found->second, 2);
        const sql::FunctionFacts& facts = judged_[found->second];
        if (!facts.builtin) {
            const bool may_write = facts.may_write || !facts.writes_nothing;
            return may_write ? sql::Default::MayWrite : sql::Default::NotDeterministic;
        }
        if (name == "nextval") return sql::Default::Sequence;
        if (sql::runs_unknown_code(name)) return sql::Default::MayWrite;
        return sql::depends_on_settings_only(name) ? sql::Default::Deterministic
                                                   : sql::Default::NotDeterministic;
    }

    const Rows& functions_;
    std::span<const sql::FunctionFacts> judged_;
    std::unordered_map<Oid, std::size_t> not_immutable_;
    std::set<Oid> of_users_;
};

bool same_columns(const WriteFacts& a, const WriteFacts& b) {
    return std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(),
                      [](const auto& x, const auto& y) { return x.name == y.name; });
}

sql::Content to_content(std::string_view word) {
    if (word == kFloatContent) return sql::Content::Float;
    if (word == kObjectContent) return sql::Content::Object;
    if (word == kDateContent) return sql::Content::Date;
    return word == kContainerContent ? sql::Content::DateContainer : sql::Content::Plain;
}

// Of a foreign key.
bool acts(char action) {
    return action == 'c' || action == 'n' || action == 'd';
}

class WriteFactsBuilder {
public:
    WriteFactsBuilder(const CatalogRows& rows, std::span<const sql::FunctionFacts> functions)
        : rows_(rows), functions_(functions), expressions_(of(rows, CatalogQuery::Functions), functions) {}

    WriteFactsByOid run() {
        add_tables();
        add_columns();
        add_keys();
        add_triggers();
        add_checks();
        add_partitions();
        read_foreign_keys();
        follow_foreign_keys();
        guard_quiet();
        inherit_foreign_keys();
        WriteFactsByOid out;
        for (auto& [oid, table] : tables_) {
            out.emplace(oid, std::make_shared<const WriteFacts>(std::move(table.facts)));
        }
        return out;
    }

private:
    enum class Event : std::uint8_t { Delete, Update };
    using Seen = std::set<std::pair<Oid, Event>>;
    struct Table {
        WriteFacts facts;
        std::string name;
    };
    struct ForeignKey {
        std::string name;
        Oid from = 0;
        sql::HeldKey held;
        bool is_of_part = false;  // it is only a partition of what the key refers to
        char on_delete = 'a';
        char on_update = 'a';
        std::vector<std::string> columns;  // of the table that is referenced
    };

    [[nodiscard]] Table* table(std::string_view oid) {
        const auto found = tables_.find(to_oid(oid));
        return found == tables_.end() ? nullptr : &found->second;
    }

    void add_tables();
    void add_columns();
    void add_keys();
    void add_triggers();
    void add_checks();
    void add_partitions();
    void inherit(Oid parent, Oid child, std::set<Oid>& seen);
    void read_foreign_keys();
    void hold_parents();
    void guard_quiet();
    void follow_foreign_keys();
    void inherit_foreign_keys();
    void inherit_foreign_keys(Oid parent, Oid child, std::set<Oid>& seen);
    std::string obstacle_to(Event event, Oid oid, Seen& seen);
    std::string obstacle_to_action(const ForeignKey& key, Event event, Seen& seen);

    const CatalogRows& rows_;
    std::span<const sql::FunctionFacts> functions_;
    Expressions expressions_;
    std::unordered_map<Oid, Table> tables_;
    std::unordered_map<Oid, std::vector<Oid>> partitions_;
    std::unordered_map<Oid, std::vector<ForeignKey>> foreign_keys_;  // by the table that is referenced
};

void WriteFactsBuilder::add_tables() {
    const Rows& rows = of(rows_, CatalogQuery::Tables);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Table& table = tables_[to_oid(rows.text(i, 0))];
        table.name = rows.text(i, 2);
        table.facts.partition = rows.is_true(i, 5);
        const std::string_view kind = rows.text(i, 1);
        std::string& obstacle = table.facts.obstacle;
        if (kind == "v") obstacle = fmt::format("\"{}\" is a view", table.name);
        if (kind == "m") obstacle = fmt::format("\"{}\" is a materialized view", table.name);
        if (kind == "f") obstacle = fmt::format("\"{}\" is a foreign table", table.name);
        if (rows.is_true(i, 3)) object(obstacle, fmt::format("row security on table \"{}\"", table.name));
        if (rows.is_true(i, 4)) object(obstacle, fmt::format("a rule on table \"{}\"", table.name));
        if (rows.at(i, 6))
            table.facts.at_end =
                fmt::format("constraint \"{}\" of table \"{}\"", rows.text(i, 6), table.name);
    }
    const Rows& relations = of(rows_, CatalogQuery::Relations);
    for (std::size_t i = 0; i < relations.size(); ++i) {
        Table* unlogged = relations.text(i, 4) == "u" ? table(relations.text(i, 0)) : nullptr;
        if (unlogged != nullptr)
            object(unlogged->facts.obstacle,
                   fmt::format("table \"{}\" is unlogged: a crash of one node empties it there",
                               unlogged->name));
    }
}

void WriteFactsBuilder::add_columns() {
    const Rows& rows = of(rows_, CatalogQuery::Columns);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Table* to = table(rows.text(i, 0));
        if (to == nullptr) continue;
        sql::ColumnFacts column;
        column.name = rows.text(i, 1);
        column.content = to_content(rows.text(i, 5));
        if (!rows.text(i, 2).empty()) {
            column.filled = sql::Default::Sequence;
        } else if (rows.is_true(i, 3)) {
            column.filled = sql::Default::Generated;
            const std::string_view tree = rows.text(i, 4);
            if (has_numbers(tree) || expressions_.judge_calls(tree) != sql::Default::Deterministic)
                object(to->facts.obstacle,
                       fmt::format("column \"{}\" of table \"{}\" is generated by what is "
                                   "not immutable",
                                   column.name, to->name));
        } else if (rows.at(i, 4)) {
            column.filled = expressions_.judge(rows.text(i, 4));
        }
        column.type = rows.text(i, 6);
        column.is_unique = rows.is_true(i, 7);
        column.is_always = rows.text(i, 2) == "a";
        column.is_identity = !rows.text(i, 2).empty();
        column.cast = rows.text(i, 11);
        column.sequences = split_sequences(rows.text(i, 8));
        column.is_drawn = rows.is_true(i, 9);
        column.falls = rows.is_true(i, 10);
        const bool is_known =
            column.is_drawn || (!column.sequences.empty() && draws_constants(rows.text(i, 4)));
        if (column.filled == sql::Default::Sequence && !is_known) column.filled = sql::Default::MayWrite;
        to->facts.columns.push_back(std::move(column));
    }
}

void WriteFactsBuilder::add_keys() {
    const Rows& rows = of(rows_, CatalogQuery::Keys);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Table* to = table(rows.text(i, 1));
        if (to == nullptr) continue;
        const bool first = i == 0 || rows.text(i, 0) != rows.text(i - 1, 0);
        if (first) to->facts.keys.push_back({.name = std::string(rows.text(i, 2)), .columns = {}});
        sql::UniqueKey& key = to->facts.keys.back();
        key.columns.emplace_back(rows.text(i, 3));
        key.has_nulls = key.has_nulls || rows.is_true(i, 4);
    }
}

void WriteFactsBuilder::add_triggers() {
    const auto judge = [this](std::string_view tree) { return expressions_.judge(tree); };
    for (Trigger& trigger : read_triggers(rows_, functions_, judge)) {
        const auto to = tables_.find(trigger.relation);
        if (to == tables_.end()) continue;
        WriteFacts& facts = to->second.facts;
        // Text such as 'now' becomes another date there tomorrow.
        trigger.looks |= std::any_of(
            facts.columns.begin(), facts.columns.end(), [&trigger](const sql::ColumnFacts& column) {
                return column.content >= sql::Content::Date && trigger.assigns(column.name);
            });
        const std::string text = trigger.in_words(to->second.name) + ", which may write";
        const auto add = [&](bool fires, std::string& obstacle, sql::TriggerFacts* on) {
            if (fires && trigger.may_write) object(obstacle, text);
            if (fires && !trigger.may_write && on != nullptr) on->add(trigger.facts(to->second.name));
        };
        add(trigger.on_insert, facts.insert_obstacle, &facts.on_insert);
        add(trigger.on_update, facts.update_obstacle, &facts.on_update);
        add(trigger.on_delete, facts.delete_obstacle, &facts.on_delete);
        add(trigger.on_truncate, facts.truncate_obstacle, nullptr);
    }
}

void WriteFactsBuilder::add_checks() {
    const Rows& rows = of(rows_, CatalogQuery::Checks);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Table* to = table(rows.text(i, 0));
        if (to == nullptr || expressions_.judge(rows.text(i, 3)) == sql::Default::Deterministic) continue;
        object(to->facts.obstacle,
               rows.at(i, 2)
                   ? fmt::format("check \"{}\" of table \"{}\" is not immutable", rows.text(i, 2), to->name)
                   : fmt::format("the partition key of table \"{}\" is not immutable", to->name));
    }
}

void WriteFactsBuilder::add_partitions() {
    const Rows& rows = of(rows_, CatalogQuery::Inheritance);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows.is_true(i, 2)) {
            partitions_[to_oid(rows.text(i, 0))].push_back(to_oid(rows.text(i, 1)));
            continue;
        }
        for (const std::size_t side : {0U, 1U}) {
            if (Table* to = table(rows.text(i, side)))
                object(to->facts.obstacle, fmt::format("inheritance of table \"{}\"", to->name));
        }
    }
    for (const auto& [parent, children] : partitions_) {
        std::set<Oid> seen{parent};
        for (const Oid child : children) inherit(parent, child, seen);
    }
}

// A row that changes its partition is deleted from one and inserted into the other.
void WriteFactsBuilder::inherit(Oid parent, Oid child, std::set<Oid>& seen) {
    const auto to = tables_.find(parent);
    const auto from = tables_.find(child);
    if (to == tables_.end() || from == tables_.end() || !seen.insert(child).second) return;
    WriteFacts& all = to->second.facts;
    const WriteFacts& part = from->second.facts;
    object(all.obstacle, part.obstacle);
    object(all.insert_obstacle, part.insert_obstacle);
    object(all.delete_obstacle, part.delete_obstacle);
    object(all.truncate_obstacle, part.truncate_obstacle);
    object(all.at_end, part.at_end);
    for (sql::ColumnFacts& column : all.columns) {
        const sql::ColumnFacts* same = part.column(column.name);
        column.is_unique = column.is_unique || (same != nullptr && same->is_unique);
    }
    for (const std::string* obstacle :
         {&part.update_obstacle, &part.delete_obstacle, &part.insert_obstacle}) {
        object(all.update_obstacle, *obstacle);
    }
    all.on_insert.add(part.on_insert);
    all.on_delete.add(part.on_delete);
    for (const sql::TriggerFacts* triggers : {&part.on_update, &part.on_delete, &part.on_insert})
        all.on_update.add(*triggers);
    if (const auto below = partitions_.find(child); below != partitions_.end()) {
        for (const Oid next : below->second) inherit(parent, next, seen);
    }
}

void WriteFactsBuilder::read_foreign_keys() {
    const Rows& rows = of(rows_, CatalogQuery::ForeignKeys);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        std::vector<ForeignKey>& keys = foreign_keys_[to_oid(rows.text(i, 2))];
        if (i == 0 || rows.text(i, 0) != rows.text(i - 1, 0)) {
            ForeignKey& key = keys.emplace_back();
            key.name = rows.text(i, 1);
            key.from = to_oid(rows.text(i, 4));
            if (!rows.text(i, 5).empty()) key.on_delete = rows.text(i, 5).front();
            if (!rows.text(i, 6).empty()) key.on_update = rows.text(i, 6).front();
            key.held.parent = rows.text(i, 8);
            if (rows.is_true(i, 9)) key.held.obstacle = fmt::format("row security on {}", key.held.parent);
            if (rows.is_true(i, 11))
                key.held.obstacle = fmt::format("foreign key \"{}\" is deferrable", key.name);
            key.is_of_part = rows.is_true(i, 10);
        }
        ForeignKey& key = keys.back();
        key.columns.emplace_back(rows.text(i, 3));
        key.held.columns.emplace_back(rows.text(i, 7));
        key.held.parent_columns.emplace_back(rows.text(i, 3));
    }
    hold_parents();
}

// What PostgreSQL holds when it checks the key, which it does not where triggers are quiet.
void WriteFactsBuilder::hold_parents() {
    for (const auto& [oid, keys] : foreign_keys_) {
        for (const ForeignKey& key : keys) {
            const auto from = tables_.find(key.from);
            if (from == tables_.end() || key.is_of_part) continue;
            WriteFacts& facts = from->second.facts;
            sql::HeldKey& held = facts.held.emplace_back(key.held);
            const auto is_plain = [&](const std::string& name) {
                const sql::ColumnFacts* column = facts.column(name);
                return column != nullptr && column->filled != sql::Default::Generated &&
                       !column->type.empty();
            };
            // Columns of other tables may not have been read, see changed_query().
            const bool are_plain =
                facts.columns.empty() || std::all_of(held.columns.begin(), held.columns.end(), is_plain);
            if (!are_plain) object(held.obstacle, fmt::format("a column of foreign key \"{}\"", key.name));
        }
    }
}

// Triggers and what foreign keys lead to are kept apart until all is known.
void WriteFactsBuilder::follow_foreign_keys() {
    std::vector<std::pair<Oid, std::string>> deletes;
    for (const auto& [oid, keys] : foreign_keys_) {
        const auto to = tables_.find(oid);
        if (to == tables_.end()) continue;
        Seen seen;
        deletes.emplace_back(oid, obstacle_to(Event::Delete, oid, seen));
        for (const ForeignKey& key : keys) {
            const std::string name = fmt::format("foreign key \"{}\"", key.name);
            if (acts(key.on_delete)) object(to->second.facts.delete_action, name);
            if (!acts(key.on_update)) continue;
            Seen followed;
            to->second.facts.followed.push_back(
                {key.columns, name, obstacle_to_action(key, Event::Update, followed)});
        }
    }
    for (auto& [oid, obstacle] : deletes) object(tables_[oid].facts.delete_obstacle, obstacle);
}

// Code of users that is run by writing a row, but no trigger, runs where those are quiet too. If it can write
// it could write there what triggers and foreign keys of others forbid.
void WriteFactsBuilder::guard_quiet() {
    if (of(rows_, CatalogQuery::Events).empty()) return;
    const Rows& functions = of(rows_, CatalogQuery::Functions);
    std::unordered_map<Oid, std::string> writers;
    for (std::size_t i = 0; i < functions.size(); ++i) {
        const std::string_view language = functions.text(i, 4);
        const bool is_read =
            language == "sql" || language == "plpgsql" || language == "c" || language == "internal";
        if (functions_[i].acts || !is_read)
            writers.emplace(to_oid(functions.text(i, 0)),
                            fmt::format("function {}() may write", functions.text(i, 2)));
    }
    const Rows& uses = of(rows_, CatalogQuery::Uses);
    for (std::size_t i = 0; i < uses.size(); ++i) {
        const auto writer = writers.find(to_oid(uses.text(i, 1)));
        Table* by = writer == writers.end() ? nullptr : table(uses.text(i, 0));
        if (by != nullptr) object(by->facts.quiet_obstacle, writer->second);
    }
    const Rows& unnamed = of(rows_, CatalogQuery::Unnamed);
    for (std::size_t i = 0; i < unnamed.size(); ++i) {
        const auto writer = writers.find(to_oid(unnamed.text(i, 2)));
        if (writer == writers.end() || unnamed.text(i, 0) == kRowFunction) continue;
        for (auto& [oid, by] : tables_) object(by.facts.quiet_obstacle, writer->second);
    }
}

// A row of the table is one of a partition.
void WriteFactsBuilder::inherit_foreign_keys() {
    for (const auto& [parent, children] : partitions_) {
        std::set<Oid> seen{parent};
        for (const Oid child : children) inherit_foreign_keys(parent, child, seen);
    }
}

void WriteFactsBuilder::inherit_foreign_keys(Oid parent, Oid child, std::set<Oid>& seen) {
    const auto to = tables_.find(parent);
    const auto from = tables_.find(child);
    if (to == tables_.end() || from == tables_.end() || !seen.insert(child).second) return;
    WriteFacts& all = to->second.facts;
    const WriteFacts& part = from->second.facts;
    object(all.delete_action, part.delete_action);
    all.followed.insert(all.followed.end(), part.followed.begin(), part.followed.end());
    object(all.quiet_obstacle, part.quiet_obstacle);
    const bool holds_more = std::any_of(part.held.begin(), part.held.end(), [&](const sql::HeldKey& key) {
        return std::find(all.held.begin(), all.held.end(), key) == all.held.end();
    });
    if (holds_more)
        object(all.quiet_obstacle, fmt::format("a foreign key of partition \"{}\" alone", from->second.name));
    if (const auto below = partitions_.find(child); below != partitions_.end()) {
        for (const Oid next : below->second) inherit_foreign_keys(parent, next, seen);
    }
}

std::string WriteFactsBuilder::obstacle_to(Event event, Oid oid, Seen& seen) {
    const auto at = tables_.find(oid);
    if (at == tables_.end()) return "a table that is not known";
    if (!seen.emplace(oid, event).second) return {};
    const WriteFacts& facts = at->second.facts;
    std::string obstacle = facts.obstacle;
    object(obstacle, event == Event::Delete ? facts.delete_obstacle : facts.update_obstacle);
    const auto keys = foreign_keys_.find(oid);
    if (keys == foreign_keys_.end()) return obstacle;
    for (const ForeignKey& key : keys->second) object(obstacle, obstacle_to_action(key, event, seen));
    return obstacle;
}

// The rows that refer to one hold a lock on it, or wait for it, so all nodes find the same ones.
std::string WriteFactsBuilder::obstacle_to_action(const ForeignKey& key, Event event, Seen& seen) {
    const char action = event == Event::Delete ? key.on_delete : key.on_update;
    if (!acts(action)) return {};
    const bool deletes = event == Event::Delete && action == 'c';
    std::string obstacle = obstacle_to(deletes ? Event::Delete : Event::Update, key.from, seen);
    const auto from = tables_.find(key.from);
    if (from != tables_.end()) {  // its triggers run on each node by themselves
        const WriteFacts& facts = from->second.facts;
        object(obstacle, (deletes ? facts.on_delete : facts.on_update).looks_before);
    }
    if (action == 'd' && from != tables_.end()) {
        const auto& columns = from->second.facts.columns;
        const bool varies = std::any_of(columns.begin(), columns.end(), [](const sql::ColumnFacts& column) {
            return column.filled > sql::Default::Deterministic;
        });
        if (varies) object(obstacle, fmt::format("SET DEFAULT of table \"{}\"", from->second.name));
    }
    return obstacle.empty() ? obstacle : fmt::format("{} (by foreign key \"{}\")", obstacle, key.name);
}

}  // namespace

WriteFactsByOid build_write_facts(const CatalogRows& rows, std::span<const sql::FunctionFacts> functions) {
    return WriteFactsBuilder(rows, functions).run();
}

void add_database_facts(const CatalogRows& rows, std::span<const sql::FunctionFacts> functions,
                        sql::CatalogFacts& facts) {
    facts.writes_known = true;
    const Rows& global = of(rows, CatalogQuery::Global);
    for (std::size_t i = 0; i < global.size(); ++i) {
        const std::string name(global.text(i, 1));
        if (global.text(i, 0) == kBadCast) object(facts.cast_obstacle, fmt::format("cast {}", name));
        if (global.text(i, 0) == kEventTrigger)
            object(facts.ddl_obstacle, fmt::format("event trigger \"{}\"", name));
        facts.limits_time |= global.text(i, 0) == kTimeLimit;
        if (global.text(i, 0) == kShadowingOperator) facts.shadowing_operators[name] = true;
    }
    const Expressions expressions(of(rows, CatalogQuery::Functions), functions);
    const Rows& checks = of(rows, CatalogQuery::Checks);
    for (std::size_t i = 0; i < checks.size(); ++i) {
        const bool of_domain = to_oid(checks.text(i, 1)) != 0;
        if (of_domain && expressions.judge(checks.text(i, 3)) != sql::Default::Deterministic) {
            object(facts.cast_obstacle,
                   fmt::format("check \"{}\" of a domain is not immutable", checks.text(i, 2)));
        }
    }
    const auto judge = [&](std::string_view tree) { return expressions.judge(tree); };
    for (const Trigger& trigger : read_triggers(rows, functions, judge)) {
        if (trigger.on_truncate && trigger.may_write)
            object(facts.truncate_obstacle, fmt::format("trigger \"{}\", which may write", trigger.name));
    }
}

std::shared_ptr<const WriteFacts> worse(const std::shared_ptr<const WriteFacts>& a,
                                        const std::shared_ptr<const WriteFacts>& b) {
    if (!a || !b) return a ? a : b;
    auto both = std::make_shared<WriteFacts>(*a);
    std::erase_if(both->keys, [&b](const sql::UniqueKey& key) {
        return std::none_of(b->keys.begin(), b->keys.end(), [&key](const sql::UniqueKey& other) {
            return key.columns == other.columns && key.has_nulls == other.has_nulls;
        });
    });
    both->several = both->several || b->several || !same_columns(*a, *b);
    both->partition = both->partition || b->partition;
    for (const sql::ColumnFacts& column : b->columns) {
        const auto same =
            std::find_if(both->columns.begin(), both->columns.end(),
                         [&](const sql::ColumnFacts& other) { return other.name == column.name; });
        if (same == both->columns.end()) {
            both->columns.push_back(column);
        } else {
            merge_sequences(*same, column);
            if (same->type != column.type) same->type.clear();
            same->is_unique = same->is_unique || column.is_unique;
            same->is_always = same->is_always || column.is_always;
            same->is_identity = same->is_identity || column.is_identity;
            if (same->cast != column.cast) both->several = true;
            same->filled = std::max(same->filled, column.filled);
            same->content = std::max(same->content, column.content);
        }
    }
    object(both->obstacle, b->obstacle);
    object(both->insert_obstacle, b->insert_obstacle);
    object(both->update_obstacle, b->update_obstacle);
    object(both->delete_obstacle, b->delete_obstacle);
    object(both->truncate_obstacle, b->truncate_obstacle);
    object(both->at_end, b->at_end);
    both->followed.insert(both->followed.end(), b->followed.begin(), b->followed.end());
    both->on_insert.add(b->on_insert);
    both->on_update.add(b->on_update);
    both->on_delete.add(b->on_delete);
    object(both->delete_action, b->delete_action);
    object(both->quiet_obstacle, b->quiet_obstacle);
    if (both->held != b->held) object(both->quiet_obstacle, "several tables of this name");
    return both;
}

}  // namespace pgpool::health
