// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/service_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgpool::watchdog {
namespace {

// Time goes on in steps of a quarter of a second, in each of which all members are heard.
class ServiceWatchTest : public testing::Test {
protected:
    void pass(Duration time) {
        for (const TimePoint end = now + time; now < end; now += milliseconds(250)) {
            watch.seen("m1", here, now);
            if (is_heard) watch.seen("m2", there, now);
        }
    }
    [[nodiscard]] std::optional<std::string> better() const {
        return watch.better("m1", others, now - milliseconds(250));
    }

    ServiceWatch watch;
    std::vector<std::string> others{"m2"};
    TimePoint now{seconds(100)};
    bool here = true;
    bool there = true;
    bool is_heard = true;
};

TEST_F(ServiceWatchTest, ServesAsLongAsItSaysSo) {
    EXPECT_FALSE(watch.serves("m2", now)) << "it was not heard yet";
    pass(milliseconds(250));
    EXPECT_TRUE(watch.serves("m2", now));
    is_heard = false;
    pass(ServiceWatch::kGap);
    EXPECT_FALSE(watch.serves("m2", now));
    is_heard = true;
    there = false;
    pass(milliseconds(250));
    EXPECT_FALSE(watch.serves("m2", now));
}

TEST_F(ServiceWatchTest, WhatIsGoneMovesTheAddressesToWhoHasIt) {
    pass(seconds(20));
    EXPECT_EQ(better(), std::nullopt);
    here = false;
    pass(seconds(1));
    EXPECT_EQ(better(), std::nullopt) << "it may be restarting";
    pass(seconds(2));
    EXPECT_EQ(better(), "m2");
    here = true;
    pass(milliseconds(250));
    EXPECT_EQ(better(), std::nullopt) << "it has come back";
}

TEST_F(ServiceWatchTest, NothingMovesToWhoDoesNotServeEither) {
    here = there = false;
    pass(seconds(20));
    EXPECT_EQ(better(), std::nullopt);
    there = true;
    pass(seconds(9));
    EXPECT_EQ(better(), std::nullopt) << "not yet";
    there = false;
    pass(seconds(1));
    there = true;
    pass(seconds(9));
    EXPECT_EQ(better(), std::nullopt) << "it comes and goes";
    pass(seconds(2));
    EXPECT_EQ(better(), "m2");
    others.clear();
    EXPECT_EQ(better(), std::nullopt) << "it is not in the group";
}

TEST_F(ServiceWatchTest, WhoIsNotHeardOfBeginsAnew) {
    here = false;
    pass(seconds(20));
    is_heard = false;
    pass(seconds(3));
    EXPECT_EQ(better(), std::nullopt);
    is_heard = true;
    pass(seconds(3));
    EXPECT_EQ(better(), std::nullopt) << "what was before the break does not count";
    pass(seconds(8));
    EXPECT_EQ(better(), "m2");
}

TEST_F(ServiceWatchTest, AMemberGivesTheLeaseAwayOnceAMinuteAtMost) {
    here = false;
    pass(seconds(20));
    ASSERT_EQ(better(), "m2");
    watch.moved(now);
    pass(seconds(59));
    EXPECT_EQ(better(), std::nullopt);
    pass(seconds(2));
    EXPECT_EQ(better(), "m2");
}

}  // namespace
}  // namespace pgpool::watchdog
