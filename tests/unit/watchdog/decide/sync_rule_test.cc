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

std::vector<SyncRule> all_rules() {
    std::vector<SyncRule> rules;
    for (unsigned members = 0; members < 16; ++members) {
        SyncRule rule;
        for (unsigned i = 0; i < 4; ++i) {
            if ((members >> i & 1U) != 0) rule.names.emplace_back(1, static_cast<char>('a' + i));
        }
        for (rule.needed = 0; rule.needed <= rule.names.size(); ++rule.needed) rules.push_back(rule);
    }
    return rules;
}

// By trying every set of standbys that may have confirmed a commit.
bool covers_by_trying(const SyncRule& in_force, const SyncRule& recorded) {
    for (unsigned confirmed = 0; confirmed < 16; ++confirmed) {
        std::size_t in_force_count = 0;
        std::size_t recorded_count = 0;
        for (unsigned i = 0; i < 4; ++i) {
            if ((confirmed >> i & 1U) == 0) continue;
            const std::string name(1, static_cast<char>('a' + i));
            in_force_count += in_force.is_listed(name) ? 1 : 0;
            recorded_count += recorded.is_listed(name) ? 1 : 0;
        }
        if (in_force_count >= in_force.needed && recorded_count < recorded.needed) return false;
    }
    return true;
}

TEST(SyncRule, CoversWhatItSays) {
    for (const SyncRule& in_force : all_rules()) {
        for (const SyncRule& recorded : all_rules()) {
            // A rule that asks for all of nobody acknowledges everything; ours is stricter than need be
            // there.
            EXPECT_LE(covers(in_force, recorded), covers_by_trying(in_force, recorded));
            const bool is_exact = in_force.needed >= 1 || recorded.needed == 0;
            EXPECT_TRUE(!is_exact || covers(in_force, recorded) == covers_by_trying(in_force, recorded))
                << in_force.needed << '/' << in_force.names.size() << ' ' << recorded.needed << '/'
                << recorded.names.size();
        }
    }
}

// From any rule to any other: in between, what is recorded holds for what is in force.
TEST(SyncPlan, EveryStepKeepsThePromise) {
    const std::vector<std::string> everybody = names({"a", "b", "c", "d"});
    for (const SyncRule& from : all_rules()) {
        for (const SyncRule& to : all_rules()) {
            SyncRule recorded = from;
            SyncRule in_force = from;
            int steps = 0;
            for (SyncPlan plan = plan_sync(recorded, to, everybody, Durability::Strict);
                 plan.step != SyncStep::Keep; plan = plan_sync(recorded, to, everybody, Durability::Strict)) {
                ASSERT_LT(++steps, 3);
                if (plan.step == SyncStep::SetThenRecord) in_force = plan.rule;
                ASSERT_TRUE(covers(in_force, recorded));
                recorded = plan.rule;
                ASSERT_TRUE(covers(in_force, recorded));
                if (plan.step == SyncStep::RecordThenSet) in_force = plan.rule;
                ASSERT_TRUE(covers(in_force, recorded));
            }
            ASSERT_EQ(recorded, to);
            ASSERT_EQ(in_force, to);
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
    EXPECT_EQ(strict.step, SyncStep::Keep);
    EXPECT_EQ(strict.rule, kOneOfTwo);
    EXPECT_EQ(
        strict.stalled,
        "commits wait: 1 of 2 standbys must confirm and 0 stream; start one, detach those that will not come "
        "back, or set durability to available");
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

TEST(SyncPlan, OtherStandbysThanBefore) {
    const SyncRule others{1, {"c", "d"}};
    const SyncPlan plan = plan_sync(kOneOfTwo, others, names({"c", "d"}), Durability::Strict);
    EXPECT_EQ(plan.step, SyncStep::Record) << "b may have a commit that neither of the new ones has";
    EXPECT_EQ(plan.rule, kNoneOfTwo);
    EXPECT_EQ(plan_sync(plan.rule, others, names({"c", "d"}), Durability::Strict).step,
              SyncStep::SetThenRecord);
}

}  // namespace
}  // namespace pgpool::decide
