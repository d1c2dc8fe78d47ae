// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/parking.h"

#include <gtest/gtest.h>

namespace pgpool::watchdog {
namespace {

const Parking::Proxy kOne{"m1", ipc::ClientId(1)};
const Parking::Proxy kTwo{"m2"};
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

TEST(Parking, WhoCannotEndAnythingIsNotWaitedFor) {
    Parking parking;
    EXPECT_FALSE(parking.keep({}));
    EXPECT_FALSE(parking.begin({kOne, kTwo}, kUnder));
    EXPECT_FALSE(parking.keep({kOne, kTwo}));
    EXPECT_FALSE(parking.keep({kTwo}));
    EXPECT_TRUE(parking.keep({kOne})) << "the other one was struck off before";
    EXPECT_FALSE(parking.keep({})) << "once";
}

TEST(Parking, WhatWasToldByWhoIsGoneDoesNotCount) {
    Parking parking;
    EXPECT_FALSE(parking.told(kOne, parked(5, 0)));
    parking.gone(kOne);
    EXPECT_FALSE(parking.begin({kOne}, kUnder));
}

TEST(Parking, WhatIsUnderWayIsKnownOnceAllHaveToldIt) {
    Parking parking;
    EXPECT_EQ(parking.under_way({}, kUnder), 0U);
    EXPECT_FALSE(parking.told(kOne, parked(5, 2)));
    EXPECT_EQ(parking.under_way({kOne, kTwo}, kUnder), std::nullopt);
    EXPECT_FALSE(parking.told(kTwo, parked(4, 3)));
    EXPECT_EQ(parking.under_way({kOne, kTwo}, kUnder), std::nullopt) << "that was before";
    EXPECT_FALSE(parking.told(kTwo, parked(6, 3)));
    EXPECT_EQ(parking.under_way({kOne, kTwo}, kUnder), 5U);
}

TEST(Parking, IsCancelled) {
    Parking parking;
    EXPECT_FALSE(parking.begin({kOne}, kUnder));
    parking.cancel();
    EXPECT_FALSE(parking.told(kOne, parked(5, 0)));
}

}  // namespace
}  // namespace pgpool::watchdog
