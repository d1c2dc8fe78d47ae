// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/heartbeats.h"

#include <gtest/gtest.h>

namespace pgpool::watchdog {
namespace {

class HeartbeatsTest : public testing::Test {
protected:
    // In turns of 50 ms; a heartbeat every 250 ms while it is well.
    void pass(Duration time, bool is_well) {
        for (const TimePoint end = now + time; now < end; now += milliseconds(50)) {
            beats.turn(now);
            if (is_well && now >= next) {
                beats.heard(kClient, now);
                next = now + bus::kAliveEvery;
            }
        }
    }
    [[nodiscard]] bool stands_still() const { return beats.stands_still(kClient, now); }

    static constexpr ipc::ClientId kClient{7};
    Heartbeats beats;
    TimePoint now{seconds(100)};
    TimePoint next;
};

TEST_F(HeartbeatsTest, WhoIsNotHeardForASecondStandsStill) {
    pass(seconds(5), true);
    EXPECT_FALSE(stands_still());
    pass(milliseconds(700), false);
    EXPECT_FALSE(stands_still());
    pass(milliseconds(500), false);
    EXPECT_TRUE(stands_still());
    pass(milliseconds(50), true);
    EXPECT_FALSE(stands_still()) << "it goes on";
}

TEST_F(HeartbeatsTest, WhoNeverSentOneCountsAsWell) {
    pass(seconds(60), false);
    EXPECT_FALSE(stands_still());
}

TEST_F(HeartbeatsTest, OurOwnStandstillIsNobodyElses) {
    pass(seconds(5), true);
    now += seconds(30);  // stopped as a whole, both of us
    beats.turn(now);
    EXPECT_FALSE(stands_still());
    pass(milliseconds(700), false);
    EXPECT_FALSE(stands_still()) << "what it sent meanwhile may still be on its way";
    pass(milliseconds(600), false);
    EXPECT_TRUE(stands_still());
}

TEST_F(HeartbeatsTest, WhoIsGoneIsForgotten) {
    pass(seconds(1), true);
    beats.gone(kClient);
    pass(seconds(5), false);
    EXPECT_FALSE(stands_still());
}

}  // namespace
}  // namespace pgpool::watchdog
