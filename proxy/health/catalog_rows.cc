// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/catalog_rows.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/health/function_body.h"
#include "proxy/health/taint.h"
#include "proxy/health/write_rows.h"
#include "proxy/sql/builtin.h"

namespace pgpool::health {

namespace {

using pg::Rows;
using sql::FunctionFacts;
using sql::RelationFacts;
using sql::Volatility;
using Oid = std::uint32_t;
using Index = std::uint32_t;

constexpr Oid kFirstNormalOid = 16384;  // FirstNormalObjectId: functions below are built in

Oid to_oid(std::string_view text) {
    Oid value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

Volatility to_volatility(std::string_view code) {
    if (code == "i") return Volatility::Immutable;
    return code == "s" ? Volatility::Stable : Volatility::Volatile;
}

bool is_system_schema(std::string_view schema) {
    return schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast";
}

bool builtin_leaves_something(std::string_view name) {
    if (name == "set_config") return true;
    const sql::BuiltinFunction* known = sql::volatile_builtin(name);
    return known != nullptr && known->leaves != sql::Leaves::Nothing;
}

std::string qualified(std::string_view schema, std::string_view name) {
    std::string key;
    key.reserve(schema.size() + 1 + name.size());
    key.append(schema).append(1, '.').append(name);
    return key;
}

void worsen(FunctionFacts& worst, const FunctionFacts& other) {
    worst.volatility = std::max(worst.volatility, other.volatility);
    worst.builtin = worst.builtin && other.builtin;
    worst.harmless = worst.harmless && other.harmless;
    worst.aggregate |= other.aggregate;
    worst.writes_nothing = worst.writes_nothing && other.writes_nothing;
    worst.may_write |= other.may_write;
    worst.acts |= other.acts;
    worst.looks |= other.looks;
}

void worsen(RelationFacts& worst, const RelationFacts& other) {
    worst.temporary |= other.temporary;
    worst.permanent |= other.permanent;
    worst.unlogged |= other.unlogged;
    worst.system |= other.system;
    worst.view |= other.view;
    worst.reads_volatile |= other.reads_volatile;
    worst.writes_harmless = worst.writes_harmless && other.writes_harmless;
    worst.rewrites_harmless = worst.rewrites_harmless && other.rewrites_harmless;
    worst.runs_user_code |= other.runs_user_code;
    if (worst.oid == 0)
        worst.oid = other.oid;
    else if (other.oid != 0 && other.oid != worst.oid)
        worst.oid = RelationFacts::kSeveral;
    worst.write = worse(worst.write, other.write);
}

void worsen(sql::TypeFacts& worst, const sql::TypeFacts& other) {
    worst.harmless = worst.harmless && other.harmless;
    worst.deterministic = worst.deterministic && other.deterministic;
}

template <typename Value>
void add_key(sql::NameMap<Value>& map, std::string key, const Value& value) {
    const auto [at, is_new] = map.try_emplace(std::move(key), value);
    if (!is_new) worsen(at->second, value);
}

// Under "name" and under "schema.name".
template <typename Value>
void add(sql::NameMap<Value>& map, std::string_view schema, std::string_view name, const Value& value) {
    add_key(map, std::string(name), value);
    add_key(map, qualified(schema, name), value);
}

// Numbers the points of the graph: functions, then reading, rewriting and writing of each relation, then
// `shared`, the operators, casts and checks of domains that any body may use without naming them.
class FactsBuilder {
public:
    FactsBuilder(const CatalogRows& rows, FactsFor purpose)
        : rows_(rows),
          purpose_(purpose),
          functions_(of(CatalogQuery::Functions)),
          relations_(of(CatalogQuery::Relations)),
          shared_(static_cast<Index>(functions_.size() + 3 * relations_.size())),
          conversions_(shared_ + 1),
          leaves_(conversions_ + 1),
          volatile_(conversions_ + 1),
          writes_(conversions_ + 1),
          varies_(conversions_ + 1),
          acts_(conversions_ + 1),
          looks_(conversions_ + 1),
          users_(conversions_ + 1) {}

    void only(const RelationNames& names) { names_ = &names; }
    sql::CatalogFacts run(std::uint64_t version);

private:
    [[nodiscard]] const Rows& of(CatalogQuery query) const { return rows_[static_cast<std::size_t>(query)]; }
    [[nodiscard]] Index reading(Index relation) const {
        return static_cast<Index>(functions_.size()) + relation;
    }
    // What ALTER runs for the rows that are there: no triggers, no rules.
    [[nodiscard]] Index rewriting(Index relation) const {
        return static_cast<Index>(functions_.size() + relations_.size()) + relation;
    }
    [[nodiscard]] Index writing(Index relation) const {
        return static_cast<Index>(functions_.size() + 2 * relations_.size()) + relation;
    }
    [[nodiscard]] std::optional<Index> function_at(Oid oid) const;
    [[nodiscard]] std::optional<Index> relation_at(std::string_view oid) const;

    void depend(Index from, Index to) {
        leaves_.depend(from, to);
        writes_.depend(from, to);
        varies_.depend(from, to);
        acts_.depend(from, to);
        looks_.depend(from, to);
        users_.depend(from, to);
    }
    void index_names();
    void link_functions();
    void link_function(Index function);
    void link_builtin(Index function);
    void link_user_function(Index function);
    void link_declared(Index function);
    [[nodiscard]] bool converts(Index function, const FunctionBody& body) const;
    void link_body(Index function, std::string_view source);
    void link_stored(Index point, std::string_view tree);
    void link_aggregate(Index function, std::string_view parts);
    void link_call(Index function, const CalledFunction& call);
    void link_names(Index function, const FunctionBody& body);
    void link_oid(Index point, Oid function);
    void link_relations();
    void link_trees();
    void link_triggers();
    void link_unnamed();
    [[nodiscard]] bool is_in_c(Index function) const;
    [[nodiscard]] bool is_readable(Index function) const;
    [[nodiscard]] bool writes_nothing(Index function) const;
    void add_unnamed(sql::CatalogFacts& facts) const;
    void add_types(sql::CatalogFacts& facts) const;
    void add_sequences(sql::CatalogFacts& facts) const;

    [[nodiscard]] FunctionFacts function_facts(Index function) const;
    [[nodiscard]] RelationFacts relation_facts(Index relation) const;

    const CatalogRows& rows_;
    FactsFor purpose_;
    const RelationNames* names_ = nullptr;  // of relations that were read whole; null: all
    const Rows& functions_;
    const Rows& relations_;
    Index shared_;
    Index conversions_;
    Taint leaves_;    // may leave session state behind
    Taint volatile_;  // relations only: reading reaches a volatile function
    Taint writes_;    // may write, whatever is declared
    Taint varies_;    // reads tables, the clock or what else is not IMMUTABLE, whatever is declared
    Taint acts_;      // as writes_ and varies_, but what can be read is not judged by its declaration at all:
    Taint looks_;     // hardly any function of a trigger has another one than VOLATILE
    Taint users_;     // reaches a function of users
    std::vector<FunctionFacts> judged_;
    std::unordered_map<Oid, Index> function_by_oid_;
    std::unordered_map<Oid, Index> relation_by_oid_;
    sql::NameMap<std::vector<Index>> functions_by_name_;  // "name" and "schema.name"
    sql::NameMap<std::vector<Index>> row_functions_;      // "name"
    sql::NameMap<std::vector<Index>> relations_by_name_;  // "name"; user schemas only
};

std::optional<Index> FactsBuilder::function_at(Oid oid) const {
    const auto found = function_by_oid_.find(oid);
    return found == function_by_oid_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Index> FactsBuilder::relation_at(std::string_view oid) const {
    const auto found = relation_by_oid_.find(to_oid(oid));
    return found == relation_by_oid_.end() ? std::nullopt : std::optional(found->second);
}

void FactsBuilder::index_names() {
    for (Index i = 0; i < functions_.size(); ++i) {
        function_by_oid_.emplace(to_oid(functions_.text(i, 0)), i);
        functions_by_name_[std::string(functions_.text(i, 2))].push_back(i);
        functions_by_name_[qualified(functions_.text(i, 1), functions_.text(i, 2))].push_back(i);
    }
    for (Index i = 0; i < relations_.size(); ++i) {
        relation_by_oid_.emplace(to_oid(relations_.text(i, 0)), i);
        if (!is_system_schema(relations_.text(i, 1))) {
            relations_by_name_[std::string(relations_.text(i, 2))].push_back(i);
        }
    }
    const Rows& unnamed = of(CatalogQuery::Unnamed);
    for (Index i = 0; i < unnamed.size(); ++i) {
        if (unnamed.text(i, 0) != kRowFunction) continue;
        if (const std::optional<Index> function = function_at(to_oid(unnamed.text(i, 2)))) {
            row_functions_[std::string(unnamed.text(i, 1))].push_back(*function);
        }
    }
}

void FactsBuilder::link_functions() {
    for (Index i = 0; i < functions_.size(); ++i) link_function(i);
}

void FactsBuilder::link_function(Index function) {
    if (functions_.text(function, 1) != "pg_catalog") {
        link_user_function(function);
    } else {
        link_builtin(function);
    }
}

void FactsBuilder::link_builtin(Index function) {
    const std::string_view name = functions_.text(function, 2);
    const Volatility declared = to_volatility(functions_.text(function, 3));
    if (builtin_leaves_something(name)) leaves_.mark(function);
    if ((declared == Volatility::Volatile && !sql::writes_nothing(name)) || sql::runs_unknown_code(name)) {
        writes_.mark(function);
        acts_.mark(function);
    }
    if (name == "set_config") acts_.mark(function);
    if ((declared != Volatility::Immutable && !sql::depends_on_settings_only(name)) ||
        sql::depends_on_numbers(name)) {
        varies_.mark(function);
        looks_.mark(function);
    }
}

bool FactsBuilder::is_readable(Index function) const {
    const std::string_view language = functions_.text(function, 4);
    return language == "sql" || language == "plpgsql";
}

bool FactsBuilder::writes_nothing(Index function) const {
    const std::string_view name = functions_.text(function, 2);
    if (functions_.text(function, 1) == "pg_catalog") return sql::writes_nothing(name);
    return sql::extension_writes_nothing(name, functions_.text(function, 4));
}

// What a declaration says is believed where it is the worse one, or nothing else is known.
void FactsBuilder::link_declared(Index function) {
    const Volatility declared = to_volatility(functions_.text(function, 3));
    if (declared != Volatility::Immutable) varies_.mark(function);
    if (declared == Volatility::Volatile && !writes_nothing(function)) writes_.mark(function);
    const bool is_unread = !is_readable(function) && !is_in_c(function);
    if (declared == Volatility::Stable && is_unread) writes_.mark(function);
    if (is_readable(function)) return;
    if (declared != Volatility::Immutable) looks_.mark(function);
    const bool may_write = declared == Volatility::Volatile && !writes_nothing(function);
    if (may_write || (declared == Volatility::Stable && is_unread)) acts_.mark(function);
}

void FactsBuilder::link_user_function(Index function) {
    users_.mark(function);
    link_declared(function);
    link_stored(function, functions_.text(function, 9));
    const std::string_view aggregate_parts = functions_.text(function, 8);
    if (functions_.at(function, 7)) {
        depend(function, shared_);
        link_stored(function, functions_.text(function, 7));
    } else if (is_readable(function)) {
        depend(function, shared_);
        link_body(function, functions_.text(function, 6));
    } else if (!aggregate_parts.empty()) {
        link_aggregate(function, aggregate_parts);
    } else if (functions_.text(function, 3) != "i") {
        leaves_.mark(function);
    }
}

void FactsBuilder::link_body(Index function, std::string_view source) {
    const FunctionBody body = read_body(source);
    if (body.forbidden) leaves_.mark(function);
    if (body.unreadable) writes_.mark(function);
    if (body.unreadable || body.reads_clock || converts(function, body)) varies_.mark(function);
    // What is text may become a number of a catalog row, or a date by a word such as 'now'.
    const bool names_types = body.names_dates || body.names_objects;
    if (body.unreadable || body.reads_clock || body.is_local || body.selects || names_types)
        looks_.mark(function);
    // SELECT INTO makes a table in SQL.
    const bool makes_table = functions_.text(function, 4) == "sql" &&
                             std::binary_search(body.names.begin(), body.names.end(), "into");
    if (body.forbidden || body.unreadable || body.writes || body.comments || makes_table)
        acts_.mark(function);
    for (const CalledFunction& call : body.calls) link_call(function, call);
    link_names(function, body);
}

// Whether text may become a date, 'now' one of this moment, or the number of a catalog row. Where no text
// comes in it is a literal, which is seen for dates. What it gives it may make of anything without a cast.
bool FactsBuilder::converts(Index function, const FunctionBody& body) const {
    if (body.names_objects) return true;
    if (!functions_.is_true(function, 11)) return false;
    if (body.names_dates) return true;
    std::string_view types = functions_.text(function, 10);
    while (!types.empty()) {
        const std::size_t end = std::min(types.find(' '), types.size());
        const std::string_view type = types.substr(0, end);
        if (sql::date_type(type) != sql::DateType::No || sql::is_object_type(type)) return true;
        types.remove_prefix(std::min(end + 1, types.size()));
    }
    return false;
}

void FactsBuilder::link_call(Index function, const CalledFunction& call) {
    const auto found =
        functions_by_name_.find(call.schema.empty() ? call.name : qualified(call.schema, call.name));
    if (found == functions_by_name_.end()) {
        if (!call.may_be_syntax) leaves_.mark(function);
        return;
    }
    for (const Index called : found->second) depend(function, called);
}

// Relations, and functions that may be called as columns.
void FactsBuilder::link_names(Index function, const FunctionBody& body) {
    for (const std::string& name : body.names) {
        if (const auto called = row_functions_.find(name); called != row_functions_.end()) {
            for (const Index other : called->second) depend(function, other);
        }
        const auto found = relations_by_name_.find(name);
        if (found == relations_by_name_.end()) continue;
        for (const Index relation : found->second) {
            depend(function, body.writes ? writing(relation) : reading(relation));
        }
    }
}

void FactsBuilder::link_aggregate(Index function, std::string_view parts) {
    while (!parts.empty()) {
        const std::size_t end = std::min(parts.find(' '), parts.size());
        if (const Oid oid = to_oid(parts.substr(0, end)); oid != 0) link_oid(function, oid);
        parts.remove_prefix(std::min(end + 1, parts.size()));
    }
}

// A function that is not in the list was created or dropped meanwhile: nothing is known of it.
void FactsBuilder::link_oid(Index point, Oid oid) {
    const std::optional<Index> function = function_at(oid);
    if (!function) {
        for (Taint* taint : {&leaves_, &volatile_, &writes_, &varies_, &acts_, &looks_, &users_})
            taint->mark(point);
        return;
    }
    depend(point, *function);
    if (functions_.text(*function, 3) == "v") volatile_.mark(point);
}

void FactsBuilder::link_stored(Index point, std::string_view tree) {
    const StoredTree found = read_tree(tree);
    for (const Oid oid : found.functions) link_oid(point, oid);
    if (found.writes) acts_.mark(point);
    if (found.reads_text || tree.find("{SQLVALUEFUNCTION") != std::string_view::npos) {
        varies_.mark(point);
        looks_.mark(point);
    }
    for (const Oid oid : found.relations) {
        const auto relation = relation_by_oid_.find(oid);
        if (relation == relation_by_oid_.end()) {
            looks_.mark(point);  // a sequence
            continue;
        }
        depend(point, found.writes ? writing(relation->second) : reading(relation->second));
        volatile_.depend(point, reading(relation->second));
    }
}

void FactsBuilder::link_relations() {
    for (Index i = 0; i < relations_.size(); ++i) {
        depend(rewriting(i), reading(i));
        depend(writing(i), rewriting(i));
        varies_.mark(reading(i));
        looks_.mark(reading(i));
    }
    link_trees();
    link_triggers();
    link_unnamed();
    const Rows& uses = of(CatalogQuery::Uses);
    for (Index i = 0; i < uses.size(); ++i) {
        const std::optional<Index> relation = relation_at(uses.text(i, 0));
        if (relation) link_oid(rewriting(*relation), to_oid(uses.text(i, 1)));
    }
}

void FactsBuilder::link_trees() {
    const Rows& trees = of(CatalogQuery::Trees);
    for (Index i = 0; i < trees.size(); ++i) {
        const std::optional<Index> relation = relation_at(trees.text(i, 0));
        if (!relation) continue;
        if (trees.text(i, 1) == kRuleTree) {
            // Statements that replace or follow the write; not looked into.
            leaves_.mark(writing(*relation));
            users_.mark(writing(*relation));
            continue;
        }
        link_stored(reading(*relation), trees.text(i, 2));
        if (trees.text(i, 1) != kViewTree) continue;
        // A write to a simple view is one to its tables.
        for (const Oid oid : read_tree(trees.text(i, 2)).relations) {
            const auto base = relation_by_oid_.find(oid);
            if (base != relation_by_oid_.end()) depend(writing(*relation), writing(base->second));
        }
    }
}

void FactsBuilder::link_triggers() {
    const Rows& triggers = of(CatalogQuery::Triggers);
    for (Index i = 0; i < triggers.size(); ++i) {
        const std::optional<Index> relation = relation_at(triggers.text(i, 0));
        if (relation) link_oid(writing(*relation), to_oid(triggers.text(i, 1)));
    }
    const Rows& links = of(CatalogQuery::Links);
    for (Index i = 0; i < links.size(); ++i) {
        const std::optional<Index> from = relation_at(links.text(i, 0));
        const std::optional<Index> to = relation_at(links.text(i, 1));
        if (!from || !to) continue;
        depend(rewriting(*from), rewriting(*to));
        depend(writing(*from), writing(*to));
    }
}

bool FactsBuilder::is_in_c(Index function) const {
    const std::string_view language = functions_.text(function, 4);
    return language == "c" || language == "internal";
}

void FactsBuilder::link_unnamed() {
    const Rows& unnamed = of(CatalogQuery::Unnamed);
    for (Index i = 0; i < unnamed.size(); ++i) {
        const std::optional<Index> function = function_at(to_oid(unnamed.text(i, 2)));
        if (!function || is_in_c(*function)) continue;
        if (unnamed.text(i, 0) == kOperator) depend(shared_, *function);
        if (unnamed.text(i, 0) == kConversion) depend(conversions_, *function);
    }
    depend(shared_, conversions_);
}

void FactsBuilder::add_unnamed(sql::CatalogFacts& facts) const {
    const Rows& unnamed = of(CatalogQuery::Unnamed);
    for (Index i = 0; i < unnamed.size(); ++i) {
        const std::optional<Index> function = function_at(to_oid(unnamed.text(i, 2)));
        if (!function || unnamed.text(i, 0) == kConversion) continue;
        FunctionFacts called = judged_[*function];
        called.harmless = called.harmless || is_in_c(*function);
        add_key(unnamed.text(i, 0) == kOperator ? facts.operators : facts.row_functions,
                std::string(unnamed.text(i, 1)), called);
    }
    facts.conversions_harmless = !leaves_.is_bad(conversions_);
    facts.converts_by_user_code = users_.is_bad(conversions_);
}

FunctionFacts FactsBuilder::function_facts(Index function) const {
    FunctionFacts facts;
    facts.volatility = to_volatility(functions_.text(function, 3));
    facts.builtin = functions_.text(function, 1) == "pg_catalog";
    facts.harmless = !leaves_.is_bad(function);
    facts.aggregate = !facts.builtin && functions_.text(function, 5) == "a";
    facts.writes_nothing = facts.volatility != Volatility::Volatile || writes_nothing(function);
    facts.acts = acts_.is_bad(function);
    facts.looks = looks_.is_bad(function);
    if (facts.builtin) return facts;
    facts.may_write = facts.volatility != Volatility::Volatile && writes_.is_bad(function);
    const bool is_worse = facts.volatility == Volatility::Immutable && varies_.is_bad(function);
    if (is_worse && purpose_ == FactsFor::Replication) facts.volatility = Volatility::Stable;
    return facts;
}

RelationFacts FactsBuilder::relation_facts(Index relation) const {
    RelationFacts facts;
    facts.temporary = relations_.text(relation, 4) == "t";
    facts.permanent = !facts.temporary;
    facts.unlogged = relations_.text(relation, 4) == "u";
    facts.system = is_system_schema(relations_.text(relation, 1));
    facts.view = relations_.text(relation, 3) == "v";
    // A view that may change the session or write is as little a plain read as one that reaches a volatile
    // function.
    const Index point = reading(relation);
    facts.reads_volatile = volatile_.is_bad(point) || leaves_.is_bad(point) || writes_.is_bad(point);
    facts.writes_harmless = !leaves_.is_bad(writing(relation));
    facts.rewrites_harmless = !leaves_.is_bad(rewriting(relation));
    facts.runs_user_code = users_.is_bad(writing(relation));
    if (!facts.temporary) facts.oid = to_oid(relations_.text(relation, 0));
    return facts;
}

// The harmless ones and those with their names; for replication every one of users.
void FactsBuilder::add_types(sql::CatalogFacts& facts) const {
    const Rows& types = of(CatalogQuery::Types);
    for (Index i = 0; i < types.size(); ++i) {
        add(facts.types, types.text(i, 0), types.text(i, 1), sql::TypeFacts{types.is_true(i, 2), true});
    }
    if (purpose_ == FactsFor::Routing) return;
    const Rows& inputs = of(CatalogQuery::TypeInputs);
    for (Index i = 0; i < inputs.size(); ++i) {
        const bool harmless = facts.types.contains(qualified(inputs.text(i, 0), inputs.text(i, 1)));
        add(facts.types, inputs.text(i, 0), inputs.text(i, 1),
            sql::TypeFacts{harmless, inputs.is_true(i, 2)});
    }
}

// A sequence is a relation that SELECT may name.
void FactsBuilder::add_sequences(sql::CatalogFacts& facts) const {
    const Rows& sequences = of(CatalogQuery::Sequences);
    for (Index i = 0; i < sequences.size(); ++i) {
        RelationFacts sequence;
        sequence.temporary = sequences.text(i, 2) == "t";
        sequence.permanent = !sequence.temporary;
        add(facts.relations, sequences.text(i, 0), sequences.text(i, 1), sequence);
    }
}

sql::CatalogFacts FactsBuilder::run(std::uint64_t version) {
    index_names();
    link_functions();
    link_relations();
    for (Taint* taint : {&leaves_, &volatile_, &writes_, &varies_, &acts_, &looks_, &users_}) taint->spread();
    judged_.reserve(functions_.size());
    for (Index i = 0; i < functions_.size(); ++i) judged_.push_back(function_facts(i));
    sql::CatalogFacts facts;
    facts.version = version;
    facts.functions.reserve(2 * functions_.size());
    facts.relations.reserve(2 * relations_.size());
    for (Index i = 0; i < functions_.size(); ++i) {
        const FunctionFacts& one = judged_[i];
        add(facts.functions, functions_.text(i, 1), functions_.text(i, 2), one);
        if (one.builtin && one.volatility != Volatility::Volatile)
            facts.stable_builtins.push_back(to_oid(functions_.text(i, 0)));
    }
    std::sort(facts.stable_builtins.begin(), facts.stable_builtins.end());
    WriteFactsByOid writes;
    if (purpose_ == FactsFor::Replication) writes = build_write_facts(rows_, judged_);
    for (Index i = 0; i < relations_.size(); ++i) {
        RelationFacts relation = relation_facts(i);
        const auto write = writes.find(to_oid(relations_.text(i, 0)));
        const bool is_whole = names_ == nullptr || names_->contains(relations_.text(i, 2));
        if (write != writes.end() && is_whole) relation.write = write->second;
        add(facts.relations, relations_.text(i, 1), relations_.text(i, 2), relation);
    }
    add_types(facts);
    add_unnamed(facts);
    if (purpose_ == FactsFor::Replication) {
        add_sequences(facts);
        add_database_facts(rows_, judged_, facts);
    }
    return facts;
}

}  // namespace

sql::CatalogFacts build_facts(const CatalogRows& rows, std::uint64_t version, FactsFor purpose) {
    return FactsBuilder(rows, purpose).run(version);
}

std::shared_ptr<const Rows> builtin_functions(const Rows& functions) {
    std::vector<Rows::Cell> cells;
    for (std::size_t i = 0; i < functions.size(); ++i) {
        if (to_oid(functions.text(i, 0)) >= kFirstNormalOid || functions.text(i, 1) != "pg_catalog") continue;
        for (std::size_t column = 0; column < functions.columns(); ++column)
            cells.push_back(functions.at(i, column));
    }
    return std::make_shared<const Rows>(functions.columns(), std::move(cells));
}

// A built-in function that was changed comes first, and is as bad as before at least.
std::shared_ptr<sql::CatalogFacts> build_changed_facts(CatalogRows rows, const sql::CatalogFacts& committed,
                                                       const RelationNames& names) {
    if (!committed.builtin_functions) return nullptr;
    Rows& functions = rows[static_cast<std::size_t>(CatalogQuery::Functions)];
    functions = functions.followed_by(*committed.builtin_functions);
    FactsBuilder builder(rows, FactsFor::Replication);
    if (!names.empty()) builder.only(names);
    return std::make_shared<sql::CatalogFacts>(builder.run(committed.version));
}

}  // namespace pgpool::health
