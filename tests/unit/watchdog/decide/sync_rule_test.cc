// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/sync_rule.h"

#include <gtest/gtest.h>

namespace pgpool::decide {
namespace {

const SyncRule kOneOfTwo{1, {"b", "c"}};
const SyncRule kTwoOfTwo{2, {"b", "c"}};
const SyncRule kNoneOfTwo{0, {"b", "c"}};

std::vector<std::string> names(std::initializer_list<const char*> list) {
    return {list.begin(), list.end()};
}

TEST(SyncRule, QuorumMeetsEveryAcknowledgement) {
    EXPECT_EQ(kOneOfTwo.quorum(), 2U);
    EXPECT_EQ(kTwoOfTwo.quorum(), 1U);
    EXPECT_EQ(kNoneOfTwo.quorum(), 0U) << "nothing proves anything";
    EXPECT_EQ((SyncRule{3, {"b", "c"}}).quorum(), 0U)
        << "no commit was ever acknowledged, or the rule is not this";
    // Any k of n and any n - k + 1 of n have one in common.
    for (std::size_t n = 1; n < 8; ++n) {
        for (std::size_t k = 1; k <= n; ++k) {
            const SyncRule rule{k, std::vector<std::string>(n)};
            EXPECT_GT(k + rule.quorum(), n);
            EXPECT_EQ(k + rule.quorum() - 1, n) << "and no more than needed";
        }
    }
}

// Scenario 22 of the fault table.
TEST(SyncPlan, OneOfTwoStandbysDies) {
    EXPECT_EQ(plan_sync(kOneOfTwo, kOneOfTwo, names({"c"}), Durability::Strict).step, SyncStep::Keep);
    EXPECT_EQ(plan_sync(kOneOfTwo, kOneOfTwo, names({"c"}), Durability::Available).step, SyncStep::Keep);
}

TEST(SyncPlan, TheOnlyStandbyDies) {
    const SyncPlan strict = plan_sync(kOneOfTwo, kOneOfTwo, {}, Durability::Strict);
    EXPECT_EQ(strict.step, SyncStep::Stalled);
    EXPECT_EQ(strict.rule, kOneOfTwo);
    EXPECT_EQ(
        strict.reason,
        "commits wait: 1 standbys must confirm and 0 of 2 stream; start one, or set durability to available");
    const SyncPlan available = plan_sync(kOneOfTwo, kOneOfTwo, {}, Durability::Available);
    EXPECT_EQ(available.step, SyncStep::RecordThenSet)
        << "whoever decides next must not believe in the old rule";
    EXPECT_EQ(available.rule, kNoneOfTwo);
}

TEST(SyncPlan, ItComesBack) {
    const SyncPlan plan = plan_sync(kNoneOfTwo, kOneOfTwo, names({"b"}), Durability::Available);
    EXPECT_EQ(plan.step, SyncStep::SetThenRecord) << "recorded before it is set it would promise too much";
    EXPECT_EQ(plan.rule, kOneOfTwo);
    EXPECT_EQ(plan_sync(kOneOfTwo, kOneOfTwo, names({"b", "x"}), Durability::Available).step, SyncStep::Keep);
}

}  // namespace
}  // namespace pgpool::decide
