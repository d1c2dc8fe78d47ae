// SPDX-License-Identifier: PostgreSQL
#include "common/bus/version.h"

#include <gtest/gtest.h>

namespace pgpool::bus {
namespace {

bool may_talk(Version a, Version b) {
    const bool may = check_version(a, b, "x").has_value();
    EXPECT_EQ(may, check_version(b, a, "x").has_value()) << "both ends must come to the same";
    return may;
}

TEST(BusVersion, NeighboursTalk) {
    EXPECT_TRUE(may_talk({1, 4}, {1, 4}));
    EXPECT_TRUE(may_talk({1, 4}, {1, 5}));
    EXPECT_FALSE(may_talk({1, 4}, {1, 6}));
    EXPECT_FALSE(may_talk({1, 4}, {2, 4}));
    EXPECT_TRUE(may_talk({1, 65534}, {1, 65535}));
    EXPECT_FALSE(may_talk({1, 0}, {1, 65535}));
}

TEST(BusVersion, TheRefusalSaysWhatToDo) {
    const auto old = check_version({1, 4}, {1, 2}, "pgpool-vip");
    EXPECT_EQ(old.error().message,
              "pgpool-vip speaks version 1.2 of the bus, this program 1.4: they may differ by one in the "
              "second number");
    EXPECT_EQ(old.error().hint, "Restart pgpool-vip with the same release of the appliance.");
    const auto newer = check_version({1, 4}, {2, 0}, "pgpool-vip");
    EXPECT_EQ(
        newer.error().message,
        "pgpool-vip speaks version 2.0 of the bus, this program 1.4: they must be equal in the first number");
    EXPECT_EQ(newer.error().hint, "Restart this program with the same release of the appliance.");
}

}  // namespace
}  // namespace pgpool::bus
