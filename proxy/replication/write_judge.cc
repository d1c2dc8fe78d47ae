// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/write_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/replication/large_objects.h"
#include "proxy/replication/trigger_plan.h"
#include "proxy/sql/builtin.h"

namespace pgpool::replication {
namespace {

using sql::Access;
using sql::Change;
using sql::Kind;
using sql::RelationFacts;
using sql::RelationRef;
using sql::Statement;
using sql::WriteFacts;

bool holds(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool may_be_date(sql::Content content) {
    return content >= sql::Content::Date;
}

class Judge {
public:
    Judge(const Statement& statement, const sql::CatalogFacts* facts,
          std::span<const std::string> temporaries)
        : statement_(statement),
          facts_(facts != nullptr && facts->version > 0 ? facts : nullptr),
          temporaries_(temporaries) {
        out_.kind = WriteClass::None;
        out_.reason = "reads only";
        out_.ways.emplace_back();
    }

    Classified run() &&;
    Classified run_arguments(WriteClass prepared) &&;

private:
    // How far the effect of a statement reaches, and so how much its expressions matter.
    enum class Effect : std::uint8_t { Reads, Writes };
    enum class Place : std::uint8_t { Temporary, Ordinary, Unclear, Unknown };

    void raise(WriteClass kind, std::string reason);
    void unknown(std::string reason);
    void is(WriteClass kind, std::string reason) {
        out_.kind = kind;
        out_.reason = std::move(reason);
    }
    void on_main(std::string reason);

    void by_kind();
    void read();
    [[nodiscard]] bool calls_large_object() const;
    void utility(std::string reason);
    void computed_rows();
    void refresh();
    void change();
    void judge_change(const Change& change);
    void insert(const Change& change, const WriteFacts& target);
    void on_conflict(const Change& change, const WriteFacts& target);
    void update(const Change& change, const WriteFacts& target);
    void values(const Change& change, const WriteFacts& target);
    void omitted(const Change& change, const WriteFacts& target);
    void filled(const sql::ColumnFacts& column);
    void copied(const sql::ColumnFacts& column, const WriteFacts& target);
    void assigned(const Change& change, const WriteFacts& target);
    void obstacle(const std::string& text);
    void triggers(const sql::TriggerFacts& facts);
    void must_travel(const Change& change, const WriteFacts& target);
    void under_locks(const Statement& what);
    [[nodiscard]] const sql::UniqueKey* equated_key(const Change& change, const WriteFacts& target) const;

    void expressions(Effect effect);
    void function(const sql::FunctionRef& ref, Effect effect);
    void builtin_function(const sql::FunctionRef& ref, sql::Volatility volatility, Effect effect);
    void user_code(std::string_view what, std::string_view name, const sql::FunctionFacts& known,
                   Effect effect);
    void unnamed(const sql::NameMap<sql::FunctionFacts>& known, const std::vector<std::string>& names,
                 std::string_view what, Effect effect);
    void types(Effect effect);
    void literals();
    void numbers(const RelationRef& ref);
    void read_relations(Effect effect);
    void read_relation(const RelationRef& ref, Effect effect);
    void parameters(const WriteFacts& target);

    [[nodiscard]] const RelationFacts* relation(const RelationRef& ref) const {
        return facts_ == nullptr ? nullptr : facts_->relation(ref.schema, ref.name);
    }
    [[nodiscard]] bool is_own(const RelationRef& ref) const;
    [[nodiscard]] Place place(const RelationRef& ref) const;
    [[nodiscard]] bool writes_temporary_only() const;
    template <typename Test>
    [[nodiscard]] bool column_of_all(std::string_view name, Test test) const;
    [[nodiscard]] bool has_containers() const;

    const Statement& statement_;
    const sql::CatalogFacts* facts_;  // null: nothing loaded
    std::span<const std::string> temporaries_;
    Classified out_;
    CopyPlanPtr filling_;
};

void Judge::raise(WriteClass kind, std::string reason) {
    if (kind > out_.kind) is(kind, std::move(reason));
}

void Judge::unknown(std::string reason) {
    raise(WriteClass::NotProvable, std::move(reason));
    out_.needs_facts = true;
}

void Judge::on_main(std::string reason) {
    if (out_.kind != WriteClass::None) return;
    if (!out_.main_only) out_.reason = std::move(reason);
    out_.main_only = true;
}

Classified Judge::run() && {
    out_.outside_transaction = statement_.outside_transaction_only;
    by_kind();
    // What EXPLAIN ANALYZE did cannot be told from what it answers.
    if (statement_.explained && out_.kind != WriteClass::None)
        is(WriteClass::NotProvable, "EXPLAIN ANALYZE of a write");
    return std::move(out_);
}

Classified Judge::run_arguments(WriteClass prepared) && {
    const bool writes = prepared != WriteClass::None;
    out_.reason = "EXECUTE";
    expressions(writes ? Effect::Writes : Effect::Reads);
    // Which column they go to is not known here: it may be one of the key.
    if (out_.kind == WriteClass::NotDeterministic && writes)
        is(WriteClass::NotProvable, out_.reason + ", given to EXECUTE");
    return std::move(out_);
}

void Judge::by_kind() {
    if (!statement_.node_specific.empty())
        return is(WriteClass::NotProvable, std::string(statement_.node_specific));
    switch (statement_.kind) {
        case Kind::Unknown:
            return is(WriteClass::NotProvable, "text that is not understood");
        case Kind::Empty:
            return;
        case Kind::Select:
        case Kind::CopyTo:
            return statement_.writes ? change() : read();
        case Kind::Insert:
        case Kind::Update:
        case Kind::Delete:
        case Kind::Merge:
        case Kind::CopyFrom:
            return change();
        case Kind::SelectInto:
        case Kind::Ddl:
            return statement_.computes_rows || statement_.kind == Kind::SelectInto ? computed_rows()
                                                                                   : utility("schema change");
        case Kind::Truncate:
            return utility("TRUNCATE");
        case Kind::Lock:
            return statement_.locks_as_reader ? on_main("kept on the main node: a lock of a reader")
                                              : utility("LOCK, taken on all nodes");
        case Kind::Vacuum:
            return statement_.computes_rows ? refresh() : utility("maintenance");
        case Kind::Utility:
            return utility("utility command");
        case Kind::Begin:
        case Kind::Commit:
        case Kind::Rollback:
        case Kind::Savepoint:
        case Kind::ReleaseSavepoint:
        case Kind::RollbackToSavepoint:
        case Kind::SetTransaction:
            out_.reason = "transaction control";
            return;
        case Kind::PrepareTransaction:
        case Kind::CommitPrepared:
        case Kind::RollbackPrepared:
            return is(WriteClass::NotProvable, "two-phase commit of a client");
        case Kind::Set:
        case Kind::Show:
        case Kind::Discard:
            out_.reason = "session command";
            return expressions(Effect::Reads);
        case Kind::Prepare:
        case Kind::Deallocate:
            out_.reason = "runs nothing";
            return;
        case Kind::Execute:
            return is(WriteClass::NotProvable,
                      fmt::format("EXECUTE: \"{}\" is known to its session", statement_.name));
        case Kind::Explain:
            out_.reason = "explains only";
            return;
        case Kind::DeclareCursor: {
            out_ = Judge(*statement_.inner, facts_, temporaries_).run();
            out_.ways.front() = {};
            if (out_.calls_large_objects) return is(WriteClass::NotProvable, "large objects by a cursor");
            return on_main("kept on the main node: cursor");
        }
        case Kind::Fetch:
        case Kind::CloseCursor:
            return on_main("kept on the main node: cursor");
        case Kind::Listen:
        case Kind::Unlisten:
        case Kind::Notify:
            return on_main("kept on the main node: notifications");
        case Kind::Do:
            return is(WriteClass::NotProvable, "DO");
        case Kind::Call:
            return is(WriteClass::NotProvable,
                      statement_.functions.empty()
                          ? std::string("CALL")
                          : fmt::format("CALL of procedure \"{}\"", statement_.functions.front().name));
        case Kind::Pgpool:
            out_.reason = "command of the proxy";
            return;
    }
}

// --- reads and utility commands

void Judge::read() {
    if (calls_large_object()) {
        const std::string reason = fmt::format("calls {}()", statement_.functions.front().name);
        if (reason.starts_with("calls lo_tell")) return on_main("kept on the main node: " + reason);
        out_.calls_large_objects = true;
        out_.by_search_path = statement_.functions.front().schema.empty();
        return is(WriteClass::LargeObject, reason);
    }
    out_.locks_rows = statement_.locks_rows;
    read_relations(Effect::Reads);
    expressions(Effect::Reads);
    if (statement_.reads_system_columns)
        on_main("kept on the main node: system columns, which each node has for itself");
    if (statement_.primary_only) on_main("kept on the main node: advisory locks");
    if (statement_.kind == Kind::Select && out_.kind == WriteClass::NotDeterministic)
        out_.ways.front().images = plan_images(statement_, *facts_);
    if (statement_.kind == Kind::CopyTo && !statement_.to_stdout)
        on_main("kept on the main node: file of the server");
}

bool Judge::calls_large_object() const {
    if (!replication::calls_large_object(statement_)) return false;
    const sql::FunctionRef& called = statement_.functions.front();
    if (!called.schema.empty()) return true;
    const sql::FunctionFacts* known = facts_ == nullptr ? nullptr : facts_->function("", called.name);
    return known != nullptr && known->builtin;
}

// What is created is not known, nor need it be; what is not there is missing on all nodes.
void Judge::utility(std::string reason) {
    const bool makes_temporary = sql::has(statement_.leaves, sql::Leaves::TempObject);
    if (makes_temporary || (!statement_.creates && writes_temporary_only())) {
        expressions(Effect::Reads);  // defaults, and what computes its rows anew, run on main alone
        return on_main("kept on the main node: temporary object");
    }
    if (facts_ == nullptr || !facts_->writes_known) return unknown("the catalogs are not known yet");
    is(WriteClass::Ddl, std::move(reason));
    if (statement_.kind == Kind::Ddl) obstacle(facts_->ddl_obstacle);
    if (statement_.is_unlogged)
        raise(WriteClass::NotProvable, "an unlogged table, which a crash of one node empties there");
    if (statement_.hashes_numbers)
        raise(WriteClass::NotProvable, "PARTITION BY HASH of what is not a column of a built-in type");
    if (statement_.stores_moment)
        raise(WriteClass::NotProvable, "a constant such as 'now', which each node computes for itself");
    for (const RelationRef& ref : statement_.relations) {
        if (is_own(ref))
            raise(WriteClass::NotProvable, fmt::format("temporary table \"{}\" among others", ref.name));
        const RelationFacts* known = relation(ref);
        if (statement_.kind == Kind::Truncate && known != nullptr && known->write)
            obstacle(known->write->truncate_obstacle);
    }
    if (statement_.cascades) obstacle(facts_->truncate_obstacle);
    // What ALTER computes for the rows that are there cannot travel.
    expressions(Effect::Writes);
    literals();
    if (out_.kind == WriteClass::NotDeterministic)
        is(WriteClass::NotProvable,
           out_.reason + (statement_.runs_over_rows ? ", for rows that are there already" : ""));
}

// CREATE TABLE AS and its kin: their rows are seen by nobody, so they cannot travel either.
void Judge::computed_rows() {
    const Statement& query = statement_.inner ? *statement_.inner : statement_;
    if (query.kind != Kind::Select && query.kind != Kind::SelectInto)
        return is(WriteClass::NotProvable, "a table made by EXECUTE");
    const bool temporary = sql::has(statement_.leaves, sql::Leaves::TempObject);
    Judge rows(query, facts_, temporaries_);
    rows.read_relations(temporary ? Effect::Reads : Effect::Writes);
    rows.expressions(temporary ? Effect::Reads : Effect::Writes);
    if (!temporary) rows.literals();
    if (!query.changes.empty())
        rows.is(WriteClass::NotProvable, "writes in WITH of a query that makes a table");
    const bool outside = out_.outside_transaction;
    out_ = std::move(rows.out_);
    out_.outside_transaction = outside;
    if (temporary) {
        if (out_.kind == WriteClass::None) {
            out_.reason = "kept on the main node: temporary object";
            out_.main_only = true;
        }
        return;
    }
    if (out_.kind == WriteClass::NotDeterministic) is(WriteClass::NotProvable, out_.reason);
    if (facts_ != nullptr) obstacle(facts_->ddl_obstacle);
    if (statement_.is_unlogged)
        raise(WriteClass::NotProvable, "an unlogged table, which a crash of one node empties there");
    if (facts_ != nullptr) obstacle(facts_->cast_obstacle);
    raise(WriteClass::OtherTables, "a table made from others");
    under_locks(query);
}

// Whatever it computes, all nodes must come to the same rows.
void Judge::refresh() {
    if (facts_ == nullptr || !facts_->writes_known) return unknown("the catalogs are not known yet");
    const RelationRef& view = statement_.relations.front();
    const RelationFacts* known = relation(view);
    if (known == nullptr) return unknown(fmt::format("relation \"{}\" is not known", view.name));
    is(WriteClass::OtherTables, "REFRESH MATERIALIZED VIEW");
    obstacle(facts_->cast_obstacle);
    if (known->reads_volatile)
        raise(WriteClass::NotProvable, fmt::format("view \"{}\" calls a volatile function", view.name));
    if (out_.kind == WriteClass::OtherTables) out_.ways.front().locks = plan_refresh(view);
}

// --- writes of rows

void Judge::change() {
    if (writes_temporary_only()) {
        if (facts_ != nullptr) obstacle(facts_->cast_obstacle);
        read_relations(Effect::Reads);
        expressions(Effect::Reads);
        return on_main("kept on the main node: temporary table");
    }
    if (facts_ == nullptr || !facts_->writes_known) return unknown("the catalogs are not known yet");
    if (statement_.kind == Kind::CopyTo) return is(WriteClass::NotProvable, "COPY of a write");
    if (statement_.kind == Kind::CopyFrom && !statement_.from_stdin)
        return is(WriteClass::NotProvable, "COPY FROM a file of the server");
    if (statement_.kind == Kind::CopyFrom && !statement_.copied.is_clear)
        return is(WriteClass::NotProvable, "COPY with DEFAULT, or another option that is not known");
    obstacle(facts_->cast_obstacle);
    read_relations(Effect::Writes);
    for (const Change& change : statement_.changes) judge_change(change);
    if (statement_.changes.empty()) return is(WriteClass::NotProvable, "a write that is not understood");
    if (statement_.kind == Kind::Merge) raise(WriteClass::OtherTables, "MERGE");
    if (statement_.changes.size() > 1 || statement_.changes.front().in_with)
        raise(WriteClass::OtherTables, "writes in WITH");
    expressions(Effect::Writes);
    literals();
    if (out_.kind == WriteClass::NotDeterministic) {
        const RelationFacts* known = relation(statement_.changes.front().target);
        must_travel(statement_.changes.front(), *known->write);
    }
    if (out_.kind == WriteClass::NotProvable) return;
    out_.ways.front().images = plan_images(statement_, *facts_);
    if (out_.ways.front().images) return;
    if (out_.kind == WriteClass::NotDeterministic) {
        const std::string reason = obstacle_by_triggers(statement_, *facts_);
        if (!reason.empty()) is(WriteClass::NotProvable, fmt::format("{}, and {}", out_.reason, reason));
    }
    under_locks(statement_);
}

// Rows cannot travel.
void Judge::under_locks(const Statement& what) {
    if (out_.kind != WriteClass::Predicate && out_.kind != WriteClass::OtherTables) return;
    const std::string obstacle = obstacle_to_locks(what, *facts_);
    if (!obstacle.empty())
        return is(WriteClass::NotProvable,
                  fmt::format("{}: {}, and {}", out_.reason, why_no_rows(what, *facts_), obstacle));
    out_.ways.front().locks = plan_locks(what, *facts_);
}

void Judge::judge_change(const Change& change) {
    const RelationFacts* known = relation(change.target);
    const std::string& name = change.target.name;
    switch (place(change.target)) {
        case Place::Temporary:
            return raise(WriteClass::NotProvable, fmt::format("temporary table \"{}\" among others", name));
        case Place::Unclear:
            return raise(WriteClass::NotProvable, fmt::format("\"{}\" is also a temporary table", name));
        case Place::Unknown:
            return unknown(fmt::format("table \"{}\" is not known", name));
        case Place::Ordinary:
            break;
    }
    if (known->system) return raise(WriteClass::NotProvable, fmt::format("\"{}\" is a catalog", name));
    if (!known->write) return unknown(fmt::format("table \"{}\" is not known", name));
    const WriteFacts& target = *known->write;
    obstacle(target.obstacle);
    switch (change.verb) {
        case Change::Verb::Insert:
        case Change::Verb::Copy:
            insert(change, target);
            break;
        case Change::Verb::Update:
            obstacle(target.update_obstacle);
            triggers(target.on_update);
            update(change, target);
            break;
        case Change::Verb::Delete:
            obstacle(target.delete_obstacle);
            triggers(target.on_delete);
            update(change, target);
            break;
        case Change::Verb::Merge:
            break;
    }
    if (&change == &statement_.changes.front()) parameters(target);
}

void Judge::obstacle(const std::string& text) {
    if (!text.empty()) raise(WriteClass::NotProvable, text);
}

// Of those that write nothing, only the ones that may change a row matter: others fail, or they do not.
void Judge::triggers(const sql::TriggerFacts& facts) {
    if (!facts.looks_before.empty()) raise(WriteClass::NotDeterministic, facts.looks_before);
}

void Judge::insert(const Change& change, const WriteFacts& target) {
    obstacle(target.insert_obstacle);
    triggers(target.on_insert);
    if (change.source == Change::Source::Query) {
        raise(WriteClass::Predicate, "INSERT of a query");
    } else {
        raise(WriteClass::Point,
              change.verb == Change::Verb::Copy ? "COPY of given rows" : "INSERT of given rows");
    }
    if (change.on_conflict != Change::OnConflict::Error) on_conflict(change, target);
    omitted(change, target);
    values(change, target);
    assigned(change, target);
    const bool dates =
        std::any_of(target.columns.begin(), target.columns.end(),
                    [](const sql::ColumnFacts& column) { return may_be_date(column.content); });
    out_.copy_has_dates = change.verb == Change::Verb::Copy && dates;
    if (out_.copy_has_dates && statement_.unusual_fields)
        raise(WriteClass::NotProvable, "COPY of dates with an unusual delimiter, quote or escape");
}

// One row and one key decide; otherwise which rows conflict depends on the others.
void Judge::on_conflict(const Change& change, const WriteFacts& target) {
    if (change.on_conflict == Change::OnConflict::Update) {
        obstacle(target.update_obstacle);
        triggers(target.on_update);
    }
    const bool known_key = std::any_of(target.keys.begin(), target.keys.end(),
                                       [&](const sql::UniqueKey& key) { return is_arbiter(change, key); });
    if (!known_key) return raise(WriteClass::Predicate, "ON CONFLICT without one unique key");
    if (change.source == Change::Source::Values && !change.one_row)
        raise(WriteClass::Predicate, "ON CONFLICT for several rows");
}

// Columns that the statement gives no value take their default.
void Judge::omitted(const Change& change, const WriteFacts& target) {
    if (change.verb == Change::Verb::Copy && change.all_columns) return;
    const bool by_position = change.all_columns && change.source == Change::Source::Values;
    for (std::size_t i = 0; i < target.columns.size(); ++i) {
        const sql::ColumnFacts& column = target.columns[i];
        const auto given =
            std::find_if(change.given.begin(), change.given.end(), [&](const sql::ColumnValue& value) {
                return value.column.empty() ? by_position && !target.several && value.position == i
                                            : value.column == column.name;
            });
        const bool is_ignored = change.ignores_identities && column.is_identity;
        const bool is_filled = given == change.given.end() || given->is_default || is_ignored;
        if (!is_filled) continue;
        if (change.verb == Change::Verb::Copy)
            copied(column, target);
        else
            filled(column);
    }
    if (out_.kind == WriteClass::Point && filling_)
        out_.reason += fmt::format(", of which main fills \"{}\"", filling_->columns.front().name);
    out_.ways.front().filling = filling_;
}

// Rows that main fills are the client's, and main tells what it has filled in.
void Judge::copied(const sql::ColumnFacts& column, const WriteFacts& target) {
    if (column.filled <= sql::Default::Deterministic || column.filled == sql::Default::MayWrite)
        return filled(column);
    CopyPlan plan = filling_ ? *filling_ : CopyPlan();
    plan.rows = statement_.copied;
    std::string reason = obstacle_to_filling(plan.rows, !target.several);
    if (reason.empty()) reason = add_column(plan, column);
    if (!reason.empty()) {
        filled(column);
        return obstacle(fmt::format("{}, and {}", out_.reason, reason));
    }
    filling_ = std::make_shared<const CopyPlan>(std::move(plan));
}

void Judge::filled(const sql::ColumnFacts& column) {
    if (column.filled <= sql::Default::Deterministic) return;
    if (column.filled == sql::Default::MayWrite)
        return raise(WriteClass::NotProvable,
                     fmt::format("default of column \"{}\" calls a volatile function", column.name));
    raise(WriteClass::NotDeterministic, column.filled == sql::Default::Sequence
                                            ? fmt::format("column \"{}\" draws from a sequence", column.name)
                                            : fmt::format("default of column \"{}\"", column.name));
}

void Judge::values(const Change& change, const WriteFacts& target) {
    for (const sql::ColumnValue& value : change.given) {
        const sql::ColumnFacts* column = nullptr;
        if (!value.column.empty()) {
            column = target.column(value.column);
            if (column == nullptr) unknown(fmt::format("column \"{}\" is not known", value.column));
        } else if (!target.several && value.position < target.columns.size()) {
            column = &target.columns[value.position];
        }
        if (value.moving && (column == nullptr || may_be_date(column->content)))
            raise(WriteClass::NotDeterministic, "a date that moves, such as 'now'");
    }
}

void Judge::assigned(const Change& change, const WriteFacts& target) {
    for (const sql::ColumnValue& value : change.assigned) {
        const sql::ColumnFacts* column = target.column(value.column);
        if (column == nullptr) {
            unknown(fmt::format("column \"{}\" is not known", value.column));
            continue;
        }
        if (value.is_default) filled(*column);
        if (value.is_default && column->is_always)
            raise(
                WriteClass::NotProvable,
                fmt::format("identity column \"{}\" is GENERATED ALWAYS: UPDATE cannot give it the value of "
                            "another node",
                            value.column));
        if (value.moving && may_be_date(column->content))
            raise(WriteClass::NotDeterministic,
                  fmt::format("a date that moves, such as 'now', for column \"{}\"", value.column));
        for (const sql::FollowedKey& key : target.followed) {
            if (holds(key.columns, value.column)) obstacle(key.obstacle);
        }
    }
}

void Judge::update(const Change& change, const WriteFacts& target) {
    if (const sql::UniqueKey* key = equated_key(change, target)) {
        raise(WriteClass::Point, fmt::format("equality on key {}", key->name));
    } else {
        raise(WriteClass::Predicate, fmt::format("rows of \"{}\" by a condition", change.target.name));
    }
    assigned(change, target);
}

const sql::UniqueKey* Judge::equated_key(const Change& change, const WriteFacts& target) const {
    if (facts_->shadowing_operators.contains("=")) return nullptr;
    const auto found = std::find_if(target.keys.begin(), target.keys.end(), [&](const sql::UniqueKey& key) {
        return !key.columns.empty() &&
               std::all_of(key.columns.begin(), key.columns.end(),
                           [&](const std::string& column) { return holds(change.equated, column); });
    });
    return found == target.keys.end() ? nullptr : &*found;
}

// Rows travel by a key that they keep, new ones as they are.
void Judge::must_travel(const Change& change, const WriteFacts& target) {
    if (statement_.kind == Kind::Merge) return is(WriteClass::NotProvable, out_.reason + ", in MERGE");
    if (statement_.changes.size() > 1 || change.in_with)
        return is(WriteClass::NotProvable, out_.reason + ", with writes in WITH");
    if (change.verb == Change::Verb::Copy) return is(WriteClass::NotProvable, out_.reason + ", in COPY");
    const bool inserts_only =
        change.verb == Change::Verb::Insert && change.on_conflict != Change::OnConflict::Update;
    if (inserts_only) return;
    const bool has_key = std::any_of(target.keys.begin(), target.keys.end(), [&](const sql::UniqueKey& key) {
        return !key.has_nulls &&
               std::none_of(change.assigned.begin(), change.assigned.end(),
                            [&](const sql::ColumnValue& value) { return holds(key.columns, value.column); });
    });
    if (!has_key)
        is(WriteClass::NotProvable,
           fmt::format("{}, and table \"{}\" has no key that stays", out_.reason, change.target.name));
}

// --- what expressions depend on

void Judge::expressions(Effect effect) {
    for (const sql::FunctionRef& ref : statement_.functions) function(ref, effect);
    if (statement_.user_operators) raise(WriteClass::NotProvable, "an operator with a schema");
    if (facts_ != nullptr) {
        unnamed(facts_->operators, statement_.operators, "operator", effect);
        unnamed(facts_->row_functions, statement_.fields, "function", effect);
    }
    types(effect);
    if (effect == Effect::Reads) return;
    if (!statement_.varies.empty())
        raise(WriteClass::NotDeterministic, fmt::format("depends on {}", statement_.varies));
    if (statement_.has_loose_moving_literal)
        raise(WriteClass::NotDeterministic, "a literal that may be a date that moves, such as 'now'");
    if (statement_.names_objects)
        raise(WriteClass::NotDeterministic, "numbers of catalog rows (oid, regclass)");
}

void Judge::function(const sql::FunctionRef& ref, Effect effect) {
    out_.by_facts = true;
    const bool may_be_builtin = ref.schema.empty() || ref.schema == "pg_catalog";
    const sql::FunctionFacts* known = facts_ == nullptr ? nullptr : facts_->function(ref.schema, ref.name);
    if (known == nullptr) {
        // A cast that is written like a call.
        if (facts_ != nullptr && may_be_builtin && sql::is_builtin_type(ref.name)) return;
        return unknown(fmt::format("function {}() is not known", ref.name));
    }
    if (known->builtin) return builtin_function(ref, known->volatility, effect);
    if (known->aggregate && effect == Effect::Writes)
        raise(WriteClass::NotDeterministic,
              fmt::format("aggregate {}() may depend on the order of rows", ref.name));
    user_code("function", ref.name, *known, effect);
}

void Judge::builtin_function(const sql::FunctionRef& ref, sql::Volatility volatility, Effect effect) {
    std::string reason = fmt::format("calls {}()", ref.name);
    if (effect == Effect::Writes && sql::depends_on_numbers(ref.name))
        return raise(WriteClass::NotDeterministic, reason + ", a hash of numbers of catalog rows");
    if (volatility == sql::Volatility::Immutable) return;
    if (volatility == sql::Volatility::Stable) {
        if (sql::runs_unknown_code(ref.name))
            return raise(WriteClass::NotProvable, reason + ", which may call anything");
        const bool same = sql::depends_on_settings_only(ref.name) || (ref.name == "age" && ref.arguments > 1);
        if (effect == Effect::Writes && !same) raise(WriteClass::NotDeterministic, std::move(reason));
        return;
    }
    const bool is_sequence = ref.name == "nextval" || ref.name == "setval";
    if (is_sequence && statement_.has_unclear_sequence)
        return raise(WriteClass::NotProvable, fmt::format("{}() of a name that is not constant", ref.name));
    if (is_sequence) return raise(WriteClass::NotDeterministic, std::move(reason));
    if (!sql::writes_nothing(ref.name)) return raise(WriteClass::NotProvable, std::move(reason));
    if (effect == Effect::Writes) return raise(WriteClass::NotDeterministic, std::move(reason));
    on_main(fmt::format("kept on the main node: {}", reason));
}

// STABLE code of users that calls nothing else cannot write, but may read what no lock covers.
void Judge::user_code(std::string_view what, std::string_view name, const sql::FunctionFacts& known,
                      Effect effect) {
    if (known.may_write)
        return raise(WriteClass::NotProvable,
                     fmt::format("{} {} may write, though not volatile", what, name));
    if (known.volatility == sql::Volatility::Immutable) return;
    if (known.volatility == sql::Volatility::Volatile && !known.writes_nothing)
        return raise(WriteClass::NotProvable, fmt::format("{} {} is volatile", what, name));
    if (effect == Effect::Writes)
        raise(WriteClass::NotDeterministic, fmt::format("{} {} is not immutable", what, name));
}

void Judge::unnamed(const sql::NameMap<sql::FunctionFacts>& known, const std::vector<std::string>& names,
                    std::string_view what, Effect effect) {
    out_.by_facts = out_.by_facts || !names.empty();
    for (const std::string& name : names) {
        const auto found = known.find(name);
        if (found != known.end()) user_code(what, name, found->second, effect);
    }
}

void Judge::types(Effect effect) {
    out_.by_facts = out_.by_facts || !statement_.types.empty();
    for (const sql::TypeRef& ref : statement_.types) {
        if (facts_ == nullptr) return unknown(fmt::format("type \"{}\" is not known", ref.name));
        if (effect == Effect::Reads) {
            obstacle(facts_->cast_obstacle);
            continue;
        }
        const sql::TypeFacts* known = facts_->type(ref.schema, ref.name);
        if (known == nullptr) {
            unknown(fmt::format("type \"{}\" is not known", ref.name));
        } else if (!known->deterministic) {
            raise(WriteClass::NotDeterministic,
                  fmt::format("input of type \"{}\" is not immutable", ref.name));
        }
    }
}

// Literals and sums whose meaning their column's type decides.
void Judge::literals() {
    for (const sql::ColumnValue& value : statement_.moving_literals) {
        const auto plain = [](sql::Content content) { return !may_be_date(content); };
        if (!column_of_all(value.column, plain))
            raise(WriteClass::NotDeterministic,
                  fmt::format("a date that moves, such as 'now', next to column \"{}\"", value.column));
    }
    for (const std::string& name : statement_.cast_to_date) {
        if (!column_of_all(name, [](sql::Content content) { return content == sql::Content::Date; }))
            raise(WriteClass::NotDeterministic,
                  fmt::format("column \"{}\" may be text that is cast to a date", name));
    }
    for (const std::string& name : statement_.summed) {
        if (!column_of_all(name, [](sql::Content content) { return content != sql::Content::Float; }))
            raise(WriteClass::NotDeterministic,
                  fmt::format("the sum of column \"{}\" may depend on the order of rows", name));
    }
    for (const RelationRef& ref : statement_.relations) numbers(ref);
    if (statement_.has_strings && has_containers())
        raise(WriteClass::NotDeterministic, "a literal that may hold a date that moves, such as 'now'");
}

// As numbers they are read without a word: regclass becomes bigint where it is assigned or compared.
void Judge::numbers(const RelationRef& ref) {
    const RelationFacts* known = relation(ref);
    if (known == nullptr || !known->write) return;
    const std::vector<std::string>& read = statement_.columns;
    const bool is_any_read =
        !read.empty() && (statement_.renames || holds(read, "*") || holds(read, ref.name));
    for (const sql::ColumnFacts& column : known->write->columns) {
        if (column.content == sql::Content::Object && (is_any_read || holds(read, column.name)))
            raise(WriteClass::NotDeterministic,
                  fmt::format("numbers of catalog rows in column \"{}\"", column.name));
    }
}

// Whether a relation of the statement has the column, and all that have it pass the test.
template <typename Test>
bool Judge::column_of_all(std::string_view name, Test test) const {
    bool found = false;
    for (const RelationRef& ref : statement_.relations) {
        const RelationFacts* known = relation(ref);
        const sql::ColumnFacts* column =
            known != nullptr && known->write ? known->write->column(name) : nullptr;
        if (column == nullptr) continue;
        if (!test(column->content)) return false;
        found = true;
    }
    return found;
}

bool Judge::has_containers() const {
    return std::any_of(statement_.relations.begin(), statement_.relations.end(),
                       [this](const RelationRef& ref) {
                           const RelationFacts* known = relation(ref);
                           return known != nullptr && known->write &&
                                  std::any_of(known->write->columns.begin(), known->write->columns.end(),
                                              [](const sql::ColumnFacts& column) {
                                                  return column.content == sql::Content::DateContainer;
                                              });
                       });
}

void Judge::parameters(const WriteFacts& target) {
    for (const sql::ParameterUse& use : statement_.parameters) {
        bool date = use.loose || statement_.renames || statement_.changes.size() > 1;
        if (date) {
            out_.date_parameters.push_back(use.number);
            continue;
        }
        if (use.column.empty()) {
            date = target.several || use.position >= target.columns.size() ||
                   may_be_date(target.columns[use.position].content);
        } else {
            date = !column_of_all(use.column, [](sql::Content content) { return !may_be_date(content); });
        }
        if (date) out_.date_parameters.push_back(use.number);
    }
    std::sort(out_.date_parameters.begin(), out_.date_parameters.end());
    out_.date_parameters.erase(std::unique(out_.date_parameters.begin(), out_.date_parameters.end()),
                               out_.date_parameters.end());
}

// --- relations

// A temporary relation of the session at hand. Those that the facts know may be of others.
bool Judge::is_own(const RelationRef& ref) const {
    if (!ref.schema.empty()) return sql::is_temp_schema(ref.schema);
    return std::find(temporaries_.begin(), temporaries_.end(), ref.name) != temporaries_.end();
}

Judge::Place Judge::place(const RelationRef& ref) const {
    if (is_own(ref)) return Place::Temporary;
    const RelationFacts* known = relation(ref);
    if (known == nullptr) return Place::Unknown;
    if (!known->temporary) return Place::Ordinary;
    return known->permanent ? Place::Unclear : Place::Temporary;
}

bool Judge::writes_temporary_only() const {
    bool found = false;
    for (const RelationRef& ref : statement_.relations) {
        if (ref.access != Access::Write) continue;
        if (!is_own(ref)) return false;
        found = true;
    }
    return found;
}

void Judge::read_relations(Effect effect) {
    for (const RelationRef& ref : statement_.relations) {
        if (ref.access == Access::Write) continue;
        read_relation(ref, effect);
        if (effect == Effect::Writes)
            raise(WriteClass::OtherTables, fmt::format("reads table \"{}\"", ref.name));
    }
}

void Judge::read_relation(const RelationRef& ref, Effect effect) {
    out_.by_facts = true;
    const bool writes = effect == Effect::Writes;
    switch (place(ref)) {
        case Place::Unknown:
            return unknown(fmt::format("relation \"{}\" is not known", ref.name));
        case Place::Unclear:
            if (writes)
                return raise(WriteClass::NotDeterministic,
                             fmt::format("\"{}\" is also a temporary table", ref.name));
            return on_main(fmt::format("kept on the main node: perhaps temporary table \"{}\"", ref.name));
        case Place::Temporary:
            if (writes)
                return raise(WriteClass::NotDeterministic,
                             fmt::format("reads temporary table \"{}\"", ref.name));
            return on_main(fmt::format("kept on the main node: temporary table \"{}\"", ref.name));
        case Place::Ordinary:
            break;
    }
    const RelationFacts* known = relation(ref);
    if (known->reads_volatile)
        return raise(WriteClass::NotProvable, fmt::format("view \"{}\" calls a volatile function", ref.name));
    if (!writes) {
        if (known->system) on_main(fmt::format("kept on the main node: catalog \"{}\"", ref.name));
        if (facts_->writes_known && !known->system && !known->view && !known->write)
            on_main(fmt::format("kept on the main node: sequence \"{}\"", ref.name));
        return;
    }
    if (known->system)
        return raise(WriteClass::NotDeterministic, fmt::format("reads catalog \"{}\"", ref.name));
    if (known->view) return raise(WriteClass::NotDeterministic, fmt::format("reads view \"{}\"", ref.name));
    if (!known->write)
        return raise(WriteClass::NotDeterministic, fmt::format("reads \"{}\", which is no table", ref.name));
    if (!known->write->obstacle.empty()) raise(WriteClass::NotDeterministic, known->write->obstacle);
}

}  // namespace

Classified judge_write(const Statement& statement, const sql::CatalogFacts* facts,
                       std::span<const std::string> temporaries) {
    return Judge(statement, facts, temporaries).run();
}

Classified judge_arguments(const Statement& execute, const sql::CatalogFacts* facts,
                           std::span<const std::string> temporaries, WriteClass prepared) {
    return Judge(execute, facts, temporaries).run_arguments(prepared);
}

}  // namespace pgpool::replication
