// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/schema_use.h"

#include <algorithm>

namespace pgpool::replication {
namespace {

using sql::CatalogFacts;
using sql::Kind;
using sql::Statement;

bool is_same(const sql::RelationRef& ref, const CatalogFacts& before, const CatalogFacts& after) {
    const sql::RelationFacts* old = before.relation(ref.schema, ref.name);
    const sql::RelationFacts* now = after.relation(ref.schema, ref.name);
    return old != nullptr && now != nullptr && old->is_known() && old->oid == now->oid;
}

// As written. What it names is locked by its use.
bool names_schema(const std::string& sequence) {
    return sequence.find('.') != std::string::npos && sequence.find('"') == std::string::npos;
}

bool names_the_same(const Statement& statement, const CatalogFacts& before, const CatalogFacts& after) {
    const bool is_unread = statement.kind == Kind::Execute || statement.kind == Kind::Do ||
                           statement.kind == Kind::Call || statement.kind == Kind::Unknown;
    if (is_unread || !statement.types.empty() || statement.has_unclear_sequence) return false;
    return std::all_of(statement.sequences.begin(), statement.sequences.end(), names_schema) &&
           std::all_of(statement.relations.begin(), statement.relations.end(),
                       [&](const sql::RelationRef& ref) { return is_same(ref, before, after); }) &&
           (!statement.inner || names_the_same(*statement.inner, before, after));
}

bool is_builtin(const sql::ColumnFacts& column) {
    return column.type.starts_with("pg_catalog.");
}

// No function, domain or enum of users is behind what is read or written.
bool is_plain(const sql::RelationFacts* relation) {
    return relation != nullptr && !relation->runs_user_code && relation->write != nullptr &&
           std::all_of(relation->write->columns.begin(), relation->write->columns.end(), is_builtin);
}

bool uses_builtins_only(const Statement& statement, const CatalogFacts& facts) {
    const auto is_function = [&](const sql::FunctionRef& ref) {
        const sql::FunctionFacts* known = facts.function(ref.schema, ref.name);
        return known != nullptr && known->builtin;
    };
    const auto is_operator = [&](const std::string& name) { return !facts.operators.contains(name); };
    const auto is_column = [&](const std::string& name) { return !facts.row_functions.contains(name); };
    const auto is_table = [&](const sql::RelationRef& ref) {
        return is_plain(facts.relation(ref.schema, ref.name));
    };
    return !facts.converts_by_user_code && !statement.user_operators && statement.types.empty() &&
           statement.sequences.empty() &&
           std::all_of(statement.functions.begin(), statement.functions.end(), is_function) &&
           std::all_of(statement.operators.begin(), statement.operators.end(), is_operator) &&
           std::all_of(statement.fields.begin(), statement.fields.end(), is_column) &&
           std::all_of(statement.relations.begin(), statement.relations.end(), is_table) &&
           (!statement.inner || uses_builtins_only(*statement.inner, facts));
}

}  // namespace

bool names_the_same(const sql::StatementInfo& info, const CatalogFacts& before, const CatalogFacts& after) {
    return std::all_of(info.statements.begin(), info.statements.end(),
                       [&](const Statement& statement) { return names_the_same(statement, before, after); });
}

bool uses_builtins_only(const sql::StatementInfo& info, const CatalogFacts& facts) {
    return std::all_of(info.statements.begin(), info.statements.end(),
                       [&](const Statement& statement) { return uses_builtins_only(statement, facts); });
}

}  // namespace pgpool::replication
