// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/ledger.h"

#include <gtest/gtest.h>

namespace pgpool::session {
namespace {

using Limit = Ledger::Limit;

const Ledger::Key kAmy{"amy", "app", NodeId(0)};
const Ledger::Key kBob{"bob", "app", NodeId(0)};

config::Pool limits(std::uint32_t size, std::uint32_t of_node) {
    config::Pool limits;
    limits.size = size;
    limits.max_server_connections = of_node;
    return limits;
}

TEST(Ledger, WhatIsApartTakesNoPlaceInThePool) {
    Ledger ledger;
    EXPECT_EQ(ledger.reserve(kAmy, limits(1, 0)), Limit::None);
    EXPECT_EQ(ledger.reserve(kAmy, limits(1, 0)), Limit::Pool);
    EXPECT_EQ(ledger.reserve_apart(kAmy, limits(1, 0)), Limit::None);
    ledger.release(kAmy);
    EXPECT_EQ(ledger.reserve(kAmy, limits(1, 0)), Limit::None);
}

TEST(Ledger, WhatIsApartCountsForTheOtherLimits) {
    Ledger ledger;
    EXPECT_EQ(ledger.reserve_apart(kAmy, limits(20, 2)), Limit::None);
    EXPECT_EQ(ledger.reserve_apart(kBob, limits(20, 2)), Limit::None);
    EXPECT_EQ(ledger.reserve_apart(kAmy, limits(20, 2)), Limit::Node);
    EXPECT_EQ(ledger.reserve(kBob, limits(20, 2)), Limit::Node);
    ledger.release_apart(kAmy);
    EXPECT_EQ(ledger.reserve(kBob, limits(20, 2)), Limit::None);

    config::Pool one_of_amy;
    one_of_amy.max_user_connections = 1;
    EXPECT_EQ(ledger.reserve_apart(kAmy, one_of_amy), Limit::None);
    EXPECT_EQ(ledger.reserve_apart(kAmy, one_of_amy), Limit::User);
}

TEST(Ledger, TheEndOfOneApartWakesWhoWishes) {
    Ledger ledger;
    EXPECT_EQ(ledger.reserve_apart(kAmy, limits(20, 1)), Limit::None);
    int woken = 0;
    EXPECT_TRUE(ledger.wish(kBob, 1, Limit::Node, 0, [&] { ++woken; }));
    ledger.release_apart(kAmy);
    EXPECT_EQ(woken, 1);
    EXPECT_FALSE(ledger.any_wish());
}

}  // namespace
}  // namespace pgpool::session
