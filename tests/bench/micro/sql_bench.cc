// SPDX-License-Identifier: PostgreSQL

// What the hot path pays for knowing a statement and its node: fingerprint, a hit of the cache, a miss (a
// parse), the verdict in the cache and the plan.

#include <benchmark/benchmark.h>

#include <string>

#include "proxy/route/planner.h"
#include "proxy/sql/analysis_cache.h"
#include "tests/unit/proxy/route/fixture.h"

namespace {

using namespace pgpool::sql;

constexpr const char* kPointSelect = "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;";
constexpr const char* kJoin =
    "SELECT o.id, o.created_at, c.name, sum(l.quantity * l.price) AS total FROM orders o JOIN customers c ON "
    "c.id = o.customer_id LEFT JOIN order_lines l ON l.order_id = o.id WHERE o.created_at >= now() - "
    "interval '7 "
    "days' AND c.country = 'JP' GROUP BY o.id, o.created_at, c.name HAVING sum(l.quantity) > 10 ORDER BY "
    "total "
    "DESC LIMIT 50";

void BM_Fingerprint(benchmark::State& state, const char* sql) {
    for (auto _ : state) benchmark::DoNotOptimize(fingerprint(sql, 1));
}
BENCHMARK_CAPTURE(BM_Fingerprint, point_select, kPointSelect);
BENCHMARK_CAPTURE(BM_Fingerprint, join, kJoin);

void BM_Hit(benchmark::State& state, const char* sql) {
    AnalysisCache<int> cache({}, 1);
    for (auto _ : state) benchmark::DoNotOptimize(cache.analyze(sql).info.get());
}
BENCHMARK_CAPTURE(BM_Hit, point_select, kPointSelect);
BENCHMARK_CAPTURE(BM_Hit, join, kJoin);
BENCHMARK_CAPTURE(BM_Hit, by_text, "SET search_path TO app, public");

void BM_Miss(benchmark::State& state, const char* sql) {
    Analyzer analyzer;
    for (auto _ : state) benchmark::DoNotOptimize(analyzer.analyze(sql));
}
BENCHMARK_CAPTURE(BM_Miss, point_select, kPointSelect);
BENCHMARK_CAPTURE(BM_Miss, join, kJoin);
BENCHMARK_CAPTURE(BM_Miss, unparsable, "SELEC 1");

void BM_Classify(benchmark::State& state, const char* sql) {
    using namespace pgpool;
    const StatementInfoPtr info = Analyzer().analyze(sql);
    const CatalogFacts facts = route::fixture::facts();
    const route::RoutingFunctions functions;
    for (auto _ : state) benchmark::DoNotOptimize(route::classify(*info, &facts, functions));
}
BENCHMARK_CAPTURE(BM_Classify, point_select, kPointSelect);
BENCHMARK_CAPTURE(BM_Classify, join, kJoin);

void BM_HitVerdictPlan(benchmark::State& state) {
    using namespace pgpool;
    AnalysisCache<route::CachedVerdict> cache({}, 1);
    CatalogFacts facts = route::fixture::facts();
    facts.relations["pgbench_accounts"] = {};
    const cluster::Topology topology = route::fixture::topology();
    const route::RoutingFunctions functions;
    const config::Routing routing;
    const route::SessionRoute session;
    std::uint64_t random = 0;
    for (auto _ : state) {
        auto& entry = cache.analyze(kPointSelect);
        const route::Verdict& verdict =
            route::cached_verdict(entry.payload, *entry.info, &facts, functions, 1);
        random += 0x9e3779b97f4a7c15U;
        benchmark::DoNotOptimize(route::plan(verdict, *entry.info, session, topology, routing, random));
    }
}
BENCHMARK(BM_HitVerdictPlan);

}  // namespace

BENCHMARK_MAIN();
