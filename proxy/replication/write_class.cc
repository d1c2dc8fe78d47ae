// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/write_class.h"

#include <array>
#include <utility>

namespace pgpool::replication {
namespace {

constexpr auto kNames = std::to_array<const char*>(
    {"none", "ddl", "point", "predicate", "other tables", "not deterministic", "not provable"});

void merge(Classified& all, Classified next) {
    const bool outside = all.outside_transaction || next.outside_transaction;
    const bool locks = all.locks_rows || next.locks_rows;
    const bool main_only = all.main_only || next.main_only;
    const bool needs_facts = all.needs_facts || next.needs_facts;
    const bool inputs = all.inputs_may_move || next.inputs_may_move;
    if (next.kind > all.kind) all = std::move(next);
    all.outside_transaction = outside;
    all.locks_rows = locks;
    all.main_only = main_only;
    all.needs_facts = needs_facts;
    all.inputs_may_move = inputs;
}

}  // namespace

Classified classify_statement(const sql::Statement& statement, const sql::CatalogFacts* /*facts*/,
                              std::span<const std::string> /*temporaries*/) {
    Classified out;
    out.reason = "nothing is proven yet";
    if (statement.kind == sql::Kind::Select && statement.relations.empty() && statement.functions.empty()) {
        out.kind = WriteClass::None;
        out.reason = "reads only";
    }
    return out;
}

Classified classify_write(const sql::StatementInfo& info, const sql::CatalogFacts* facts,
                          std::span<const std::string> temporaries) {
    Classified all{.kind = WriteClass::None, .reason = "empty"};
    for (const sql::Statement& statement : info.statements) {
        Classified next = classify_statement(statement, facts, temporaries);
        if (&statement == &info.statements.front()) {
            all = std::move(next);
        } else {
            merge(all, std::move(next));
        }
    }
    return all;
}

Classified classify_execute(const sql::Statement& execute, const Classified& prepared,
                            const sql::CatalogFacts* facts, std::span<const std::string> temporaries) {
    sql::Statement arguments = execute;
    arguments.kind = sql::Kind::Select;
    Classified all = classify_statement(arguments, facts, temporaries);
    merge(all, prepared);
    return all;
}

const char* to_string(WriteClass kind) {
    return kNames.at(static_cast<std::size_t>(kind));
}

std::string describe(const Classified& classified) {
    return std::string(to_string(classified.kind)) + " (" + classified.reason + ")";
}

}  // namespace pgpool::replication
