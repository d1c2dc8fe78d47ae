// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decider/promise.h"

#include <gtest/gtest.h>

#include "watchdog/nodes/orders.h"

namespace pgpool::decider {
namespace {

class PromiseTest : public testing::Test {
protected:
    PromiseTest() {
        state_ = decide::first_state({"a", "b", "c"}, {});
        state_.primary = "a";
        facts_.followers = {{"b", true, Lsn(100)}, {"c", true, Lsn(100)}};
        facts_.flushed = Lsn(100);
    }
    Promise::Next look(int at) {
        const TimePoint begun{seconds(at)};
        std::vector<std::string> streaming;
        for (const nodes::Follower& follower : facts_.followers) streaming.push_back(follower.name);
        return promise_.look(state_, policy_, {0, begun, begun, decide::Finding::Well, "", facts_},
                             streaming);
    }

    decide::ClusterState state_;
    decide::Policy policy_;
    nodes::NodeFacts facts_;
    Promise promise_;
};

const decide::SyncRule kRule{1, {"b", "c"}};

TEST_F(PromiseTest, IsSetThenRecordedOnceTheStandbysHaveWhatWasWrittenBefore) {
    EXPECT_EQ(look(1).set, kRule);
    facts_.sync_names = nodes::sync_names(kRule);
    Promise::Next next = look(2);
    EXPECT_FALSE(next.set || next.record) << "other processes may not have read the setting yet";
    facts_.flushed = Lsn(200);
    EXPECT_FALSE(look(3).record) << "no standby has 200";
    facts_.followers[1].flushed = Lsn(200);
    facts_.flushed = Lsn(300);
    EXPECT_EQ(look(4).record, kRule) << "what is written later waits by itself";
    state_.sync = kRule;
    next = look(5);
    EXPECT_FALSE(next.set || next.record);
}

TEST_F(PromiseTest, WhatIsRecordedIsSetAgainWhereSomebodyChangedIt) {
    state_.sync = kRule;
    facts_.sync_names = "";
    EXPECT_EQ(look(1).set, kRule);
}

TEST_F(PromiseTest, AWeakerOneIsRecordedFirst) {
    state_.sync = kRule;
    facts_.sync_names = nodes::sync_names(kRule);
    decide::set_standing(state_, "b", decide::Standing::Detached, "", {});
    decide::set_standing(state_, "c", decide::Standing::Detached, "", {});
    const Promise::Next next = look(1);
    EXPECT_EQ(next.record, (decide::SyncRule{0, {}}));
    EXPECT_FALSE(next.set);
    state_.sync = *next.record;
    EXPECT_EQ(look(2).set, (decide::SyncRule{0, {}}));
}

TEST_F(PromiseTest, StrictSaysThatCommitsWait) {
    state_.sync = kRule;
    facts_.sync_names = nodes::sync_names(kRule);
    facts_.followers.clear();
    const Promise::Next next = look(1);
    EXPECT_FALSE(next.set || next.record);
    EXPECT_NE(next.stalled.find("commits wait"), std::string::npos);
}

TEST_F(PromiseTest, WithoutConfirmationsTheOperatorsSettingStays) {
    policy_.confirmations = 0;
    state_.sync = {0, {"b", "c"}};
    facts_.sync_names = "FIRST 1 (b)";
    const Promise::Next next = look(1);
    EXPECT_FALSE(next.set || next.record);
}

}  // namespace
}  // namespace pgpool::decider
