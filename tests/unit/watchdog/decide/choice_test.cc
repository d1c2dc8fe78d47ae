// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgpool::decide {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

NodeSight standby(const std::string& name, std::uint64_t flushed) {
    NodeSight node;
    node.name = name;
    node.is_reached = node.is_standby = node.is_cut_off = true;
    node.lineage = {1, {}};
    node.flushed = node.replayed = Lsn(flushed);
    return node;
}

class ChoiceTest : public testing::Test {
protected:
    ChoiceTest() {
        rules_.primary = "a";
        rules_.cluster = {1, {}};
        rules_.last_known = Lsn(1'000);
        rules_.sync = {1, {"b", "c"}};
    }
    [[nodiscard]] Choice choose() const { return choose_target(nodes_, rules_); }
    [[nodiscard]] std::string target() const { return choose().target.value_or("-"); }
    NodeSight& node(std::size_t index) { return nodes_.at(index); }

    std::vector<NodeSight> nodes_{standby("b", 900), standby("c", 950)};
    ChoiceRules rules_;
};

TEST_F(ChoiceTest, TheFurthestOfAll) {
    const Choice choice = choose();
    EXPECT_EQ(choice.target, "c");
    EXPECT_FALSE(choice.may_lose);
    EXPECT_EQ(choice.reason, "\"c\" has flushed up to 0/3B6, nothing acknowledged is missing");
}

TEST_F(ChoiceTest, PriorityAmongEquals) {
    node(1).flushed = Lsn(900);
    node(1).priority = 50;
    EXPECT_EQ(target(), "c");
    node(0).priority = 50;
    node(0).replayed = Lsn(800);
    EXPECT_EQ(target(), "c") << "it has less to replay";
    node(0).replayed = node(1).replayed;
    EXPECT_EQ(target(), "b") << "the same every time";
    node(0).flushed = Lsn(899);
    node(0).priority = 1;
    EXPECT_EQ(target(), "c") << "no priority is worth a commit";
}

TEST_F(ChoiceTest, TooFewOfTheSynchronousOnes) {
    node(0).is_reached = false;
    const Choice choice = choose();
    EXPECT_FALSE(choice.target);
    EXPECT_EQ(choice.reason, "1 of 2 synchronous standbys count, 2 must");
    EXPECT_EQ(choice.unblock,
              "bring another synchronous standby back, or allow data loss (pgpool-ctl promote --force)");
    ASSERT_EQ(choice.turned_down.size(), 1U);
    EXPECT_EQ(choice.turned_down[0].why, "it is not reached");
    rules_.sync.needed = 2;
    EXPECT_EQ(target(), "c") << "both had everything";
}

TEST_F(ChoiceTest, WhoIsNotCutOffDoesNotCount) {
    node(0).is_cut_off = false;
    EXPECT_EQ(target(), "-");
    rules_.must_be_cut_off = false;
    EXPECT_EQ(target(), "c") << "before the cut: whether it is worth it";
}

TEST_F(ChoiceTest, TheOperatorMayLoseData) {
    node(0).is_reached = false;
    rules_.may_lose_data = true;
    const Choice choice = choose();
    EXPECT_EQ(choice.target, "c");
    EXPECT_TRUE(choice.may_lose);
    EXPECT_THAT(choice.reason, HasSubstr("by the operator's leave: 1 of 2 synchronous standbys count"));
}

TEST_F(ChoiceTest, StrictWithoutSynchronousReplicationRefuses) {
    rules_.sync = {};
    EXPECT_THAT(choose().reason, HasSubstr("nothing proves"));
    rules_.durability = Durability::Available;
    const Choice choice = choose();
    EXPECT_EQ(choice.target, "c");
    EXPECT_TRUE(choice.may_lose);
}

TEST_F(ChoiceTest, AvailableStopsAtMaximumLag) {
    rules_.sync = {};
    rules_.durability = Durability::Available;
    rules_.maximum_lag = 50;
    EXPECT_EQ(target(), "c");
    rules_.maximum_lag = 49;
    EXPECT_EQ(choose().reason,
              "\"c\" is 50 bytes behind the last known position of the primary, maximum_lag is 49");
    rules_.last_known = Lsn(0);
    EXPECT_EQ(choose().reason, "it is not known how far the primary was");
    rules_.may_lose_data = true;
    EXPECT_EQ(target(), "c");
}

TEST_F(ChoiceTest, TheFurthestIsTaggedNeverToBePromoted) {
    node(1).priority = 0;
    const Choice choice = choose();
    EXPECT_FALSE(choice.target);
    EXPECT_EQ(choice.reason, "\"c\" has flushed more (0/3B6) than \"b\" (0/384)");
    EXPECT_THAT(choice.unblock, HasSubstr("let \"c\" be promoted, or \"b\" catch up from it"));
    node(0).flushed = Lsn(950);
    EXPECT_EQ(target(), "b") << "it counts for the quorum all the same";
}

TEST_F(ChoiceTest, TimelinesThatAreNotOurs) {
    rules_.cluster = {2, {{1, Lsn(920)}}};
    rules_.sync.needed = 2;
    EXPECT_EQ(target(), "b") << "c wrote past the fork";
    EXPECT_THAT(choose().turned_down[0].why, HasSubstr("needs pg_rewind"));
    node(1).lineage = rules_.cluster;
    EXPECT_EQ(target(), "c");
    node(1).lineage = {3, {{1, Lsn(920)}, {2, Lsn(940)}}};
    EXPECT_EQ(target(), "b") << "somebody promoted it, it is no standby of ours";
    node(1).lineage = {};
    EXPECT_EQ(target(), "b") << "nobody knows";
}

TEST_F(ChoiceTest, WhoNeverCounts) {
    node(0).is_in_service = false;
    node(1).is_standby = false;
    nodes_.push_back(standby("a", 2'000));
    const Choice choice = choose();
    EXPECT_EQ(choice.reason, "no node may be promoted: \"b\": it is not in service; \"c\": it is no standby");
    EXPECT_EQ(choice.unblock,
              "bring the primary or a standby back, or name a standby that is out of service, "
              "and lose what it lacks (pgpool-ctl promote NODE --force)");
    nodes_.clear();
    EXPECT_EQ(choose().reason, "there is no other node");
}

TEST_F(ChoiceTest, TheOperatorVouchesForTheOneThatHeNames) {
    nodes_ = {standby("b", 900)};
    node(0).is_in_service = false;
    node(0).lineage = {2, {{1, Lsn(800)}}};  // it has written on another history
    rules_.may_lose_data = true;
    EXPECT_EQ(target(), "-") << "it was not named";
    rules_.wanted = "b";
    EXPECT_EQ(target(), "b");
    EXPECT_TRUE(choose().may_lose);
    rules_.kind = ChoiceRules::Kind::Switchover;
    EXPECT_EQ(target(), "-") << "nothing is lost by a switchover";
    rules_.kind = ChoiceRules::Kind::Failover;
    node(0).is_standby = false;
    EXPECT_EQ(target(), "-");
    node(0).is_standby = true;
    node(0).is_cut_off = false;
    EXPECT_EQ(target(), "-");
}

TEST_F(ChoiceTest, AStandbyThatDoesNotReplayIsNotPromoted) {
    node(1).is_stuck = true;
    EXPECT_EQ(target(), "-") << "it holds commits that b has not";
    node(0).flushed = Lsn(950);
    EXPECT_EQ(target(), "b");
}

TEST_F(ChoiceTest, SwitchoverToTheOneThatWasAskedFor) {
    rules_.kind = ChoiceRules::Kind::Switchover;
    rules_.wanted = "b";
    for (NodeSight& node : nodes_) node.is_cut_off = false;
    EXPECT_EQ(target(), "b") << "it will get the rest before it is promoted";
    rules_.maximum_lag = 0;  // commits are safe: nothing may be lost in a failover
    EXPECT_EQ(target(), "b") << "under load no standby is as far as the primary";
    rules_.last_known = Lsn(node(0).flushed.value + kSwitchoverLag + 1);
    EXPECT_EQ(choose().unblock, "wait until it is closer");
    EXPECT_THAT(choose().reason, HasSubstr("a switchover begins within 16777216"));
    rules_.may_lose_data = true;
    EXPECT_EQ(target(), "-") << "nothing is lost in a switchover";
    rules_.wanted = "z";
    EXPECT_EQ(choose().unblock, "name another target, or none");
}

std::vector<std::string> outline(const std::vector<Follow>& plan) {
    std::vector<std::string> text;
    for (const Follow& follow : plan) text.push_back(follow.node + "<-" + follow.upstream);
    return text;
}

TEST(PlanFollow, OnlyThoseThatMayAndDoNot) {
    std::vector<NodeSight> nodes{standby("a", 1), standby("b", 1), standby("c", 1), standby("d", 1),
                                 standby("e", 1)};
    nodes[1].upstream = "a";
    nodes[2].upstream = "old";
    nodes[3].is_in_service = false;
    nodes[4].is_reached = false;
    EXPECT_THAT(outline(plan_follow(nodes, "a", {1, {}})), ElementsAre("c<-a"));
    nodes[2].upstream = "a";
    EXPECT_THAT(plan_follow(nodes, "a", {1, {}}), IsEmpty());
}

TEST(PlanFollow, CascadesStayWhileTheirUpstreamIsAStandby) {
    std::vector<NodeSight> nodes{standby("a", 1), standby("b", 1), standby("c", 1)};
    nodes[1].upstream = "a";
    nodes[2].wanted_upstream = "b";
    EXPECT_THAT(outline(plan_follow(nodes, "a", {1, {}})), ElementsAre("c<-b"));
    nodes[1].is_reached = false;
    EXPECT_THAT(outline(plan_follow(nodes, "a", {1, {}})), ElementsAre("c<-a"));
    nodes[1].is_reached = true;
    nodes[1].wanted_upstream = "c";
    nodes[1].upstream.clear();
    EXPECT_THAT(outline(plan_follow(nodes, "a", {1, {}})), ElementsAre("b<-a", "c<-a")) << "no circle";
    nodes[1].wanted_upstream.clear();
    EXPECT_THAT(outline(plan_follow(nodes, "b", {1, {}})), ElementsAre("a<-b", "c<-b")) << "b was promoted";
}

}  // namespace
}  // namespace pgpool::decide
