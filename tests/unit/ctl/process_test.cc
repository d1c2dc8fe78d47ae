// SPDX-License-Identifier: PostgreSQL
#include "ctl/process.h"

#include <gtest/gtest.h>

namespace pgpool::ctl {
namespace {

TEST(RunProgram, WhatItSaysAndHowItEnds) {
    const auto ran = run_program({"sh", "-c", "echo out; echo err >&2; exit 7"}, seconds(20));
    ASSERT_TRUE(ran);
    EXPECT_EQ(ran->code, 7);
    EXPECT_EQ(ran->output, "out\nerr\n");
}

TEST(RunProgram, ThereIsNone) {
    EXPECT_FALSE(run_program({"pgpool-no-such-program"}, seconds(20)));
}

TEST(RunProgram, OneThatHangsIsEnded) {
    const TimePoint begin = SteadyClock::now();
    const auto ran = run_program({"sleep", "60"}, milliseconds(50));
    ASSERT_TRUE(ran);
    EXPECT_EQ(ran->code, -1);
    EXPECT_LT(SteadyClock::now() - begin, seconds(20));
}

TEST(RunProgram, MuchOutput) {
    const auto ran = run_program({"sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x"}, seconds(20));
    ASSERT_TRUE(ran);
    EXPECT_EQ(ran->output, std::string(200'000, 'x'));
}

}  // namespace
}  // namespace pgpool::ctl
