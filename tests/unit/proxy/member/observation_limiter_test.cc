// SPDX-License-Identifier: PostgreSQL
#include "proxy/member/observation_limiter.h"

#include <gtest/gtest.h>

namespace pgpool::member {
namespace {

using bus::FailureClass;
using bus::Suspicion;

constexpr TimePoint kStart{seconds(100)};

bus::Observation seen(std::uint16_t node, Suspicion suspicion = Suspicion::Doubtful,
                      FailureClass failure = FailureClass::Refused, std::uint64_t epoch = 1) {
    return {.epoch = epoch, .node = node, .suspicion = suspicion, .failure = failure, .reason = ""};
}

TEST(ObservationLimiter, TheSameIsToldAgainAfterAWhile) {
    ObservationLimiter limiter;
    EXPECT_TRUE(limiter.admits(seen(0), kStart));
    EXPECT_FALSE(limiter.admits(seen(0), kStart));
    EXPECT_FALSE(limiter.admits(seen(0), kStart + ObservationLimiter::kAgain - milliseconds(1)));
    EXPECT_TRUE(limiter.admits(seen(0), kStart + ObservationLimiter::kAgain));
}

TEST(ObservationLimiter, AnotherNodeClassSuspicionOrEpochIsAnotherObservation) {
    ObservationLimiter limiter;
    EXPECT_TRUE(limiter.admits(seen(0), kStart));
    EXPECT_TRUE(limiter.admits(seen(1), kStart));
    EXPECT_TRUE(limiter.admits(seen(0, Suspicion::Doubtful, FailureClass::Timeout), kStart));
    EXPECT_TRUE(limiter.admits(seen(0, Suspicion::Gone), kStart));
    EXPECT_TRUE(limiter.admits(seen(0, Suspicion::Doubtful, FailureClass::Refused, 2), kStart));
}

TEST(ObservationLimiter, AFloodIsBoundedButNotTheWorstNews) {
    ObservationLimiter limiter;
    std::size_t told = 0;
    for (std::uint16_t node = 0; node < 100; ++node) told += limiter.admits(seen(node), kStart) ? 1 : 0;
    // Each node's first observation is its worst so far.
    EXPECT_EQ(told, 100U);
    for (std::uint16_t node = 0; node < 100; ++node) {
        EXPECT_FALSE(limiter.admits(seen(node, Suspicion::Doubtful, FailureClass::Timeout), kStart));
        EXPECT_TRUE(limiter.admits(seen(node, Suspicion::Gone), kStart));
        EXPECT_FALSE(limiter.admits(seen(node, Suspicion::Gone, FailureClass::Timeout), kStart));
    }
    EXPECT_TRUE(limiter.admits(seen(0, Suspicion::Doubtful, FailureClass::Timeout), kStart + seconds(1)));
}

TEST(ObservationLimiter, ANewHubHearsAllAgain) {
    ObservationLimiter limiter;
    EXPECT_TRUE(limiter.admits(seen(0), kStart));
    limiter.forget();
    EXPECT_TRUE(limiter.admits(seen(0), kStart));
}

}  // namespace
}  // namespace pgpool::member
