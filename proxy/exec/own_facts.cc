// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/own_facts.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pgpool::exec {

namespace {

using sql::Kind;

// pg_temp last, as by itself it comes before pg_catalog. What else a session can set changes no answer.
constexpr std::string_view kBefore =
    "SAVEPOINT pgpool_own_facts;SET LOCAL search_path TO pg_catalog, pg_temp;"
    "SET LOCAL statement_timeout TO 10000;SET LOCAL jit TO off;"
    "SELECT current_setting('transaction_isolation');";
constexpr std::string_view kAfter =
    "ROLLBACK TO SAVEPOINT pgpool_own_facts;RELEASE SAVEPOINT pgpool_own_facts";

bool sees_others_commit(const CatalogAnswer& isolation) {
    return isolation.cells.size() == 1 &&
           (isolation.cells[0] == "read committed" || isolation.cells[0] == "read uncommitted");
}

bool names_something(const sql::Statement& statement) {
    return !statement.relations.empty() || !statement.functions.empty() || !statement.types.empty() ||
           !statement.operators.empty() || !statement.fields.empty() || statement.user_operators;
}

bool runs_nothing(const sql::Statement& statement) {
    return statement.functions.empty() && statement.types.empty() && statement.operators.empty() &&
           statement.fields.empty() && !statement.user_operators;
}

// Of a relation that it makes there are no rows yet. What a view will run is looked up when it is made.
bool is_plain_ddl(const sql::Statement& statement) {
    if (statement.kind != Kind::Ddl || statement.computes_rows) return false;
    if (sql::has(statement.leaves, sql::Leaves::TempObject)) return false;
    if (statement.inner && !runs_nothing(*statement.inner)) return false;
    return statement.creates || runs_nothing(statement);
}

}  // namespace

bool OwnFacts::hold(const RelationNames& names) const {
    return names_.empty() || std::includes(names_.begin(), names_.end(), names.begin(), names.end());
}

std::string OwnFacts::begin(const CatalogReading& reading, RelationNames names, TimePoint now) {
    const bool is_for_others = is_fresh_ && !hold(names);
    is_fresh_ = false;
    names.insert("");  // which none bears
    names_ = is_for_others ? RelationNames() : std::move(names);
    ++readings_;
    asked_at_ = now;
    answered_ = bytes_ = 0;
    const std::vector<std::string> queries = reading.queries(names_);
    answers_.assign(queries.size() + 1, {});
    std::string text(kBefore);
    for (const std::string& query : queries) text.append(query).push_back(';');
    return text.append(kAfter);
}

void OwnFacts::take_row(ByteView data_row) {
    bytes_ += data_row.size();
    if (answered_ >= answers_.size() || bytes_ > kMostBytes) return;
    CatalogAnswer& answer = answers_[answered_];
    Cursor cursor(data_row);
    answer.columns = cursor.u16();
    for (std::size_t i = 0; i < answer.columns; ++i) {
        const std::int32_t size = cursor.i32();
        if (size < 0)
            answer.cells.emplace_back();
        else
            answer.cells.emplace_back(std::string(cursor.bytes(static_cast<std::size_t>(size))));
    }
}

void OwnFacts::take_tag(std::string_view tag) {
    if (tag.starts_with("SELECT")) ++answered_;
}

std::string OwnFacts::end(const CatalogReading& reading, const sql::CatalogFacts& committed) {
    std::vector<CatalogAnswer> answers = std::exchange(answers_, {});
    if (answered_ != answers.size()) return "not all was answered";
    if (!sees_others_commit(answers.front()))
        return obstacle_ = "a write behind DDL in the same transaction, above READ COMMITTED";
    if (bytes_ > kMostBytes)
        return obstacle_ = "a write behind DDL in the same transaction: the schema is too large";
    answers.erase(answers.begin());
    const auto facts = reading.understand(std::move(answers), committed, names_);
    if (!facts) return "those that are built in are not known";
    facts->as_of = asked_at_;
    facts_ = facts;
    is_fresh_ = true;
    return {};
}

// Event triggers; an extension may bring some along.
void OwnFacts::note_tag(std::string_view tag) {
    constexpr auto kMakers = std::to_array<std::string_view>(
        {"CREATE EVENT TRIGGER", "ALTER EVENT TRIGGER", "CREATE EXTENSION", "ALTER EXTENSION"});
    may_watch_ddl_ |= std::find(kMakers.begin(), kMakers.end(), tag) != kMakers.end();
}

bool depends_on_schema(const sql::Statement& statement) {
    if (statement.kind == Kind::Execute || statement.kind == Kind::Do || statement.kind == Kind::Call)
        return true;
    if (statement.kind == Kind::Prepare || is_plain_ddl(statement)) return false;
    return names_something(statement) || (statement.inner && depends_on_schema(*statement.inner));
}

void add_names(const sql::Statement& statement, RelationNames& names) {
    for (const sql::RelationRef& ref : statement.relations) names.insert(ref.name);
    if (statement.inner) add_names(*statement.inner, names);
}

}  // namespace pgpool::exec
