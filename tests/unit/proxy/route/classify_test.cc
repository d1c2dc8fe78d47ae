// SPDX-License-Identifier: PostgreSQL
#include "proxy/route/classify.h"

#include <gtest/gtest.h>

#include "proxy/sql/analyzer.h"
#include "tests/unit/proxy/route/fixture.h"

namespace pgpool::route {
namespace {

sql::StatementInfoPtr analyse(std::string_view sql) {
    return sql::Analyzer().analyze(sql);
}

TEST(RoutingFunctions, MatchNamesSchemasAndPrefixes) {
    config::Routing routing;
    routing.read_only_functions = {"plain", "app.exact", "pre*", "lib.*"};
    routing.write_functions = {"app.change", "log.w*", "direct"};
    const RoutingFunctions lists(routing);
    EXPECT_TRUE(lists.reads("", "plain"));
    EXPECT_TRUE(lists.reads("any", "plain"));
    EXPECT_TRUE(lists.reads("app", "exact"));
    EXPECT_FALSE(lists.reads("", "exact")) << "may be another schema's";
    EXPECT_FALSE(lists.reads("other", "exact"));
    EXPECT_TRUE(lists.reads("x", "prefixed"));
    EXPECT_TRUE(lists.reads("lib", "anything"));
    EXPECT_FALSE(lists.reads("library", "anything"));
    EXPECT_FALSE(lists.reads("", "plai"));
    EXPECT_TRUE(lists.writes("app", "change"));
    EXPECT_TRUE(lists.writes("", "change")) << "may be this schema's";
    EXPECT_FALSE(lists.writes("other", "change"));
    EXPECT_TRUE(lists.writes("log", "write"));
    EXPECT_TRUE(lists.writes("", "write"));
    EXPECT_FALSE(lists.writes("", "read"));
    EXPECT_TRUE(lists.writes("", "direct"));
    EXPECT_FALSE(RoutingFunctions().writes("", ""));
}

TEST(Classify, ExecuteIsAsGoodAsWhatWasPrepared) {
    const sql::CatalogFacts facts = fixture::facts();
    const auto verdict = [&](std::string_view execute, std::string_view prepared) {
        return classify_execute(*analyse(execute), classify(*analyse(prepared), &facts, {}), &facts, {});
    };
    EXPECT_EQ(describe(verdict("execute p(1)", "select * from t")), "read: reads only");
    EXPECT_TRUE(verdict("execute p(1)", "select * from t").retryable_read);
    EXPECT_EQ(describe(verdict("execute p(random())", "select * from t")),
              "write: calls a volatile function (random)");
    EXPECT_EQ(describe(verdict("execute p", "delete from t")), "write: modifies data (t)");
    EXPECT_EQ(verdict("execute p", "select volatile_bad()").leaves, sql::Leaves::UnknownCode);
}

TEST(Classify, SystemColumnsAreMainsWhereNodesShareNothing) {
    const sql::CatalogFacts facts = fixture::facts();
    const RoutingFunctions replicated({}, config::ClusterMode::Replication);
    for (const char* sql : {"select xmin from t", "select t.ctid::text from t where a = 1"}) {
        EXPECT_EQ(classify(*analyse(sql), &facts, {}).kind, Class::Read) << sql;
        EXPECT_EQ(classify(*analyse(sql), &facts, replicated).kind, Class::Write) << sql;
    }
    EXPECT_EQ(classify(*analyse("select a from t"), &facts, replicated).kind, Class::Read);
}

TEST(Classify, CachedVerdictsFollowFactsConfigurationAndExperience) {
    sql::CatalogFacts facts = fixture::facts();
    const sql::StatementInfoPtr info = analyse("select stable_fine(1)");
    CachedVerdict slot;
    EXPECT_EQ(cached_verdict(slot, *info, nullptr, {}, 1).reason, Reason::FactsMissing);
    EXPECT_EQ(cached_verdict(slot, *info, &facts, {}, 1).kind, Class::Read);
    facts.functions["stable_fine"].volatility = sql::Volatility::Volatile;
    EXPECT_EQ(cached_verdict(slot, *info, &facts, {}, 1).kind, Class::Read) << "same version: kept";
    facts.version = 2;
    EXPECT_EQ(cached_verdict(slot, *info, &facts, {}, 1).reason, Reason::VolatileFunction);
    config::Routing routing;
    routing.read_only_functions = {"stable_fine"};
    EXPECT_EQ(cached_verdict(slot, *info, &facts, RoutingFunctions(routing), 2).kind, Class::Read);
    slot.learned_write = true;
    slot.valid = false;
    const Verdict& learned = cached_verdict(slot, *info, &facts, RoutingFunctions(routing), 2);
    EXPECT_EQ(learned.reason, Reason::LearnedWrite);
    EXPECT_FALSE(learned.retryable_read);
}

}  // namespace
}  // namespace pgpool::route
