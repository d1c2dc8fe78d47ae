// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/pace.h"

#include <gtest/gtest.h>

namespace pgpool::health {
namespace {

using cluster::Reach;

constexpr TimePoint kNow = TimePoint() + seconds(1'000);
constexpr Pace kPace;

Situation at_rest() {
    Situation situation;
    situation.now = kNow;
    return situation;
}

TEST(NextInterval, IsThePeriodAtRest) {
    EXPECT_EQ(next_interval(at_rest(), kPace), kPace.period);
}

TEST(NextInterval, IsFastWhileKicked) {
    Situation situation = at_rest();
    situation.kicked_until = kNow + milliseconds(1);
    EXPECT_EQ(next_interval(situation, kPace), kPace.fast);
    situation.kicked_until = kNow;
    EXPECT_EQ(next_interval(situation, kPace), kPace.period);
}

TEST(NextInterval, ALostConnectionIsReplacedFast) {
    Situation situation = at_rest();
    situation.connection_lost = true;
    EXPECT_EQ(next_interval(situation, kPace), kPace.fast);
}

TEST(NextInterval, TroubleIsLookedAtFastForABoundedTime) {
    for (const Reach reach : {Reach::Refused, Reach::Unreachable, Reach::Startup}) {
        Situation situation = at_rest();
        situation.reach = reach;
        situation.trouble_since = kNow - milliseconds(100);
        EXPECT_EQ(next_interval(situation, kPace), kPace.fast) << to_string(reach);
        situation.trouble_since = kNow - kPace.trouble_window;
        EXPECT_EQ(next_interval(situation, kPace), kPace.period) << to_string(reach);
    }
    for (const Reach reach : {Reach::Timeout, Reach::Query, Reach::Unresolved}) {
        Situation situation = at_rest();
        situation.reach = reach;
        situation.trouble_since = kNow;
        EXPECT_EQ(next_interval(situation, kPace), kPace.period) << to_string(reach);
    }
}

TEST(NextInterval, SearchesForAPrimaryFastThenSlower) {
    Situation situation = at_rest();
    situation.no_primary_since = kNow - seconds(59);
    EXPECT_EQ(next_interval(situation, kPace), kPace.fast);
    situation.no_primary_since = kNow - seconds(60);
    EXPECT_EQ(next_interval(situation, kPace), kPace.slow_search);
}

TEST(NextInterval, AWrongPasswordIsNotRepeatedFast) {
    Situation situation = at_rest();
    situation.reach = Reach::Auth;
    situation.kicked_until = kNow + seconds(1);
    situation.no_primary_since = kNow;
    EXPECT_EQ(next_interval(situation, kPace), kPace.period);
}

TEST(NextInterval, NeverExceedsThePeriod) {
    Pace pace;
    pace.period = milliseconds(5);
    Situation situation = at_rest();
    situation.no_primary_since = kNow - seconds(100);
    EXPECT_EQ(next_interval(situation, pace), milliseconds(5));
}

}  // namespace
}  // namespace pgpool::health
