// SPDX-License-Identifier: PostgreSQL
// Faults of nodes from the beginning to the end: what members see goes in, what is ordered comes out. The
// numbers are those of the table of faults in docs/adr/0020-failover-decisions.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "watchdog/decide/failover.h"

namespace pgpool::decide {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Three nodes, a is the primary; two members; ANY 1 (b, c). Time goes on by probes every 250 ms.
class FaultTest : public testing::Test {
protected:
    FaultTest() {
        state_ = first_state({"a", "b", "c"}, world_.wall);
        state_.primary = "a";
        state_.lineage = {1, {}};
        state_.sync = {1, {"b", "c"}};
        state_.epoch = 3;
        world_.members = {"m1", "m2"};
        world_.has_lease = true;
        world_.lease_epoch = 3;
        world_.last_known = Lsn(1'000);
        world_.now = TimePoint(seconds(1'000));
        world_.wall = WallTime(seconds(1'000'000));
        for (const char* name : {"a", "b", "c"}) {
            NodeSight node;
            node.name = name;
            node.is_reached = true;
            node.is_standby = name != std::string("a");
            node.upstream = node.is_standby ? "a" : "";
            node.lineage = {1, {}};
            node.flushed = node.replayed = Lsn(990);
            world_.nodes.push_back(node);
        }
        findings_ = {{"a", Finding::Well}, {"b", Finding::Well}, {"c", Finding::Well}};
        run(milliseconds(250));
        EXPECT_THAT(rows_, IsEmpty());
    }

    void becomes(const std::string& node, Finding finding) {
        findings_[node] = finding;
        sight(node).is_reached = finding == Finding::Well;
    }
    // Probes of both members for so long; the decider looks after each and carries out what it orders.
    void run(Duration time, Duration every = milliseconds(250)) {
        for (const TimePoint end = world_.now + time; world_.now < end;) {
            world_.now += every;
            world_.wall += std::chrono::duration_cast<WallTime::duration>(every);
            for (const std::string& member : world_.members) {
                for (const auto& [node, finding] : findings_) {
                    record(world_.evidence, {member, node, finding, ""}, world_.now);
                }
            }
            look();
        }
    }
    void look() {
        while (take(Event::Overtaken) || take(Event::Look) ||
               (is_obeyed_ && !was_ordered_.is_empty() && take(obey()))) {
        }
    }
    bool take(Event event, const Wish* wish = nullptr) {
        const Decision decision = step(state_, event, observe(state_, event, world_, rules_, wish));
        reason_ = decision.reason;
        if (decision.row == nullptr) return false;
        rows_.emplace_back(decision.row->id);
        state_ = state_of(to_text(decision.state)).value();  // as the next decider would find it
        was_ordered_ = decision.actions;
        if (decision.actions.has(Action::Promote)) {
            promoted_.push_back(state_.target);
            epochs_.push_back(state_.epoch);
        }
        return true;
    }
    // The nodes do as they are told.
    Event obey() {
        const ActionSet orders = was_ordered_;
        was_ordered_ = {};
        for (NodeSight& node : world_.nodes) {
            if (!node.is_reached) continue;
            if (orders.has(Action::StopPrimary) && node.name == state_.primary) node.is_stopped = true;
            if (orders.has(Action::StartPrimary) && node.name == state_.primary) node.is_stopped = false;
            if (orders.has(Action::CutStandbys) && node.is_standby) {
                node.is_cut_off = true;
                node.upstream.clear();
            }
            if (orders.has(Action::Promote) && node.name == state_.target) {
                promote(node);
                node.is_appointed = true;
            }
            if (orders.has(Action::Repoint) && node.is_standby && state_.is_in_service(node.name)) {
                node.is_cut_off = false;
                node.upstream = state_.primary;
            }
        }
        return Event::Done;
    }
    static void promote(NodeSight& node) {
        node.is_standby = false;
        node.is_cut_off = false;
        node.lineage.ancestors.push_back({node.lineage.timeline, node.flushed});
        node.lineage.timeline += 1;
    }
    NodeSight& sight(const std::string& name) {
        return *std::ranges::find(world_.nodes, name, &NodeSight::name);
    }
    std::string waits() { return waiting_for(state_, observe(state_, Event::Look, world_, rules_)); }
    std::vector<StandingChange> review() {
        EXPECT_TRUE(refresh_primary(state_, world_.nodes));
        auto changes =
            review_standing(state_, world_.nodes, world_.evidence, world_.members, rules_.policy, world_.now);
        for (const StandingChange& change : changes) {
            set_standing(state_, change.node, change.standing, change.reason, world_.wall);
        }
        return changes;
    }

    World world_;
    Rules rules_;
    ClusterState state_;
    std::map<std::string, Finding> findings_;
    ActionSet was_ordered_;
    bool is_obeyed_ = true;
    std::vector<std::string> rows_;
    std::vector<std::string> promoted_;
    std::vector<std::uint64_t> epochs_;
    std::string reason_;
};

TEST_F(FaultTest, F17PostmasterKilled) {
    becomes("a", Finding::SessionEnded);
    run(milliseconds(10), milliseconds(10));
    EXPECT_THAT(rows_, ElementsAre("S1"));
    becomes("a", Finding::Refused);
    run(milliseconds(20), milliseconds(10));
    EXPECT_THAT(rows_, ElementsAre("S1", "U1", "C1", "X1", "M1", "P1", "R1"));
    EXPECT_EQ(state_.primary, "b");
    EXPECT_EQ(state_.epoch, 4U);
    EXPECT_EQ(state_.lineage.timeline, 2U);
    EXPECT_EQ(sight("c").upstream, "b");
    EXPECT_FALSE(state_.is_in_service("a"));
    EXPECT_EQ(
        state_.find("a")->reason,
        "it was the primary until \"b\" was promoted under epoch 4; make it a standby of the primary by "
        "pg_rewind or a base backup");
}

TEST_F(FaultTest, F18PrimaryHostDead) {
    const TimePoint begin = world_.now;
    becomes("a", Finding::Silent);
    while (promoted_.empty() && world_.now - begin < seconds(5)) run(milliseconds(250));
    EXPECT_EQ(world_.now - begin, milliseconds(750));
    EXPECT_EQ(state_.primary, "b");
}

TEST_F(FaultTest, F19PrimaryFrozenAndResumed) {
    const TimePoint begin = world_.now;
    becomes("a", Finding::Hung);
    run(milliseconds(3'000));
    EXPECT_THAT(promoted_, IsEmpty()) << "deliberately slower";
    run(milliseconds(500));
    EXPECT_THAT(promoted_, ElementsAre("b"));
    EXPECT_LT(world_.now - begin, seconds(4));
    becomes("a", Finding::Well);  // it believes that it is the primary
    run(seconds(30));
    EXPECT_THAT(review(), IsEmpty()) << "it is out already, and does not come back like this";
    EXPECT_FALSE(state_.is_in_service("a"));
    EXPECT_THAT(promoted_, ElementsAre("b")) << "once";
    sight("a").is_standby = true;  // rewound
    sight("a").lineage = sight("b").lineage;
    EXPECT_THAT(review(), ElementsAre(StandingChange{"a", Standing::InService, ""}));
    run(milliseconds(250));
    EXPECT_EQ(sight("a").upstream, "b");
}

TEST_F(FaultTest, F20DiskFullDoesNotFlap) {
    rules_.policy.failovers = 2;
    for (const char* node : {"a", "b"}) {
        becomes(node, Finding::Query);
        run(seconds(4));
        // It is mended, as far as one can see, and comes back.
        becomes(node, Finding::Well);
        sight(node).is_standby = true;
        sight(node).lineage = sight(state_.primary).lineage;
        run(seconds(12));
        EXPECT_THAT(review(), ElementsAre(StandingChange{node, Standing::InService, ""}));
        run(milliseconds(250));
        sight("c").lineage = sight(state_.primary).lineage;
        EXPECT_EQ(state_.sync.needed, 0U) << "nothing is promised by the new primary yet";
        state_.sync = wanted_sync(state_, rules_.policy);
    }
    EXPECT_EQ(promoted_.size(), 2U);
    becomes(state_.primary, Finding::Query);
    run(seconds(60));
    EXPECT_EQ(promoted_.size(), 2U) << "damped";
    EXPECT_EQ(state_.phase, Phase::Condemned);
    EXPECT_THAT(hold(state_, rules_.policy, world_.wall), HasSubstr("2 failovers within 600 s"));
    run(seconds(600));
    EXPECT_EQ(promoted_.size(), 3U) << "and goes on by itself";
}

TEST_F(FaultTest, F21PrimaryAndSynchronousStandbyDie) {
    becomes("a", Finding::Refused);
    becomes("b", Finding::Refused);
    run(seconds(10));
    EXPECT_THAT(promoted_, IsEmpty());
    EXPECT_EQ(state_.phase, Phase::Blocked);
    EXPECT_THAT(state_.reason, HasSubstr("1 of 2 synchronous standbys count, 2 must"));
    EXPECT_THAT(state_.reason, HasSubstr("pgpool-ctl promote --force"));
    EXPECT_THAT(waits(), HasSubstr("what helps: bring another synchronous standby back"));
    const Wish careful;
    EXPECT_FALSE(take(Event::AskFailover, &careful));
    EXPECT_THAT(reason_, HasSubstr("no failover: 1 of 2 synchronous standbys count"));
    const Wish careless{"", true};
    ASSERT_TRUE(take(Event::AskFailover, &careless));
    run(milliseconds(250));
    EXPECT_THAT(promoted_, ElementsAre("c"));
    EXPECT_EQ(state_.phase, Phase::Steady);
    EXPECT_EQ(state_.wish, Wish{}) << "for this one only";
    EXPECT_FALSE(state_.is_in_service("b")) << "commits must not wait for it, and it may hold more than c";
    EXPECT_THAT(state_.find("b")->reason, HasSubstr("it was not reached when \"c\" was promoted"));
}

TEST_F(FaultTest, F21WhoeverWasCutOffFollowsAfterAForcedFailover) {
    state_.sync = {2, {"b", "c"}};
    world_.nodes.push_back(sight("c"));
    world_.nodes.back().name = "d";
    state_.nodes.push_back(
        {.name = "d", .standing = Standing::InService, .reason = "", .since = world_.wall});
    state_.sync.names.emplace_back("d");
    findings_["d"] = Finding::Well;
    becomes("a", Finding::Refused);
    becomes("b", Finding::Refused);
    becomes("c", Finding::Refused);
    run(seconds(10));
    ASSERT_EQ(state_.phase, Phase::Blocked);
    becomes("c", Finding::Well);
    const Wish careless{"d", true};
    ASSERT_TRUE(take(Event::AskFailover, &careless));
    run(milliseconds(250));
    EXPECT_THAT(promoted_, ElementsAre("d"));
    EXPECT_TRUE(state_.is_in_service("c"));
    EXPECT_FALSE(state_.is_in_service("b"));
}

TEST_F(FaultTest, F21TheStandbyComesBackAndUnblocksIt) {
    becomes("a", Finding::Refused);
    becomes("b", Finding::Refused);
    run(seconds(10));
    ASSERT_EQ(state_.phase, Phase::Blocked);
    becomes("b", Finding::Well);
    run(seconds(1));
    EXPECT_EQ(promoted_.size(), 1U);
}

TEST_F(FaultTest, F22AStandbyDies) {
    becomes("b", Finding::Refused);
    run(seconds(60));
    EXPECT_THAT(rows_, IsEmpty()) << "no change of roles";
}

TEST_F(FaultTest, F23AsynchronousAndFarBehind) {
    state_.sync = {};
    rules_.policy.durability = Durability::Available;
    rules_.policy.maximum_lag = 16 << 20;
    world_.last_known = Lsn(100 << 20);
    becomes("a", Finding::Refused);
    run(seconds(10));
    EXPECT_EQ(state_.phase, Phase::Blocked);
    EXPECT_THAT(state_.reason, HasSubstr("maximum_lag is 16777216"));
    const Wish careless{"c", true};
    ASSERT_TRUE(take(Event::AskFailover, &careless));
    run(milliseconds(250));
    EXPECT_THAT(promoted_, ElementsAre("c")) << "whom the operator named";
}

TEST_F(FaultTest, F24OldPrimaryReturnsDiverged) {
    becomes("a", Finding::Refused);
    run(seconds(1));
    ASSERT_EQ(state_.primary, "b");
    becomes("a", Finding::Well);
    sight("a").is_standby = true;  // somebody started it as a standby
    sight("a").flushed = Lsn(1'500);
    run(seconds(60));
    EXPECT_THAT(review(), IsEmpty());
    EXPECT_FALSE(state_.is_in_service("a"));
    EXPECT_EQ(sight("a").upstream, "") << "and nobody points it anywhere";
    sight("a").flushed = Lsn(900);  // it had not got past the fork: no rewind needed
    EXPECT_THAT(review(), ElementsAre(StandingChange{"a", Standing::InService, ""}));
}

TEST_F(FaultTest, F25PromotedByHand) {
    promote(sight("c"));
    run(seconds(1));
    EXPECT_THAT(review(), ElementsAre(StandingChange{"c", Standing::Quarantined,
                                                     "it takes writes although \"a\" is the primary"}));
    EXPECT_EQ(state_.primary, "a");
    becomes("a", Finding::Refused);
    run(seconds(5));
    EXPECT_THAT(promoted_, IsEmpty()) << "one of two synchronous standbys is left, and two must count";
    EXPECT_EQ(state_.phase, Phase::Blocked);
}

// A decider that was alone has promoted b and is lost; who takes over has the record of before.
TEST_F(FaultTest, AnOlderRecordTakesOverWhatALostDeciderHasPromoted) {
    const ClusterState older = state_;
    becomes("a", Finding::Refused);
    run(seconds(5));
    ASSERT_THAT(promoted_, ElementsAre("b"));
    sight("c").lineage = sight("b").lineage;
    for (const Finding finding :
         {Finding::Well, Finding::Refused}) {  // the old primary was started again, or not
        for (const Phase phase : {Phase::Steady, Phase::Condemned, Phase::Blocked, Phase::Cutting}) {
            state_ = older;
            state_.phase = phase;
            world_.lease_epoch = 9;
            becomes("a", finding);
            was_ordered_ = {};
            run(seconds(5));
            EXPECT_EQ(state_.primary, "b");
            EXPECT_EQ(state_.lineage, sight("b").lineage);
            EXPECT_EQ(state_.phase, Phase::Steady);
            EXPECT_EQ(state_.sync, SyncRule{}) << "nobody knows what was promised";
            EXPECT_THAT(state_.find("a")->reason, HasSubstr("until another decider promoted \"b\""));
            EXPECT_THAT(review(), IsEmpty());
            EXPECT_EQ(promoted_.size(), 1U) << "once";
        }
    }
}

// The host of a standby that is promoted is lost before anybody has seen that it was.
TEST_F(FaultTest, WhoWasDroppedIsNoSuccessorOnceServiceHasGoneOn) {
    const Wish wish{"b", false};
    ASSERT_TRUE(take(Event::AskSwitchover, &wish)) << reason_;
    for (int order = 0; order < 10 && promoted_.empty(); ++order) take(obey());
    ASSERT_THAT(promoted_, ElementsAre("b"));
    obey();
    becomes("b", Finding::Refused);
    run(seconds(5));
    ASSERT_EQ(state_.primary, "a");
    ASSERT_EQ(state_.phase, Phase::Steady);
    becomes("c", Finding::Refused);  // confirms nothing any more, and has confirmed a lot
    becomes("b", Finding::Well);
    run(seconds(5));
    EXPECT_EQ(state_.primary, "a");
    becomes("a", Finding::Refused);
    run(seconds(5));
    EXPECT_EQ(state_.primary, "a") << "nobody has what it has acknowledged since";
    EXPECT_EQ(state_.phase, Phase::Blocked);
}

TEST_F(FaultTest, WhoWasDroppedIsTheSuccessorWhileThereIsNoService) {
    becomes("a", Finding::Refused);
    becomes("c", Finding::Refused);
    state_.sync = {1, {"b"}};
    is_obeyed_ = false;
    run(seconds(2));
    for (int order = 0; order < 10 && promoted_.empty(); ++order) take(obey());
    ASSERT_THAT(promoted_, ElementsAre("b"));
    obey();
    becomes("b", Finding::Refused);
    is_obeyed_ = true;
    run(seconds(5));
    ASSERT_EQ(state_.primary, "a");
    ASSERT_FALSE(state_.is_in_service("b"));
    becomes("b", Finding::Well);
    run(seconds(5));
    EXPECT_EQ(state_.primary, "b");
}

TEST_F(FaultTest, NobodySucceedsAPrimaryWhoseCommitsAreConfirmed) {
    promote(sight("b"));
    sight("b").is_appointed = true;
    EXPECT_EQ(successor(state_, world_.nodes), "") << "c confirms what a writes";
    sight("a").is_stopped = true;
    EXPECT_EQ(successor(state_, world_.nodes), "b");
    sight("a").is_stopped = false;
    sight("c").upstream = "b";
    EXPECT_EQ(successor(state_, world_.nodes), "b");
}

TEST_F(FaultTest, TheLastOfSeveralSuccessorsCountsIfItKnowsTheOthers) {
    promote(sight("b"));
    sight("b").is_appointed = true;
    sight("c").lineage = sight("b").lineage;
    promote(sight("c"));
    sight("c").is_appointed = true;
    EXPECT_EQ(successor(state_, world_.nodes), "c");
    sight("c").lineage.ancestors.back().end = Lsn(1'500);
    EXPECT_EQ(successor(state_, world_.nodes), "c") << "where it left b is b's affair";
    sight("c").lineage.ancestors.front().end = Lsn(1'500);
    EXPECT_EQ(successor(state_, world_.nodes), "") << "another history";
    set_standing(state_, "c", Standing::Detached, "", world_.wall);
    EXPECT_EQ(successor(state_, world_.nodes), "b") << "what the operator has detached does not count";
}

TEST_F(FaultTest, TheOperatorMayPromoteAFollowerOfALostSuccessor) {
    becomes("a", Finding::Refused);
    becomes("b", Finding::Refused);
    sight("c").lineage = {2, {{1, Lsn(980)}}};
    run(seconds(10));
    EXPECT_EQ(state_.phase, Phase::Blocked);
    EXPECT_THAT(state_.reason, HasSubstr("it was promoted to timeline 2 by somebody else"));
    const Wish careless{"", true};
    ASSERT_TRUE(take(Event::AskFailover, &careless)) << reason_;
    run(milliseconds(250));
    EXPECT_THAT(promoted_, ElementsAre("c"));
}

TEST_F(FaultTest, AnOldSightOfADeadStandbyDoesNotCount) {
    becomes("a", Finding::Refused);
    findings_["b"] = Finding::Refused;  // and nobody has asked it for its position since
    run(seconds(5));
    EXPECT_TRUE(sight("b").is_reached);
    EXPECT_THAT(promoted_, IsEmpty());
    EXPECT_EQ(state_.phase, Phase::Blocked);
}

TEST_F(FaultTest, AQuarantinedStandbyIsNoTarget) {
    set_standing(state_, "c", Standing::Quarantined, "", world_.wall);
    state_.sync = {1, {"b"}};
    sight("c").flushed = Lsn(2'000);
    becomes("a", Finding::Refused);
    run(seconds(5));
    EXPECT_THAT(promoted_, ElementsAre("b"));
}

// 26: the decider dies after each step; the next one finds the state and goes on under a higher epoch.
TEST_F(FaultTest, F26DeciderDiesAtEachStep) {
    const ClusterState begin = state_;
    const World world = world_;
    for (int dies_after = 1; dies_after <= 7; ++dies_after) {
        for (const bool was_carried_out : {false, true}) {
            state_ = begin;
            world_ = world;
            findings_["a"] = Finding::Well;
            rows_.clear();
            promoted_.clear();
            epochs_.clear();
            was_ordered_ = {};
            becomes("a", Finding::Refused);
            for (int i = 0; i < 2; ++i) {
                for (const std::string& member : world_.members)
                    record(world_.evidence, {member, "a", Finding::Refused, ""}, world_.now);
            }
            for (int i = 0; i < dies_after; ++i) {
                if (take(Event::Look)) continue;
                if (!was_ordered_.is_empty()) take(obey());
            }
            if (was_carried_out) obey();
            was_ordered_ = {};
            world_.lease_epoch = state_.epoch + 1;
            ASSERT_TRUE(take(Event::TakenOver)) << dies_after;
            run(seconds(2));
            EXPECT_EQ(state_.phase, Phase::Steady) << dies_after;
            EXPECT_EQ(state_.primary, "b") << dies_after;
            EXPECT_FALSE(state_.is_in_service("a"));
            EXPECT_THAT(epochs_, testing::Each(testing::Gt(3U)));
            EXPECT_TRUE(std::ranges::adjacent_find(epochs_) == epochs_.end())
                << "two promotions under one epoch";
            EXPECT_THAT(promoted_, testing::Each("b")) << "never two targets";
        }
    }
}

TEST_F(FaultTest, OneMemberThatSeesNothingChangesNothing) {
    for (int i = 0; i < 100; ++i) {
        world_.now += milliseconds(250);
        record(world_.evidence, {"m1", "a", Finding::Refused, ""}, world_.now);
        record(world_.evidence, {"m2", "a", Finding::Well, ""}, world_.now);
        look();
    }
    EXPECT_THAT(rows_, ElementsAre("S1"));
    EXPECT_EQ(state_.phase, Phase::Suspected);
    EXPECT_THAT(waits(),
                HasSubstr("members to agree about the primary: 1 of 2 members hold it for gone, 2 must"));
}

TEST_F(FaultTest, MaintenanceHoldsItBackUntilItEnds) {
    state_.maintenance = {world_.wall + seconds(60), ""};
    becomes("a", Finding::Refused);
    run(seconds(50));
    EXPECT_EQ(state_.phase, Phase::Condemned);
    EXPECT_THAT(waits(), HasSubstr("maintenance until 1970-01-12 13:47:40 UTC"));
    EXPECT_THAT(promoted_, IsEmpty());
    run(seconds(15));
    EXPECT_THAT(promoted_, ElementsAre("b"));
}

TEST_F(FaultTest, PrimaryComesBackWhileStandbysAreCut) {
    is_obeyed_ = false;
    becomes("a", Finding::Refused);
    run(milliseconds(500));
    ASSERT_EQ(state_.phase, Phase::Cutting);
    obey();
    EXPECT_TRUE(sight("b").is_cut_off);
    becomes("a", Finding::Well);
    run(milliseconds(250));
    EXPECT_EQ(rows_.back(), "X2");
    is_obeyed_ = true;
    run(milliseconds(250));
    EXPECT_EQ(state_.phase, Phase::Steady);
    EXPECT_EQ(sight("b").upstream, "a");
    EXPECT_THAT(promoted_, IsEmpty());
}

TEST_F(FaultTest, Switchover) {
    const Wish wish{"c", false};
    ASSERT_TRUE(take(Event::AskSwitchover, &wish));
    look();
    EXPECT_THAT(rows_, ElementsAre("S4", "K1", "G1", "O1", "Q1", "P1", "R1"));
    EXPECT_EQ(state_.primary, "c");
    EXPECT_THAT(state_.find("a")->reason,
                HasSubstr("\"c\" was promoted under epoch 4, which has every write of it"));
    EXPECT_TRUE(state_.failovers.empty()) << "it does not count for damping";
    EXPECT_FALSE(take(Event::AskCancel));
    EXPECT_EQ(reason_, "there is nothing that can be taken back: the cluster is steady");
}

TEST_F(FaultTest, SwitchoverIsRolledBackWhenTimeIsOver) {
    is_obeyed_ = false;
    const Wish wish;
    ASSERT_TRUE(take(Event::AskSwitchover, &wish));
    ASSERT_TRUE(take(Event::Done));
    ASSERT_TRUE(take(Event::Done));
    becomes("a", Finding::Refused);  // it stops, as it was told
    run(seconds(2));
    EXPECT_EQ(state_.phase, Phase::Stopping) << "this is no failover";
    ASSERT_TRUE(take(Event::Done));
    ASSERT_TRUE(take(Event::Deadline));
    EXPECT_EQ(rows_.back(), "Q2");
    EXPECT_TRUE(was_ordered_.has(Action::StartPrimary));
    becomes("a", Finding::Well);
    ASSERT_TRUE(take(Event::Done));
    EXPECT_TRUE(was_ordered_.has(Action::Unpark));
    EXPECT_EQ(state_.primary, "a");
    EXPECT_THAT(promoted_, IsEmpty());
}

TEST_F(FaultTest, APrimaryThatWasStoppedIsStartedAgainUntilItWrites) {
    is_obeyed_ = false;
    const Wish wish;
    for (const Event event : {Event::AskSwitchover, Event::Done, Event::Done, Event::Failed}) {
        ASSERT_TRUE(take(event, &wish));
    }
    ASSERT_EQ(state_.phase, Phase::RollingBack);
    becomes("a", Finding::Refused);
    run(seconds(2));
    state_.maintenance.until = world_.wall + seconds(60);
    ASSERT_TRUE(take(Event::Deadline));
    EXPECT_EQ(state_.phase, Phase::RollingBack)
        << "no failover by itself, and nobody else knows that we stopped it";
    EXPECT_TRUE(was_ordered_.has(Action::StartPrimary));
    state_.maintenance = {};
    ASSERT_TRUE(take(Event::Deadline));
    EXPECT_EQ(state_.phase, Phase::Condemned);
    becomes("b", Finding::Refused);
    run(seconds(2));
    ASSERT_EQ(state_.phase, Phase::Blocked);
    ASSERT_TRUE(take(Event::Deadline));
    EXPECT_TRUE(was_ordered_.has(Action::StartPrimary)) << "it is the only one that has everything";
}

TEST_F(FaultTest, RequestsAreRefusedInWords) {
    const Wish wish;
    EXPECT_FALSE(take(Event::AskFailover, &wish));
    EXPECT_THAT(reason_,
                HasSubstr("the primary is not gone (2 of 2 members reach it); pgpool-ctl switchover"));
    const Wish stranger{"z", false};
    EXPECT_FALSE(take(Event::AskSwitchover, &stranger));
    EXPECT_THAT(reason_, HasSubstr("what helps: name another target, or none"));
    world_.has_lease = false;
    EXPECT_FALSE(take(Event::AskSwitchover, &wish));
    EXPECT_EQ(reason_, "this member does not hold the lease");
}

TEST_F(FaultTest, TargetDiesWhileItIsPromoted) {
    is_obeyed_ = false;
    state_.sync.needed = 2;
    becomes("a", Finding::Refused);
    run(milliseconds(500));
    while (state_.phase != Phase::Promoting) take(obey());
    ASSERT_EQ(state_.target, "b");
    becomes("b", Finding::Refused);
    is_obeyed_ = true;
    was_ordered_ = {};
    run(milliseconds(1'000));
    EXPECT_THAT(promoted_, ElementsAre("b", "c"));
    EXPECT_LT(epochs_[0], epochs_[1]);
    EXPECT_THAT(state_.find("b")->reason, HasSubstr("it was being promoted under epoch 4 when it was lost"));
    EXPECT_EQ(state_.primary, "c");
}

TEST_F(FaultTest, AStandbyThatDoesNotFollowIsTriedAgainLater) {
    sight("c").upstream = "";
    is_obeyed_ = false;
    run(milliseconds(250));
    ASSERT_EQ(state_.phase, Phase::Repointing);
    ASSERT_TRUE(take(Event::Deadline));
    run(seconds(20));
    EXPECT_THAT(rows_, ElementsAre("S3", "R2"));
    is_obeyed_ = true;
    run(seconds(15));
    EXPECT_EQ(sight("c").upstream, "a");
}

}  // namespace
}  // namespace pgpool::decide
