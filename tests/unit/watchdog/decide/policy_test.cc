// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgpool::decide {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr WallTime kNow{seconds(1'000'000)};
constexpr TimePoint kStart{seconds(1'000)};

TEST(Hold, NothingHoldsItBack) {
    EXPECT_EQ(hold({}, {}, kNow), "");
}

TEST(Hold, SwitchedOff) {
    Policy policy;
    policy.does_failover = false;
    EXPECT_THAT(hold({}, policy, kNow), HasSubstr("switched off"));
}

TEST(Hold, MaintenanceEndsByItself) {
    ClusterState state;
    state.maintenance = {kNow + seconds(10), "new disks"};
    EXPECT_EQ(hold(state, {}, kNow),
              "maintenance until 1970-01-12 13:46:50 UTC (new disks); pgpool-ctl maintenance off ends it");
    EXPECT_EQ(hold(state, {}, kNow + seconds(10)), "");
}

TEST(Hold, APauseEndsByItselfWhateverHappensToTheClock) {
    ClusterState state;
    state.pause = {kNow, seconds(10), "minor upgrade"};
    EXPECT_EQ(hold(state, {}, kNow),
              "clients are paused until 1970-01-12 13:46:50 UTC (minor upgrade); pgpool-ctl resume ends it");
    EXPECT_FALSE(is_over(state.pause, kNow + seconds(9)));
    EXPECT_TRUE(is_over(state.pause, kNow + seconds(10)));
    EXPECT_EQ(hold(state, {}, kNow + seconds(10)), "");
    EXPECT_TRUE(is_over(state.pause, kNow - std::chrono::hours(1))) << "the clock was set back";
}

TEST(Hold, FailoversInARowAreDamped) {
    Policy policy;
    policy.failovers = 2;
    ClusterState state;
    note_failover(state, kNow);
    EXPECT_EQ(hold(state, policy, kNow), "");
    note_failover(state, kNow + seconds(100));
    EXPECT_THAT(hold(state, policy, kNow + seconds(100)), HasSubstr("2 failovers within 600 s"));
    EXPECT_EQ(hold(state, policy, kNow + seconds(600)), "") << "the oldest is long ago";
    EXPECT_EQ(hold(state, policy, kNow - std::chrono::hours(24)), "")
        << "the clock of who wrote it was ahead";
    policy.failovers = 0;
    EXPECT_EQ(hold(state, policy, kNow + seconds(100)), "") << "not damped";
}

TEST(Deadlines, ThePolicyMayHaveOthers) {
    Policy policy;
    EXPECT_EQ(deadline_of(Phase::Parking, policy), seconds(5));
    policy.deadlines[Phase::Parking] = milliseconds(200);
    EXPECT_EQ(deadline_of(Phase::Parking, policy), milliseconds(200));
    EXPECT_EQ(deadline_of(Phase::Steady, policy), milliseconds(0));
}

TEST(WantedSync, StandbysInService) {
    ClusterState state = first_state({"a", "b", "c", "d"}, kNow);
    state.primary = "b";
    set_standing(state, "c", Standing::Quarantined, "", kNow);
    EXPECT_EQ(wanted_sync(state, {}), (SyncRule{1, {"a", "d"}}));
}

TEST(WantedSync, StrictGoesOnToWaitForThoseThatWerePutOutOfServiceByThemselves) {
    ClusterState state = first_state({"a", "b", "c"}, kNow);
    state.primary = "a";
    state.sync = {1, {"b", "c"}};
    Policy policy;
    set_standing(state, "b", Standing::Quarantined, "", kNow);
    EXPECT_EQ(wanted_sync(state, policy), (SyncRule{1, {"c"}})) << "one is enough";
    set_standing(state, "c", Standing::Quarantined, "", kNow);
    EXPECT_EQ(wanted_sync(state, policy), state.sync);
    set_standing(state, "c", Standing::Detached, "", kNow);
    EXPECT_EQ(wanted_sync(state, policy), (SyncRule{1, {"b"}})) << "the operator's word";
    policy.durability = Durability::Available;
    EXPECT_EQ(wanted_sync(state, policy), (SyncRule{1, {}}));
    policy.durability = Durability::Strict;
    state.sync = {};
    EXPECT_EQ(wanted_sync(state, policy), (SyncRule{1, {}})) << "nothing was promised to begin with";
}

class StandingTest : public testing::Test {
protected:
    StandingTest() : state_(first_state({"a", "b"}, kNow)) {
        state_.primary = "a";
        state_.lineage = {2, {{1, Lsn(100)}}};
        for (NodeSight& node : nodes_) {
            node.is_reached = true;
            node.lineage = state_.lineage;
            node.flushed = Lsn(140);
        }
        nodes_[0].name = "a";
        other().name = "b";
        other().is_standby = true;
        record(evidence_, {"m1", "b", Finding::Well, ""}, kStart);
    }
    std::vector<std::string> review(Duration later = seconds(60)) {
        std::vector<std::string> text;
        for (const StandingChange& change :
             review_standing(state_, nodes_, evidence_, members_, policy_, kStart + later)) {
            text.push_back(change.node + " " + to_string(change.standing) + " " + change.reason);
        }
        return text;
    }
    NodeSight& other() { return nodes_[1]; }

    ClusterState state_;
    std::array<NodeSight, 2> nodes_;
    Evidence evidence_;
    std::vector<std::string> members_{"m1"};
    Policy policy_;
};

TEST_F(StandingTest, AllIsWell) {
    EXPECT_THAT(review(), IsEmpty());
}

TEST_F(StandingTest, ASecondPrimaryGoesOut) {
    other().is_standby = false;
    EXPECT_THAT(review(), ElementsAre("b quarantined it takes writes although \"a\" is the primary"));
}

TEST_F(StandingTest, AForkGoesOut) {
    other().lineage = {1, {}};
    EXPECT_THAT(review(), ElementsAre(HasSubstr("b quarantined it wrote on timeline 1 past the point")));
    other().lineage = {3, {{1, Lsn(100)}, {2, Lsn(120)}}};
    EXPECT_THAT(review(), ElementsAre(HasSubstr("it was promoted to timeline 3 by somebody else")));
    other().lineage = {};
    EXPECT_THAT(review(), IsEmpty()) << "what is not known is no reason";
}

TEST_F(StandingTest, NothingIsJudgedWithoutThePrimary) {
    other().is_standby = false;
    nodes_[0].is_reached = false;
    EXPECT_THAT(review(), IsEmpty());
}

TEST_F(StandingTest, ComesBackAfterAWhile) {
    set_standing(state_, "b", Standing::Quarantined, "", kNow);
    EXPECT_THAT(review(seconds(9)), IsEmpty());
    EXPECT_THAT(review(seconds(10)), ElementsAre("b in service "));
    policy_.auto_failback = AutoFailback::Off;
    EXPECT_THAT(review(), IsEmpty());
    policy_.auto_failback = AutoFailback::Standby;
    record(evidence_, {"m1", "b", Finding::Refused, ""}, kStart + seconds(50));
    EXPECT_THAT(review(), IsEmpty()) << "it is not well";
    record(evidence_, {"m1", "b", Finding::Well, ""}, kStart + seconds(50));
    other().lineage = {};
    EXPECT_THAT(review(), IsEmpty()) << "nobody knows whether it can follow";
}

TEST_F(StandingTest, TheOperatorsWordStands) {
    set_standing(state_, "b", Standing::Detached, "", kNow);
    EXPECT_THAT(review(), IsEmpty());
    other().is_standby = false;
    EXPECT_THAT(review(), IsEmpty());
}

TEST_F(StandingTest, FirstPrimary) {
    state_.primary.clear();
    state_.lineage = {};
    ASSERT_TRUE(refresh_primary(state_, nodes_).value());
    EXPECT_EQ(state_.primary, "a");
    EXPECT_EQ(state_.lineage.timeline, 2U);
    EXPECT_FALSE(refresh_primary(state_, nodes_).value()) << "nothing new";
    nodes_[0].lineage.timeline = 5;
    EXPECT_TRUE(refresh_primary(state_, nodes_).value());
    nodes_[0].is_reached = false;
    nodes_[0].lineage.timeline = 6;
    EXPECT_FALSE(refresh_primary(state_, nodes_).value()) << "old news";
}

TEST_F(StandingTest, NobodyGuessesAmongSeveral) {
    state_.primary.clear();
    other().is_standby = false;
    EXPECT_THAT(refresh_primary(state_, nodes_).error().message, HasSubstr("\"a\", \"b\""));
    nodes_[0].is_reached = false;
    nodes_[1].is_reached = false;
    EXPECT_EQ(refresh_primary(state_, nodes_).error().message, "no node that is reached takes writes");
    EXPECT_TRUE(state_.primary.empty());
}

}  // namespace
}  // namespace pgpool::decide
