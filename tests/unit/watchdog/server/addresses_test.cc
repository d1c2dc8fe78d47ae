// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/addresses.h"

#include <gtest/gtest.h>

namespace pgpool::watchdog {
namespace {

constexpr const char* kFour = "10.0.0.100";
constexpr const char* kSix = "fd00::100";

bus::VipState at_phase(const std::string& address, bus::VipPhase phase) {
    return {.address = address, .device = "eth0", .phase = phase, .epoch = 7};
}

bus::VipState held(const std::string& address) {
    return at_phase(address, bus::VipPhase::Held);
}

bus::Connection connection(std::uint16_t port) {
    return {.client = {.family = bus::Family::V4, .address = {10, 0, 0, 1}, .port = port},
            .server = {.family = bus::Family::V4, .address = {10, 0, 0, 100}, .port = 5432}};
}

bus::Connection connection6(std::uint16_t port) {
    bus::Connection one{.client = {.family = bus::Family::V6, .address = {0xfd}, .port = port},
                        .server = {.family = bus::Family::V6, .address = {0xfd}, .port = 5432}};
    one.client.address[15] = 1;
    one.server.address[14] = 1;
    return one;
}

bus::ClientList list_of(std::uint64_t revision, std::vector<bus::Connection> connections) {
    return {.revision = revision, .page = {}, .connections = std::move(connections)};
}

bus::ClientList list_of(std::vector<bus::Connection> connections) {
    return list_of(1, std::move(connections));
}

using Connections = std::vector<bus::Connection>;

Connections of(const std::vector<bus::ClientList>& pages) {
    EXPECT_EQ(pages.size(), 1U);
    return pages.at(0).connections;
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
    EXPECT_FALSE(addresses.told("m1", list_of(9, {})).value());
    EXPECT_EQ(of(addresses.clients()), (Connections{connection(5), connection(6)}));
    addresses.forget_others();
    EXPECT_EQ(of(addresses.clients()).size(), 2U) << "who is gone had clients";
    ASSERT_TRUE(addresses.told("m2", list_of(1, {})).value());
    EXPECT_TRUE(of(addresses.clients()).empty());
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
    addresses.told("m1", held(kFour));
    addresses.told("m2", held("b"));
    ASSERT_TRUE(addresses.told("m1", list_of({connection(5)})).value());
    ASSERT_TRUE(addresses.told("m2", list_of({connection(6)})).value());
    const auto own = addresses.own();
    ASSERT_EQ(own.size(), 2U);
    EXPECT_EQ(std::get<bus::VipState>(own[0]), held(kFour));
    EXPECT_EQ(std::get<bus::ClientList>(own[1]).connections, Connections{connection(5)});
}

TEST(Addresses, WhoIsConnectedChangesWhileTheAddressIsHeld) {
    Addresses addresses("m1");
    EXPECT_FALSE(addresses.told("m1", list_of({connection(5)})).value())
        << "it is not here, as far as we know";
    EXPECT_TRUE(of(addresses.clients()).empty());
    EXPECT_TRUE(addresses.told("m1", held(kFour))) << "the proxy's word was the faster one";
    EXPECT_EQ(of(addresses.clients()), Connections{connection(5)});
    EXPECT_TRUE(addresses.told("m1", list_of({connection(6)})).value());
    EXPECT_EQ(of(addresses.clients()), Connections{connection(6)});
    EXPECT_FALSE(addresses.told("m1", at_phase(kFour, bus::VipPhase::Conflict)));
    EXPECT_TRUE(addresses.told("m1", list_of({})).value()) << "they have left, or the proxy has begun anew";
    EXPECT_TRUE(of(addresses.clients()).empty());
}

TEST(Addresses, ThoseWhoseConnectionsAreClosedByTheReleaseAreKept) {
    for (const auto phase : {bus::VipPhase::Releasing, bus::VipPhase::Absent, bus::VipPhase::Probing}) {
        Addresses addresses("m1");
        addresses.told("m1", held(kFour));
        ASSERT_TRUE(addresses.told("m1", list_of({connection(5)})).value());
        EXPECT_FALSE(addresses.told("m1", at_phase(kFour, phase)));
        EXPECT_FALSE(addresses.told("m1", list_of({})).value()) << "nothing to tell the other members";
        EXPECT_EQ(of(addresses.clients()), Connections{connection(5)});
        EXPECT_EQ(of(addresses.own_clients()), Connections{connection(5)});
        EXPECT_TRUE(addresses.told("m1", held(kFour))) << "here again, and nobody is connected";
        EXPECT_TRUE(of(addresses.clients()).empty());
    }
}

TEST(Addresses, AnOrderToLetGoComesBeforeAllWords) {
    Addresses addresses("m1");
    addresses.told("m1", held(kFour));
    ASSERT_TRUE(addresses.told("m1", list_of({connection(5)})).value());
    addresses.let_go();
    EXPECT_FALSE(addresses.told("m1", list_of({})).value());
    EXPECT_EQ(of(addresses.own_clients()), Connections{connection(5)});
}

TEST(Addresses, WithoutAManagerTheClientsAreThoseTheAddressHadLast) {
    Addresses addresses("m1");
    addresses.told("m1", held(kFour));
    ASSERT_TRUE(addresses.told("m1", list_of({connection(5)})).value());
    addresses.manager_gone();
    EXPECT_FALSE(addresses.told("m1", list_of({})).value());
    EXPECT_EQ(of(addresses.own_clients()), Connections{connection(5)});
}

TEST(Addresses, TheNextHolderHasToldThem) {
    Addresses old("m1"), next("m2");
    old.told("m1", held(kFour));
    ASSERT_TRUE(old.told("m1", list_of({connection(5)})).value());
    old.let_go();
    ASSERT_TRUE(next.told("m1", old.own_clients().at(0)).value());
    EXPECT_EQ(of(next.clients()), Connections{connection(5)});
    for (Addresses* one : {&old, &next}) {
        EXPECT_FALSE(one->told("m1", at_phase(kFour, bus::VipPhase::Absent)));
        EXPECT_TRUE(one->told("m2", held(kFour)));
        EXPECT_TRUE(of(one->clients()).empty());
    }
    EXPECT_EQ(old.own().size(), 1U) << "who comes later hears nothing of them";
    ASSERT_TRUE(next.told("m2", list_of({connection(7)})).value());
    EXPECT_EQ(of(next.clients()), Connections{connection(7)});
}

// A member that stands still does not say that it has let go.
TEST(Addresses, WhoseMemberSaysThatItHoldsTheAddressIsKept) {
    Addresses addresses("m2");
    addresses.told("m1", held(kFour));
    ASSERT_TRUE(addresses.told("m1", list_of({connection(5)})).value());
    EXPECT_FALSE(addresses.told("m2", held(kFour)));
    EXPECT_EQ(of(addresses.clients()), Connections{connection(5)});
    EXPECT_TRUE(addresses.told("m1", at_phase(kFour, bus::VipPhase::Absent)));
    EXPECT_TRUE(of(addresses.clients()).empty());
}

TEST(Addresses, EachAddressIsJudgedByItself) {
    Addresses addresses("m1");
    addresses.told("m1", held(kFour));
    addresses.told("m1", held(kSix));
    ASSERT_TRUE(addresses.told("m1", list_of({connection(5), connection6(6)})).value());
    addresses.told("m1", at_phase(kFour, bus::VipPhase::Absent));  // its cable is out
    EXPECT_TRUE(addresses.told("m1", list_of({connection6(7)})).value());
    EXPECT_EQ(of(addresses.clients()), (Connections{connection6(7), connection(5)}));
    EXPECT_TRUE(addresses.told("m2", held(kFour)));
    EXPECT_EQ(of(addresses.clients()), Connections{connection6(7)});
}

// A watchdog that was started anew knows nobody; the others know whom it had.
TEST(Addresses, WhoComesBackTellsNoListOfNobody) {
    Addresses addresses("m1");
    EXPECT_FALSE(addresses.told("m1", list_of({connection(5)})).value());
    EXPECT_TRUE(addresses.own().empty());
    EXPECT_FALSE(addresses.told("m1", list_of({})).value());
    EXPECT_TRUE(addresses.own().empty());
}

}  // namespace
}  // namespace pgpool::watchdog
