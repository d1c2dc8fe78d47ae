// SPDX-License-Identifier: PostgreSQL
#include "proxy/server/liveness.h"

#include <gtest/gtest.h>

#include <array>

namespace pgpool::server {
namespace {

TimePoint at(int second) {
    return TimePoint{} + seconds(second);
}

TEST(Liveness, AllThatTurnedLatelyAreAlive) {
    const std::array turns{at(100), at(96), at(99)};
    EXPECT_EQ(stuck_worker(turns, at(100), kPatience), std::nullopt);
}

TEST(Liveness, OneThatHangsIsFoundWhateverTheOthersDo) {
    const std::array turns{at(100), at(95), at(100)};
    EXPECT_EQ(stuck_worker(turns, at(100) - milliseconds(1), kPatience), std::nullopt);
    EXPECT_EQ(stuck_worker(turns, at(100), kPatience), 1U);
}

TEST(Liveness, TheOneThatHangsLongestIsNamed) {
    const std::array turns{at(80), at(95), at(70)};
    EXPECT_EQ(stuck_worker(turns, at(100), kPatience), 2U);
}

TEST(Liveness, OneThatTurnsAgainIsAliveAgain) {
    std::array turns{at(80), at(100)};
    EXPECT_EQ(stuck_worker(turns, at(100), kPatience), 0U);
    turns[0] = at(100);
    EXPECT_EQ(stuck_worker(turns, at(101), kPatience), std::nullopt);
}

TEST(Liveness, WithoutWorkersNobodyHangs) {
    EXPECT_EQ(stuck_worker({}, at(100), kPatience), std::nullopt);
}

}  // namespace
}  // namespace pgpool::server
