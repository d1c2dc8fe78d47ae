// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/load_schedule.h"

#include <gtest/gtest.h>

namespace pgpool::health {
namespace {

constexpr TimePoint kStart{};
constexpr seconds kRefresh{60};

TEST(LoadSchedule, FirstRequestIsDueAtOnceAndOnlyOnce) {
    LoadSchedule schedule;
    EXPECT_EQ(schedule.next_due(), std::nullopt);
    EXPECT_TRUE(schedule.request("app", kStart));
    EXPECT_FALSE(schedule.request("app", kStart));
    EXPECT_EQ(schedule.take_due(kStart, kRefresh), "app");
    EXPECT_EQ(schedule.take_due(kStart, kRefresh), std::nullopt);
    EXPECT_EQ(schedule.next_due(), kStart + kRefresh);
    EXPECT_EQ(schedule.take_due(kStart + kRefresh, kRefresh), "app");
}

TEST(LoadSchedule, DdlMakesItDueSoonAndIsCoalesced) {
    LoadSchedule schedule;
    schedule.request("app", kStart);
    static_cast<void>(schedule.take_due(kStart, kRefresh));
    EXPECT_TRUE(schedule.ddl_seen("app", kStart + seconds(1)));
    EXPECT_FALSE(schedule.ddl_seen("app", kStart + seconds(1) + milliseconds(50)));
    EXPECT_EQ(schedule.next_due(), kStart + seconds(1) + LoadSchedule::kSettle);
    EXPECT_FALSE(schedule.ddl_seen("unknown", kStart));
}

TEST(LoadSchedule, DdlDuringALoadLeadsToAnother) {
    LoadSchedule schedule;
    schedule.request("app", kStart);
    static_cast<void>(schedule.take_due(kStart, kRefresh));
    schedule.ddl_seen("app", kStart + milliseconds(10));
    schedule.succeeded("app");
    EXPECT_EQ(schedule.take_due(kStart + milliseconds(10) + LoadSchedule::kSettle, kRefresh), "app");
}

TEST(LoadSchedule, FailuresAreRepeatedWithGrowingPauses) {
    LoadSchedule schedule;
    schedule.request("app", kStart);
    TimePoint now = kStart;
    Duration last{};
    for (int i = 0; i < 12; ++i) {
        ASSERT_EQ(schedule.take_due(now, kRefresh), "app") << i;
        schedule.failed("app", now, kRefresh);
        const Duration pause = *schedule.next_due() - now;
        EXPECT_EQ(pause,
                  i == 0 ? Duration(LoadSchedule::kFirstRetry) : std::min<Duration>(2 * last, kRefresh));
        last = pause;
        now = *schedule.next_due();
    }
    EXPECT_EQ(last, Duration(kRefresh));
    static_cast<void>(schedule.take_due(now, kRefresh));
    schedule.succeeded("app");
    schedule.failed("app", now, kRefresh);
    EXPECT_EQ(*schedule.next_due() - now, Duration(LoadSchedule::kFirstRetry)) << "a success starts anew";
}

TEST(LoadSchedule, AForgottenDatabaseMayBeRequestedAgain) {
    LoadSchedule schedule;
    schedule.request("gone", kStart);
    schedule.forget("gone");
    EXPECT_EQ(schedule.take_due(kStart, kRefresh), std::nullopt);
    EXPECT_TRUE(schedule.request("gone", kStart));
}

}  // namespace
}  // namespace pgpool::health
