// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/temporaries.h"

#include <algorithm>
#include <array>

namespace pgpool::exec {

namespace {

using sql::Leaves;

bool is_any_of(std::string_view tag, std::initializer_list<std::string_view> tags) {
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

// Views may write other tables, functions and types are not found by the names of relations.
bool makes_table(std::string_view tag) {
    return tag.starts_with("SELECT ") ||
           is_any_of(tag, {"CREATE TABLE", "CREATE TABLE AS", "SELECT INTO", "CREATE SEQUENCE"});
}

// Whether it neither renames anything nor adds code that writes to the table would run.
bool keeps_meaning(std::string_view tag) {
    return is_any_of(tag, {"CREATE INDEX", "DROP INDEX", "COMMENT", "GRANT", "REVOKE", "CREATE STATISTICS"});
}

// Code of users, or what draws from a sequence, that the table runs from then on: in a default, a check.
bool brings_code(const sql::Statement& statement, const sql::CatalogFacts* facts) {
    const auto is_harmless = [facts](const sql::FunctionRef& ref) {
        const sql::FunctionFacts* known = facts != nullptr ? facts->function(ref.schema, ref.name) : nullptr;
        return known != nullptr && known->builtin && known->volatility != sql::Volatility::Volatile;
    };
    const auto is_of_users = [facts](const std::string& name) {
        return facts == nullptr || facts->operators.contains(name);
    };
    return statement.user_operators || !statement.types.empty() ||
           !std::all_of(statement.functions.begin(), statement.functions.end(), is_harmless) ||
           std::any_of(statement.operators.begin(), statement.operators.end(), is_of_users);
}

// Whether what writes to the table still writes nothing else. Triggers, rules and policies may.
bool writes_it_alone(const sql::Statement& statement, std::string_view tag, const sql::CatalogFacts* facts) {
    const bool is_plain = keeps_meaning(tag) || is_any_of(tag, {"ALTER TABLE", "ALTER SEQUENCE"});
    return is_plain && !statement.leads_elsewhere && !brings_code(statement, facts);
}

// Which of the two is meant depends on the search path.
bool is_taken(std::string_view name, const sql::CatalogFacts* facts) {
    if (facts == nullptr || !facts->writes_known) return true;
    const sql::RelationFacts* relation = facts->relation({}, name);
    return relation != nullptr ? relation->permanent : facts->type({}, name) != nullptr;
}

bool may_be_temporary(const sql::RelationRef& relation) {
    return relation.schema.empty() || sql::is_temp_schema(relation.schema);
}

}  // namespace

const sql::RelationRef* created_by(const sql::Statement& statement) {
    if (!statement.creates) return nullptr;
    const auto found =
        std::find_if(statement.relations.begin(), statement.relations.end(),
                     [](const sql::RelationRef& ref) { return ref.access == sql::Access::Write; });
    return found != statement.relations.end() ? &*found : nullptr;
}

bool Temporaries::is_named_by(const sql::Statement& statement) const {
    const auto& names = current_.names;
    return std::any_of(statement.relations.begin(), statement.relations.end(), [&](const auto& ref) {
        return may_be_temporary(ref) && std::find(names.begin(), names.end(), ref.name) != names.end();
    });
}

void Temporaries::apply(const sql::Statement& statement, std::string_view tag,
                        const sql::CatalogFacts* facts) {
    if (sql::has(statement.clears, Leaves::TempObject)) {
        current_ = {};
    } else if (sql::has(statement.leaves, Leaves::TempObject)) {
        add(statement, tag, facts);
    } else if (statement.drops_others && !current_.names.empty()) {
        forget_names();  // one may mean another table from here on
    } else if (statement.kind == sql::Kind::Ddl && is_named_by(statement)) {
        const bool drops = is_any_of(tag, {"DROP TABLE", "DROP SEQUENCE"});
        for (const sql::RelationRef& ref : statement.relations) {
            if (drops && may_be_temporary(ref)) remove(ref.name);
        }
        if (!drops && !writes_it_alone(statement, tag, facts)) return forget_names();
        current_.is_opaque |= !drops && !keeps_meaning(tag);
    }
}

// What writes to one of them need not write to it alone.
void Temporaries::forget_names() {
    current_ = {.names = {}, .until_commit = {}, .is_opaque = true};
}

void Temporaries::add(const sql::Statement& statement, std::string_view tag, const sql::CatalogFacts* facts) {
    const sql::RelationRef* made = created_by(statement);
    if (made == nullptr || !makes_table(tag) || statement.derives || is_taken(made->name, facts)) {
        current_.is_opaque = true;
        return;
    }
    remove(made->name);
    current_.names.push_back(made->name);
    if (statement.drops_at_commit) current_.until_commit.push_back(made->name);
}

void Temporaries::remove(const std::string& name) {
    std::erase(current_.names, name);
    std::erase(current_.until_commit, name);
}

void Temporaries::commit() {
    for (const std::string& name : std::vector<std::string>(current_.until_commit)) remove(name);
    committed_ = current_;
    savepoints_.clear();
}

void Temporaries::rollback() {
    current_ = committed_;
    savepoints_.clear();
}

std::vector<Temporaries::Savepoint>::iterator Temporaries::find_savepoint(std::string_view name) {
    const auto found = std::find_if(savepoints_.rbegin(), savepoints_.rend(),
                                    [&](const Savepoint& savepoint) { return savepoint.name == name; });
    return found == savepoints_.rend() ? savepoints_.end() : std::prev(found.base());
}

void Temporaries::savepoint(std::string_view name) {
    savepoints_.push_back({std::string(name), current_});
}

void Temporaries::release_savepoint(std::string_view name) {
    savepoints_.erase(find_savepoint(name), savepoints_.end());
}

void Temporaries::rollback_to_savepoint(std::string_view name) {
    const auto found = find_savepoint(name);
    if (found == savepoints_.end()) return;
    current_ = found->state;
    savepoints_.erase(std::next(found), savepoints_.end());
}

}  // namespace pgpool::exec
