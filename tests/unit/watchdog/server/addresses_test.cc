// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/addresses.h"

#include <gtest/gtest.h>

namespace pgpool::watchdog {
namespace {

bus::VipState held(const std::string& address) {
    return {.address = address, .device = "eth0", .phase = bus::VipPhase::Held, .epoch = 7};
}

bus::Connection connection(std::uint16_t port) {
    bus::Connection one;
    one.client = {.family = bus::Family::V4, .address = {10, 0, 0, 1}, .port = port};
    return one;
}

bus::ClientList list_of(std::uint64_t revision, std::vector<bus::Connection> connections) {
    return {.revision = revision, .page = {}, .connections = std::move(connections)};
}

TEST(Addresses, WhatAMemberHasToldLastCounts) {
    Addresses addresses("m1");
    addresses.told("m1", held("a"));
    addresses.told("m2", held("a"));
    addresses.told("m2", {.address = "a", .device = "eth0", .phase = bus::VipPhase::Absent});
    const auto states = addresses.states();
    ASSERT_EQ(states.size(), 2U);
    EXPECT_EQ(states[0].member, "m1");
    EXPECT_EQ(states[0].state, held("a"));
    EXPECT_EQ(states[1].member, "m2");
    EXPECT_EQ(states[1].state.phase, bus::VipPhase::Absent);
}

TEST(Addresses, OfOthersItCountsUntilTheViewChanges) {
    Addresses addresses("m1");
    addresses.told("m1", held("a"));
    addresses.told("m2", held("b"));
    addresses.forget_others();
    ASSERT_EQ(addresses.states().size(), 1U);
    EXPECT_EQ(addresses.states()[0].member, "m1");
}

TEST(Addresses, WithoutAManagerTheStateIsUnknown) {
    Addresses addresses("m1");
    addresses.manager_gone();
    EXPECT_TRUE(addresses.states().empty());
    addresses.told("m1", held("a"));
    addresses.manager_gone();
    ASSERT_EQ(addresses.states().size(), 1U);
    EXPECT_EQ(addresses.states()[0].state.phase, bus::VipPhase::Unknown);
    EXPECT_EQ(addresses.states()[0].state.address, "a");
}

TEST(Addresses, AListOfNobodyDoesNotReplaceTheClientsOfAnotherMember) {
    Addresses addresses("m1");
    ASSERT_TRUE(addresses.told("m2", list_of(4, {connection(5), connection(6)})).value());
    ASSERT_TRUE(addresses.told("m1", list_of(9, {})).value());
    auto pages = addresses.clients();
    ASSERT_EQ(pages.size(), 1U);
    EXPECT_EQ(pages[0].connections, (std::vector{connection(5), connection(6)}));
    addresses.forget_others();
    EXPECT_EQ(addresses.clients()[0].connections.size(), 2U) << "who is gone had clients";
    ASSERT_TRUE(addresses.told("m2", list_of(1, {})).value());
    EXPECT_TRUE(addresses.clients()[0].connections.empty());
}

TEST(Addresses, AListCountsWhenItIsWhole) {
    Addresses addresses("m1");
    bus::ClientList first = list_of(4, {connection(5)});
    first.page = {.index = 0, .count = 2};
    bus::ClientList second = list_of(4, {connection(6)});
    second.page = {.index = 1, .count = 2};
    EXPECT_FALSE(addresses.told("m2", first).value());
    EXPECT_TRUE(addresses.clients()[0].connections.empty());
    EXPECT_FALSE(addresses.told("m3", first).value()) << "pages of two members do not mix";
    EXPECT_TRUE(addresses.told("m2", second).value());
    EXPECT_EQ(addresses.clients()[0].connections, (std::vector{connection(5), connection(6)}));
    EXPECT_FALSE(addresses.told("m2", second).has_value());
}

TEST(Addresses, WhoComesLaterIsToldWhatThisMemberHasTold) {
    Addresses addresses("m1");
    EXPECT_TRUE(addresses.own().empty());
    addresses.told("m1", held("a"));
    addresses.told("m2", held("b"));
    ASSERT_TRUE(addresses.told("m1", list_of(3, {connection(5)})).value());
    ASSERT_TRUE(addresses.told("m2", list_of(8, {connection(6)})).value());
    const auto own = addresses.own();
    ASSERT_EQ(own.size(), 2U);
    EXPECT_EQ(std::get<bus::VipState>(own[0]), held("a"));
    EXPECT_EQ(std::get<bus::ClientList>(own[1]), list_of(3, {connection(5)}));
}

}  // namespace
}  // namespace pgpool::watchdog
