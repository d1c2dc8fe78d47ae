// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/lineage.h"

#include <gtest/gtest.h>

namespace pgpool::decide {
namespace {

const Lineage kThird{3, {{1, Lsn(100)}, {2, Lsn(200)}}};

TEST(Lineage, Kinship) {
    EXPECT_EQ(kinship(kThird, Lsn(1'000), kThird), Kinship::Same);
    EXPECT_EQ(kinship({2, {{1, Lsn(100)}}}, Lsn(200), kThird), Kinship::Behind);
    EXPECT_EQ(kinship({2, {{1, Lsn(100)}}}, Lsn(201), kThird), Kinship::Diverged);
    EXPECT_EQ(kinship({1, {}}, Lsn(100), kThird), Kinship::Behind);
    EXPECT_EQ(kinship({1, {}}, Lsn(150), kThird), Kinship::Diverged);
    EXPECT_EQ(kinship({4, {{1, Lsn(100)}, {2, Lsn(200)}, {3, Lsn(300)}}}, Lsn(310), kThird),
              Kinship::Promoted);
    EXPECT_EQ(kinship({4, {{1, Lsn(100)}, {2, Lsn(180)}}}, Lsn(190), kThird), Kinship::Foreign);
    EXPECT_EQ(kinship({3, {{1, Lsn(100)}, {2, Lsn(199)}}}, Lsn(210), kThird), Kinship::Foreign)
        << "a namesake";
    EXPECT_EQ(kinship({}, Lsn(190), kThird), Kinship::Unknown);
    EXPECT_EQ(kinship(kThird, Lsn(190), {}), Kinship::Unknown);
}

TEST(Lineage, WhoCanFollow) {
    EXPECT_TRUE(can_follow(Kinship::Same));
    EXPECT_TRUE(can_follow(Kinship::Behind));
    for (const Kinship kin : {Kinship::Unknown, Kinship::Diverged, Kinship::Promoted, Kinship::Foreign}) {
        EXPECT_FALSE(can_follow(kin));
        EXPECT_FALSE(describe(kin, {4, {}}, kThird).empty());
    }
}

}  // namespace
}  // namespace pgpool::decide
