// SPDX-License-Identifier: PostgreSQL
#include "vip/tenure/announcements.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgpool::vip {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(Announcements, ManyAtFirstThenOnePerPeriod) {
    Announcements announcements(60s);
    EXPECT_EQ(announcements.next(), kNever);
    const BootTime began(1000s);
    announcements.begin(began);
    std::vector<BootDuration> made;
    while (made.size() < 9) {
        const BootTime now = announcements.next();
        EXPECT_FALSE(announcements.take_due(now - 1ms));
        EXPECT_TRUE(announcements.take_due(now));
        made.push_back(now - began);
    }
    EXPECT_EQ(made, (std::vector<BootDuration>{0ms, 50ms, 150ms, 400ms, 1s, 5s, 65s, 125s, 185s}));
}

TEST(Announcements, AStallIsNoBurst) {
    Announcements announcements(60s);
    announcements.begin(BootTime(0s));
    EXPECT_TRUE(announcements.take_due(BootTime(0s)));
    EXPECT_TRUE(announcements.take_due(BootTime(200s)));
    EXPECT_FALSE(announcements.take_due(BootTime(200s)));
    EXPECT_EQ(announcements.next(), BootTime(245s));
}

TEST(Announcements, BeginningAnewIsDueAtOnce) {
    Announcements announcements(60s);
    announcements.begin(BootTime(0s));
    EXPECT_TRUE(announcements.take_due(BootTime(30s)));
    announcements.begin(BootTime(31s));
    EXPECT_TRUE(announcements.take_due(BootTime(31s)));
    EXPECT_EQ(announcements.next(), BootTime(31s + 50ms));
}

}  // namespace
}  // namespace pgpool::vip
