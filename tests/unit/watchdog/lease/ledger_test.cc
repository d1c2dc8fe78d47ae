// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/ledger.h"

#include <gtest/gtest.h>

namespace pgpool::lease {
namespace {

using std::chrono::milliseconds;

constexpr BootTime at(int ms) {
    return BootTime(milliseconds(ms));
}

VoterId voter(std::size_t index) {
    return VoterId(static_cast<std::uint16_t>(index));
}

// Members 0 and 1, nodes 2 (two votes) and 3: five votes, a quorum is three.
class LedgerTest : public testing::Test {
protected:
    void vote(std::size_t index, int sent) { ledger_.at(voter(index)).vote = at(sent); }
    void lock(std::size_t index, int acquired, int fresh, Epoch recorded = Epoch(1)) {
        Session& session = ledger_.at(voter(index)).session;
        session.phase = Phase::Locked;
        session.acquired = at(acquired);
        session.fresh = at(fresh);
        session.recorded = recorded;
    }
    [[nodiscard]] BootTime ends(int sent) const {
        return at(sent) + parameters_.shortened(parameters_.lease);
    }

    Parameters parameters_;
    Ledger ledger_{Votes(2, 2, Votes::Witness::None), parameters_};
};

TEST_F(LedgerTest, WithoutAQuorumOfVotesThereIsNoDeadline) {
    EXPECT_EQ(ledger_.deadline(), kNever);
    vote(0, 100);
    vote(1, 100);
    EXPECT_EQ(ledger_.deadline(), kNever);
}

TEST_F(LedgerTest, TheDeadlineRestsOnTheFreshestQuorum) {
    vote(0, 100);
    vote(1, 200);
    vote(3, 300);
    EXPECT_EQ(ledger_.deadline(), ends(100)) << "three voters, one vote each: the oldest counts";
    vote(2, 250);
    EXPECT_EQ(ledger_.deadline(), ends(250)) << "3 and 2 have three votes";
}

TEST_F(LedgerTest, AVoterWithTwoVotesCountsTwice) {
    vote(2, 500);
    vote(0, 400);
    EXPECT_EQ(ledger_.deadline(), ends(400));
}

TEST_F(LedgerTest, TheDeadlineIsShortenedByTheDrift) {
    vote(2, 0);
    vote(0, 0);
    EXPECT_EQ(ledger_.deadline(), at(1'584));
}

TEST_F(LedgerTest, AQuorumIsLocksNotSessions) {
    ledger_.at(voter(0)).session.phase = Phase::Open;
    lock(2, 100, 100);
    EXPECT_FALSE(ledger_.has_quorum());
    lock(0, 100, 100);
    EXPECT_TRUE(ledger_.has_quorum());
}

TEST_F(LedgerTest, AQuorumIsAcquiredWithItsLastLock) {
    lock(2, 100, 100);
    lock(0, 300, 300);
    lock(1, 200, 200);
    EXPECT_EQ(ledger_.quorum_acquired(), at(200));
}

TEST_F(LedgerTest, ConfirmedByQuestionsAfterTheWaitFromTheLastLock) {
    lock(2, 100, 1'900);
    lock(0, 300, 1'899);
    EXPECT_FALSE(ledger_.is_confirmed(parameters_.lease, Epoch(1), at(1'950)));
    lock(0, 300, 1'900);
    EXPECT_TRUE(ledger_.is_confirmed(parameters_.lease, Epoch(1), at(1'950)));
}

// Node 2 was asked 1.6 s after its own lock but not 1.6 s after that of member 0: it may be another's again
// by now.
TEST_F(LedgerTest, EachMustBeAskedAfterTheWaitFromTheLastLockNotFromItsOwn) {
    lock(2, 0, 1'650);
    lock(0, 1'000, 2'600);
    EXPECT_FALSE(ledger_.is_confirmed(parameters_.lease, Epoch(1), at(2'610)));
}

TEST_F(LedgerTest, ALockThatCameLaterDoesNotDelayTheOthers) {
    lock(2, 0, 1'700);
    lock(0, 50, 1'700);
    lock(1, 1'500, 1'700);
    EXPECT_TRUE(ledger_.is_confirmed(parameters_.lease, Epoch(1), at(1'750)));
}

TEST_F(LedgerTest, OnlyVotersThatHaveRecordedTheEpochConfirm) {
    lock(2, 0, 1'700, Epoch(7));
    lock(0, 0, 1'700, Epoch(6));
    EXPECT_FALSE(ledger_.is_confirmed(parameters_.lease, Epoch(7), at(1'750)));
    lock(0, 0, 1'700, Epoch(7));
    EXPECT_TRUE(ledger_.is_confirmed(parameters_.lease, Epoch(7), at(1'750)));
}

TEST_F(LedgerTest, WhatWasConfirmedLongAgoCountsNoMore) {
    lock(2, 0, 1'700);
    lock(0, 0, 1'700);
    EXPECT_TRUE(ledger_.is_confirmed(parameters_.lease, Epoch(1), ends(1'700) - BootDuration(1)));
    EXPECT_FALSE(ledger_.is_confirmed(parameters_.lease, Epoch(1), ends(1'700)));
}

// Before that one of them may be another's again by the time the last was acquired.
TEST_F(LedgerTest, LocksAreAllOursOnceEachWasAskedAfterTheLastOneCame) {
    lock(2, 100, 100);
    lock(0, 300, 290);
    EXPECT_EQ(ledger_.locked_until(), kNever);
    lock(0, 300, 310);
    EXPECT_EQ(ledger_.locked_until(), kNever) << "node 2 was not asked since";
    lock(2, 100, 320);
    EXPECT_EQ(ledger_.locked_until(), ends(310)) << "the stalest answer of the quorum";
    lock(3, 400, 390);
    EXPECT_EQ(ledger_.locked_until(), ends(310)) << "a further lock takes nothing away";
}

TEST_F(LedgerTest, IsQuietWhenNoCommandCanTakeEffectAnyMore) {
    EXPECT_TRUE(ledger_.is_quiet(at(0)));
    ledger_.at(voter(3)).doubt_until = at(900);
    EXPECT_FALSE(ledger_.is_quiet(at(899)));
    EXPECT_TRUE(ledger_.is_quiet(at(900)));
}

}  // namespace
}  // namespace pgpool::lease
