// SPDX-License-Identifier: PostgreSQL
// What becomes of the lease in the situations that people ask about: docs/adr/0017-lease.md has them as a
// table. Whole machines in virtual time, with the real lease; the auditor looks on.
#include <gtest/gtest.h>

#include "tests/simulator/machines.h"

namespace pgpool::simulator {
namespace {

using lease::State;
using std::chrono::seconds;

// Hosts: members 0 and 1, nodes 2 (two votes) and 3. Member 0 is the holder.
constexpr Host kA = 0;
constexpr Host kB = 1;
constexpr Host kFirstNode = 2;
constexpr Host kSecondNode = 3;

class Case : public testing::Test {
protected:
    void SetUp() override {
        member(kA).happens(lease::event::Campaign{});
        run(seconds(4));
        ASSERT_EQ(holder(), &member(kA));
        first_epoch_ = member(kA).view().epoch;
        member(kB).happens(lease::event::Campaign{});
        run(seconds(2));
    }
    void TearDown() override { EXPECT_EQ(machines_.auditor().violation(), std::nullopt); }

    [[nodiscard]] Member& member(Host host) { return machines_.member(host); }
    [[nodiscard]] Node& node(Host host) { return machines_.node(host - 2); }
    [[nodiscard]] Member* holder() { return machines_.holder(); }
    void run(Time time) { machines_.run_for(time); }
    void cut(Host a, Host b) {
        machines_.network().set(a, b, false);
        machines_.network().set(b, a, false);
    }
    // How long until this member holds the lease; the limit if it does not within it.
    [[nodiscard]] Time until_holder(Host host, Time limit) {
        const Time begin = machines_.now();
        while (machines_.now() - begin < limit) {
            if (member(host).is_running() && member(host).state() == State::Holder)
                return machines_.now() - begin;
            machines_.run_one();
        }
        return limit;
    }
    [[nodiscard]] bool is_still_the_first_reign() { return member(kA).view().epoch == first_epoch_; }

    Machines machines_{1, Setting{}};
    Epoch first_epoch_;
};

TEST_F(Case, HolderIsolatedFromAll) {
    machines_.network().partition({true, false, false, false});
    const Time taken = until_holder(kB, seconds(5));
    EXPECT_GT(taken, milliseconds(1'600));
    EXPECT_LT(taken, milliseconds(2'900)) << "session timeout and lease, a renewal and a round of tries";
    EXPECT_NE(member(kA).state(), State::Holder);
}

TEST_F(Case, OnlyTheLinkBetweenTheMembersIsCut) {
    cut(kA, kB);
    run(seconds(20));
    EXPECT_EQ(holder(), &member(kA));
    EXPECT_TRUE(is_still_the_first_reign());
}

TEST_F(Case, SplitWithTheFirstNodeOnTheHoldersSide) {
    machines_.network().partition({true, false, true, false});
    run(seconds(20));
    EXPECT_EQ(holder(), &member(kA));
    EXPECT_TRUE(is_still_the_first_reign());
}

TEST_F(Case, SplitWithTheFirstNodeOnTheOtherSide) {
    machines_.network().partition({true, false, false, true});
    EXPECT_LT(until_holder(kB, seconds(5)), milliseconds(2'900));
    EXPECT_NE(member(kA).state(), State::Holder);
}

TEST_F(Case, OneNodeDies) {
    for (const Host host : {kFirstNode, kSecondNode}) {
        node(host).die(Node::Death::PowerLoss);
        run(seconds(10));
        EXPECT_TRUE(is_still_the_first_reign());
        node(host).start();
        run(seconds(10));
    }
}

TEST_F(Case, HolderAndTheSecondNodeDieTogether) {
    member(kA).lose_power();
    node(kSecondNode).die(Node::Death::PowerLoss);
    EXPECT_LT(until_holder(kB, seconds(5)), milliseconds(2'900))
        << "its own vote and the two of the first node";
}

TEST_F(Case, HolderAndTheFirstNodeDieTogether) {
    member(kA).lose_power();
    node(kFirstNode).die(Node::Death::PowerLoss);
    EXPECT_EQ(until_holder(kB, seconds(20)), seconds(20)) << "two votes of five";
}

TEST_F(Case, TheDaemonOfTheHolderDies) {
    member(kA).kill();
    EXPECT_LT(until_holder(kB, seconds(5)), milliseconds(2'000))
        << "its kernel gives the locks back: the lease only";
}

TEST_F(Case, TheWatchdogOfTheHolderIsStopped) {
    member(kA).stop();
    EXPECT_LT(until_holder(kB, seconds(5)), milliseconds(2'900));
    run(seconds(8));
    member(kA).go_on();
    run(seconds(10));
    EXPECT_EQ(holder(), &member(kB));
    EXPECT_NE(member(kA).state(), State::Holder);
}

TEST_F(Case, TheWatchdogOfTheHolderIsStoppedForAMoment) {
    member(kA).stop();
    run(milliseconds(450));
    member(kA).go_on();
    run(seconds(5));
    EXPECT_TRUE(is_still_the_first_reign());
}

TEST_F(Case, TheWholeMachineOfTheHolderIsFrozen) {
    member(kA).freeze();
    EXPECT_LT(until_holder(kB, seconds(5)), milliseconds(2'900));
    member(kA).thaw();
    run(seconds(10));
    EXPECT_EQ(holder(), &member(kB));
}

TEST_F(Case, ANodeRestartsAndItsLocksVanish) {
    node(kFirstNode).die(Node::Death::Crash);
    node(kFirstNode).start();
    run(seconds(10));
    EXPECT_EQ(holder(), &member(kA));
    EXPECT_TRUE(is_still_the_first_reign());
}

TEST_F(Case, ANodeIsStopped) {
    node(kFirstNode).stop();
    run(seconds(10));
    EXPECT_TRUE(is_still_the_first_reign());
    node(kFirstNode).go_on();
    run(seconds(5));
    EXPECT_TRUE(is_still_the_first_reign());
}

TEST_F(Case, SomebodyTerminatesTheLeaseSessions) {
    for (int i = 0; i < 20; ++i) {
        node(i % 2 == 0 ? kFirstNode : kSecondNode).terminate_any();
        run(seconds(3));
    }
    EXPECT_TRUE(is_still_the_first_reign());
}

// Its questions arrive, the answers do not: without the rule of the missed answers its sessions would live
// on.
TEST_F(Case, TheHolderIsHeardButHearsNothing) {
    for (const Host host : {kB, kFirstNode, kSecondNode}) machines_.network().set(host, kA, false);
    EXPECT_LT(until_holder(kB, seconds(6)), milliseconds(3'500));
    EXPECT_NE(member(kA).state(), State::Holder);
}

TEST_F(Case, AllNodesAreDown) {
    node(kFirstNode).die(Node::Death::PowerLoss);
    node(kSecondNode).die(Node::Death::PowerLoss);
    run(seconds(10));
    EXPECT_EQ(holder(), nullptr) << "two votes of five";
    node(kFirstNode).start();
    EXPECT_LT(std::min(until_holder(kA, seconds(8)), until_holder(kB, seconds(1))), seconds(8));
}

TEST_F(Case, AHandOverTakesMilliseconds) {
    member(kA).happens(lease::event::HandOver{MemberId(kB)});
    EXPECT_LT(until_holder(kB, seconds(5)), milliseconds(200));
    run(seconds(5));
    EXPECT_EQ(holder(), &member(kB));
}

TEST_F(Case, AHandOverToWhoIsDeadChangesNothing) {
    member(kB).lose_power();
    run(seconds(2));
    member(kA).happens(lease::event::HandOver{MemberId(kB)});
    run(seconds(5));
    EXPECT_TRUE(is_still_the_first_reign());
}

TEST_F(Case, BothReturnAfterAPowerCut) {
    member(kA).lose_power();
    member(kB).lose_power();
    run(seconds(1));
    member(kA).start();
    member(kB).start();
    machines_.campaign();
    const Time begin = machines_.now();
    while (holder() == nullptr && machines_.now() - begin < seconds(8)) machines_.run_one();
    ASSERT_NE(holder(), nullptr);
    EXPECT_GT(holder()->view().epoch, first_epoch_);
}

TEST_F(Case, OneAloneStartsAfterTheTimeOfALease) {
    member(kA).lose_power();
    member(kB).lose_power();
    run(seconds(3));
    member(kB).start();
    member(kB).happens(lease::event::Campaign{});
    const Time taken = until_holder(kB, seconds(8));
    EXPECT_GT(taken, milliseconds(1'590));
    EXPECT_LT(taken, milliseconds(2'000));
}

// One node, and a member beside it, on each of two hosts: without a third vote one of the hosts could not go
// on alone.
TEST(CaseWithWitness, EitherOfTwoHostsMayDie) {
    for (const std::size_t dying : {0U, 1U}) {
        Machines machines(3, Setting{.members = 2, .nodes = 2, .witness = lease::Votes::Witness::Present});
        machines.campaign();
        machines.run_for(seconds(8));
        machines.member(dying).lose_power();
        machines.node(dying).die(Node::Death::PowerLoss);
        machines.run_for(seconds(8));
        EXPECT_EQ(machines.holder(), &machines.member(1 - dying));
        EXPECT_EQ(machines.auditor().violation(), std::nullopt);
    }
}

}  // namespace
}  // namespace pgpool::simulator
