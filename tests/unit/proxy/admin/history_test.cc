// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "proxy/session/statistics.h"

namespace pgpool::session {
namespace {

constexpr TimePoint at(int second) {
    return TimePoint(seconds(6'000 + second));  // a period begins at 0
}

TEST(PoolHistory, BeforeTheFirstPeriodEndsAllTimeCounts) {
    PoolHistory history(at(10));
    history.total.queries = 7;
    history.tick(at(20));
    const auto span = history.last_period(at(25));
    EXPECT_EQ(span.from.at, at(10));
    EXPECT_EQ(span.to.at, at(25));
    EXPECT_EQ(span.to.counted.queries, 7U);
}

TEST(PoolHistory, ThenTheLastWholePeriodDoes) {
    PoolHistory history(at(10));
    history.total.queries = 7;
    history.tick(at(60));
    history.total.queries = 100;
    history.tick(at(61));  // the same period: nothing happens
    history.tick(at(120));
    history.total.queries = 1'000;
    const auto span = history.last_period(at(130));
    EXPECT_EQ(span.from.counted.queries, 7U);
    EXPECT_EQ(span.to.counted.queries, 100U);
    EXPECT_EQ(span.from.at, at(60));
    EXPECT_EQ(span.to.at, at(120));
}

}  // namespace
}  // namespace pgpool::session
