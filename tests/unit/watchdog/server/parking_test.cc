// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/parking.h"

#include <gtest/gtest.h>

namespace pgpool::watchdog {
namespace {

constexpr ipc::ClientId kOne{1};
constexpr ipc::ClientId kTwo{2};
constexpr group::Stamp kUnder{3, 5};

bus::Parked parked(std::uint64_t revision, std::uint32_t clients) {
    return {.epoch = 3, .revision = revision, .clients_in_transaction = clients};
}

TEST(Parking, WithoutProxiesNothingIsWaitedFor) {
    Parking parking;
    EXPECT_TRUE(parking.begin({}, kUnder));
}

TEST(Parking, EndsWhenTheLastProxyHasNothingUnderWay) {
    Parking parking;
    EXPECT_FALSE(parking.begin({kOne, kTwo}, kUnder));
    EXPECT_FALSE(parking.told(kOne, parked(5, 2)));
    EXPECT_FALSE(parking.told(kTwo, parked(5, 0)));
    EXPECT_FALSE(parking.told(kOne, parked(4, 0))) << "that was another parking";
    EXPECT_TRUE(parking.told(kOne, parked(5, 0)));
    EXPECT_FALSE(parking.told(kOne, parked(5, 0))) << "once";
}

TEST(Parking, WhatWasToldBeforeItBeginsCounts) {
    Parking parking;
    EXPECT_FALSE(parking.told(kOne, parked(5, 0)));
    EXPECT_FALSE(parking.told(kTwo, parked(4, 0)));
    EXPECT_FALSE(parking.begin({kOne, kTwo}, kUnder));
    EXPECT_TRUE(parking.told(kTwo, parked(5, 0)));
    EXPECT_TRUE(parking.begin({kOne}, kUnder));
    EXPECT_FALSE(parking.begin({kOne}, {3, 6})) << "the next one is not told of yet";
}

TEST(Parking, WhoIsGoneIsNotWaitedFor) {
    Parking parking;
    EXPECT_FALSE(parking.begin({kOne, kTwo}, kUnder));
    EXPECT_FALSE(parking.gone(kOne));
    EXPECT_TRUE(parking.gone(kTwo));
    EXPECT_FALSE(parking.gone(kTwo));
}

TEST(Parking, IsCancelled) {
    Parking parking;
    EXPECT_FALSE(parking.begin({kOne}, kUnder));
    parking.cancel();
    EXPECT_FALSE(parking.told(kOne, parked(5, 0)));
}

}  // namespace
}  // namespace pgpool::watchdog
