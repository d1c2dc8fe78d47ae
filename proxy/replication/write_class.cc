// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/write_class.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/replication/write_judge.h"

namespace pgpool::replication {
namespace {

constexpr auto kNames = std::to_array<const char*>({"none", "large object", "ddl", "point", "predicate",
                                                    "other tables", "not deterministic", "not provable"});

void merge(Classified& all, Classified next) {
    std::move(next.ways.begin(), next.ways.end(), std::back_inserter(all.ways));
    if (next.kind > all.kind) {
        all.kind = next.kind;
        all.reason = std::move(next.reason);
    }
    all.outside_transaction = all.outside_transaction || next.outside_transaction;
    all.locks_rows = all.locks_rows || next.locks_rows;
    all.main_only = all.main_only || next.main_only;
    all.needs_facts = all.needs_facts || next.needs_facts;
    all.calls_large_objects = all.calls_large_objects || next.calls_large_objects;
    all.by_search_path = all.by_search_path || next.by_search_path;
    all.by_facts = all.by_facts || next.by_facts;
    all.copy_has_dates = all.copy_has_dates || next.copy_has_dates;
    std::vector<std::uint16_t> numbers;
    std::set_union(all.date_parameters.begin(), all.date_parameters.end(), next.date_parameters.begin(),
                   next.date_parameters.end(), std::back_inserter(numbers));
    all.date_parameters = std::move(numbers);
}

}  // namespace

Classified classify_statement(const sql::Statement& statement, const sql::CatalogFacts* facts,
                              std::span<const std::string> temporaries) {
    Classified one = judge_write(statement, facts, temporaries);
    Classified::Way& way = one.ways.front();
    way.repeats = one.kind <= WriteClass::Point || way.locks;
    return one;
}

Classified classify_write(const sql::StatementInfo& info, const sql::CatalogFacts* facts,
                          std::span<const std::string> temporaries) {
    if (info.statements.empty())
        return {.kind = WriteClass::None, .reason = "empty", .date_parameters = {}, .ways = {}};
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
    const bool is_proven = all.kind < WriteClass::NotDeterministic && prepared.ways.size() == 1;
    const LockPlanPtr locks = is_proven ? prepared.ways.front().locks : nullptr;
    all.ways = {{.repeats = all.kind <= WriteClass::Point || locks,
                 .images = nullptr,
                 .locks = locks,
                 .filling = nullptr}};
    if (!can_follow(all) && rows_travel(prepared)) all.reason += ", and rows do not travel by EXECUTE";
    return all;
}

const char* to_string(WriteClass kind) {
    return kNames.at(static_cast<std::size_t>(kind));
}

std::string describe(const Classified& classified) {
    return fmt::format("{} ({})", to_string(classified.kind), classified.reason);
}

bool depends_on_schema(const Classified& classified) {
    return classified.kind > WriteClass::Ddl || classified.by_search_path;
}

bool can_follow(const Classified& classified) {
    return std::all_of(classified.ways.begin(), classified.ways.end(),
                       [](const Classified::Way& way) { return way.repeats || way.images; });
}

LockPlanPtr locks_needed(const Classified& classified) {
    const auto found = std::find_if(classified.ways.begin(), classified.ways.end(),
                                    [](const Classified::Way& way) { return way.locks != nullptr; });
    return found == classified.ways.end() ? nullptr : found->locks;
}

bool rows_travel(const Classified& classified) {
    return std::any_of(classified.ways.begin(), classified.ways.end(),
                       [](const Classified::Way& way) { return !way.repeats && way.images; });
}

std::string explain(const Classified& classified, config::Unsafe unsafe) {
    if (classified.kind == WriteClass::None) return "not replicated: " + classified.reason;
    if (can_follow(classified)) {
        const LockPlanPtr locks = locks_needed(classified);
        if (locks && !locks->empty())
            return fmt::format("repeated under locks, as {}: {}", locks->reason, describe(classified));
        const char* how = rows_travel(classified) ? "replicated, its rows travel: " : "replicated: ";
        return how + describe(classified);
    }
    const bool is_refused = unsafe == config::Unsafe::Refuse;
    return (is_refused ? "refused: " : "replicated, though nodes may differ by it: ") + describe(classified);
}

}  // namespace pgpool::replication
