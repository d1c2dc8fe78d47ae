// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/lock_plan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/replication/write_class.h"
#include "proxy/sql/analyzer.h"
#include "tests/unit/proxy/replication/fixture.h"

namespace pgpool::replication {
namespace {

// Which statements are repeated under which locks: writes.case.
LockPlanPtr plan_of(const std::string& sql, fixture::Catalog catalog = {}) {
    return locks_needed(classify_write(*sql::Analyzer().analyze(sql), &catalog.facts()));
}

TEST(LockPlan, NamesAreAsTheStatementHasThem) {
    fixture::Catalog catalog;
    sql::WriteFacts odd;
    odd.columns = {fixture::column("a")};
    catalog.add("o\"d\\d, x", odd);
    const auto plan = plan_of("delete from \"o\"\"d\\d, x\" where a in (select a from public.u)", catalog);
    ASSERT_NE(plan, nullptr);
    const std::vector<LockPlanPtr> plans{plan};
    const LockPlan all = merged(plans);
    EXPECT_EQ(array_of(all.written), R"({"\"o\"\"d\\d, x\""})");
    EXPECT_EQ(array_of(all.others), R"({"\"public\".\"u\""})");
    EXPECT_EQ(lock_commands(all),
              (std::vector<std::string>{R"(LOCK TABLE "o""d\d, x" IN SHARE ROW EXCLUSIVE MODE)",
                                        R"(LOCK TABLE "public"."u" IN SHARE MODE)"}));
}

TEST(LockPlan, OfARefreshNamesTheView) {
    const auto plan = plan_of("refresh materialized view public.a_view");
    ASSERT_NE(plan, nullptr);
    EXPECT_FALSE(plan->empty());
    const std::vector<LockPlanPtr> plans{plan};
    const LockPlan all = merged(plans);
    EXPECT_EQ(array_of(all.refreshed), R"({"\"public\".\"a_view\""})");
    EXPECT_TRUE(all.written.empty() && all.others.empty());
    EXPECT_FALSE(same_locks(plan, plan_of("refresh materialized view a_view")));
}

TEST(LockPlan, OneStatementTakesAllLocksOfARequest) {
    const std::vector<LockPlanPtr> plans{plan_of("delete from keyless where a in (select a from u)"),
                                         plan_of("update u set id = - id"), plan_of("delete from keyless")};
    for (const LockPlanPtr& plan : plans) ASSERT_NE(plan, nullptr);
    const LockPlan all = merged(plans);
    EXPECT_EQ(array_of(all.written), R"({"\"keyless\"","\"u\""})");
    EXPECT_EQ(array_of(all.others), R"({"\"u\""})") << "the server takes the stronger one";
    EXPECT_EQ(array_of({}), "{}");
    EXPECT_EQ(lock_commands({.written = {}, .others = {"\"u\""}, .reason = {}}),
              std::vector<std::string>{R"(LOCK TABLE "u" IN SHARE MODE)"});
}

TEST(LockPlan, APartitionMayBeWrittenByTwoNames) {
    fixture::Catalog catalog;
    sql::WriteFacts part;
    part.columns = {fixture::column("a")};
    part.partition = true;
    catalog.add("part", part);
    EXPECT_NE(plan_of("delete from part", catalog), nullptr);
    EXPECT_EQ(plan_of("with gone as (delete from keyless returning a) insert into part select a from gone",
                      catalog),
              nullptr);
}

TEST(LockPlan, AnUnloggedTableIsNotTheSameOnAllNodes) {
    fixture::Catalog catalog;
    catalog.facts().relations["u"].unlogged = true;
    EXPECT_EQ(plan_of("delete from keyless where a in (select a from u)", catalog), nullptr);
}

}  // namespace
}  // namespace pgpool::replication
