// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/write_class.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/replication/write_judge.h"

namespace pgpool::replication {
namespace {

constexpr auto kNames = std::to_array<const char*>(
    {"none", "ddl", "point", "predicate", "other tables", "not deterministic", "not provable"});

void merge(Classified& all, Classified next) {
    if (next.kind > all.kind) {
        all.kind = next.kind;
        all.reason = std::move(next.reason);
    }
    all.outside_transaction = all.outside_transaction || next.outside_transaction;
    all.locks_rows = all.locks_rows || next.locks_rows;
    all.main_only = all.main_only || next.main_only;
    all.needs_facts = all.needs_facts || next.needs_facts;
    all.copy_has_dates = all.copy_has_dates || next.copy_has_dates;
    std::vector<std::uint16_t> numbers;
    std::set_union(all.date_parameters.begin(), all.date_parameters.end(), next.date_parameters.begin(),
                   next.date_parameters.end(), std::back_inserter(numbers));
    all.date_parameters = std::move(numbers);
}

}  // namespace

Classified classify_statement(const sql::Statement& statement, const sql::CatalogFacts* facts,
                              std::span<const std::string> temporaries) {
    return judge_write(statement, facts, temporaries);
}

Classified classify_write(const sql::StatementInfo& info, const sql::CatalogFacts* facts,
                          std::span<const std::string> temporaries) {
    if (info.statements.empty()) return {.kind = WriteClass::None, .reason = "empty", .date_parameters = {}};
    Classified all = classify_statement(info.statements.front(), facts, temporaries);
    for (std::size_t i = 1; i < info.statements.size(); ++i) {
        merge(all, classify_statement(info.statements[i], facts, temporaries));
    }
    return all;
}

Classified classify_execute(const sql::Statement& execute, const Classified& prepared,
                            const sql::CatalogFacts* facts, std::span<const std::string> temporaries) {
    Classified all = judge_arguments(execute, facts, temporaries, prepared.kind);
    merge(all, prepared);
    return all;
}

const char* to_string(WriteClass kind) {
    return kNames.at(static_cast<std::size_t>(kind));
}

std::string describe(const Classified& classified) {
    return fmt::format("{} ({})", to_string(classified.kind), classified.reason);
}

std::string explain(const Classified& classified, bool is_followed, config::Unsafe unsafe) {
    if (classified.kind == WriteClass::None) return "not replicated: " + classified.reason;
    const char* fate = is_followed                        ? "replicated: "
                       : unsafe == config::Unsafe::Refuse ? "refused: "
                                                          : "replicated, though nodes may differ by it: ";
    return fate + describe(classified);
}

}  // namespace pgpool::replication
