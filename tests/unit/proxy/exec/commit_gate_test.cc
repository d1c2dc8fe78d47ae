// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/commit_gate.h"

#include <gtest/gtest.h>

namespace pgpool::exec {
namespace {

constexpr std::uint64_t kEpoch = 7;

TimePoint at(int ms) {
    return TimePoint(milliseconds(ms));
}

TEST(CommitGate, WhoWasExecutedBehindMayHaveBuiltOnIt) {
    CommitGate gate(2);
    gate.told(1, at(50));
    EXPECT_FALSE(gate.may_be_built_on(1));
    EXPECT_TRUE(gate.pass(kEpoch, at(49)));
    EXPECT_FALSE(gate.may_be_built_on(1)) << "it was executed before";
    EXPECT_TRUE(gate.pass(kEpoch, at(50)));
    EXPECT_TRUE(gate.pass(kEpoch, at(20)));
    EXPECT_TRUE(gate.may_be_built_on(1));
    gate.told(1, at(60));
    EXPECT_FALSE(gate.may_be_built_on(1)) << "the slot's next one";
}

TEST(CommitGate, WhatThisProcessHasNotToldNobodyHasBuiltOn) {
    CommitGate gate(2);
    EXPECT_TRUE(gate.pass(kEpoch, at(50)));
    EXPECT_FALSE(gate.may_be_built_on(0));
    EXPECT_FALSE(gate.may_be_built_on(99)) << "a slot of a configuration before";
}

TEST(CommitGate, NobodyPassesUnderAnEpochThatIsClosed) {
    CommitGate gate(1);
    gate.told(0, at(50));
    gate.close(kEpoch);
    EXPECT_FALSE(gate.pass(kEpoch, at(80)));
    EXPECT_FALSE(gate.may_be_built_on(0)) << "it did not pass";
    EXPECT_TRUE(gate.pass(kEpoch + 1, at(80)));
}

}  // namespace
}  // namespace pgpool::exec
