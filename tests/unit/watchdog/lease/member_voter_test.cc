// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/member_voter.h"

#include <gtest/gtest.h>

namespace pgpool::lease {
namespace {

using std::chrono::milliseconds;
using Verdict = MemberVoter::Verdict;

constexpr MemberId kA{0};
constexpr MemberId kB{1};
constexpr SessionId kFirst{1};
constexpr SessionId kSecond{2};

constexpr BootTime at(int ms) {
    return BootTime(milliseconds(ms));
}

class MemberVoterTest : public testing::Test {
protected:
    MemberVoter voter_{Parameters{}, at(0), Epoch(4)};
};

TEST_F(MemberVoterTest, GrantsNothingForTheTimeOfALeaseAfterItsStart) {
    EXPECT_EQ(voter_.lock(kA, kFirst, at(0)), Verdict::Refused);
    EXPECT_EQ(voter_.lock(kA, kFirst, at(1'599)), Verdict::Refused);
    EXPECT_EQ(voter_.lock(kA, kFirst, at(1'600)), Verdict::Granted);
}

TEST_F(MemberVoterTest, RenewsNoSessionFromBeforeItsStart) {
    EXPECT_EQ(voter_.renew(kA, kFirst, Epoch{}, at(100)), Verdict::Closed);
    EXPECT_EQ(voter_.renew(kA, kFirst, Epoch{}, at(2'000)), Verdict::Closed);
}

TEST_F(MemberVoterTest, AGrantIsAPromiseOfTheSessionTimeout) {
    ASSERT_EQ(voter_.lock(kA, kFirst, at(2'000)), Verdict::Granted);
    EXPECT_EQ(voter_.lock(kB, kFirst, at(2'799)), Verdict::Refused);
    EXPECT_EQ(voter_.renew(kA, kFirst, Epoch{}, at(2'799)), Verdict::Granted);
    EXPECT_EQ(voter_.lock(kB, kFirst, at(3'598)), Verdict::Refused);
    EXPECT_EQ(voter_.lock(kB, kFirst, at(3'599)), Verdict::Granted);
    EXPECT_EQ(voter_.renew(kA, kFirst, Epoch{}, at(3'600)), Verdict::Closed);
}

TEST_F(MemberVoterTest, WhatHasRunOutIsNotRenewedEvenIfNobodyElseHasIt) {
    ASSERT_EQ(voter_.lock(kA, kFirst, at(2'000)), Verdict::Granted);
    EXPECT_EQ(voter_.renew(kA, kFirst, Epoch{}, at(2'800)), Verdict::Closed);
}

TEST_F(MemberVoterTest, WhatIsClosedIsFreeAtOnce) {
    ASSERT_EQ(voter_.lock(kA, kFirst, at(2'000)), Verdict::Granted);
    voter_.close(kA, kFirst);
    EXPECT_EQ(voter_.lock(kB, kFirst, at(2'001)), Verdict::Granted);
}

TEST_F(MemberVoterTest, OnlyTheSessionItselfEndsIt) {
    ASSERT_EQ(voter_.lock(kA, kSecond, at(2'000)), Verdict::Granted);
    voter_.close(kA, kFirst);
    voter_.close(kB, kSecond);
    EXPECT_EQ(voter_.lock(kB, kFirst, at(2'001)), Verdict::Refused);
}

TEST_F(MemberVoterTest, ANewSessionOfTheSameMemberTakesOver) {
    ASSERT_EQ(voter_.lock(kA, kFirst, at(2'000)), Verdict::Granted);
    EXPECT_EQ(voter_.lock(kA, kSecond, at(2'100)), Verdict::Granted);
    EXPECT_EQ(voter_.renew(kA, kFirst, Epoch{}, at(2'200)), Verdict::Closed);
    EXPECT_EQ(voter_.renew(kA, kSecond, Epoch{}, at(2'200)), Verdict::Granted);
}

TEST_F(MemberVoterTest, RecordsTheHighestEpochOfWhoHasTheLock) {
    EXPECT_EQ(voter_.epoch(), Epoch(4));
    ASSERT_EQ(voter_.lock(kA, kFirst, at(2'000)), Verdict::Granted);
    ASSERT_EQ(voter_.renew(kA, kFirst, Epoch(6), at(2'100)), Verdict::Granted);
    ASSERT_EQ(voter_.renew(kA, kFirst, Epoch(5), at(2'200)), Verdict::Granted);
    EXPECT_EQ(voter_.epoch(), Epoch(6));
    EXPECT_EQ(voter_.renew(kB, kFirst, Epoch(9), at(2'300)), Verdict::Closed);
    EXPECT_EQ(voter_.epoch(), Epoch(6));
}

}  // namespace
}  // namespace pgpool::lease
