// SPDX-License-Identifier: PostgreSQL
#include "vip/duty/client_list.h"

#include <gtest/gtest.h>

namespace pgpool::vip {
namespace {

constexpr bus::Endpoint kClient{.family = bus::Family::V4, .address = {10, 0, 0, 9}, .port = 40000};
constexpr bus::Endpoint kServer{.family = bus::Family::V4, .address = {10, 0, 0, 100}, .port = 5432};
constexpr bus::Endpoint kClient6{.family = bus::Family::V6, .address = {0xfd, 1}, .port = 7};
constexpr bus::Endpoint kServer6{.family = bus::Family::V6, .address = {0xfd, 2}, .port = 8};

TEST(ClientList, BothFamiliesAreTaken) {
    const auto found = connections_of({.connections = {{kClient, kServer}, {kClient6, kServer6}}});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].own.text(), "10.0.0.100:5432");
    EXPECT_EQ(found[0].client.text(), "10.0.0.9:40000");
    EXPECT_EQ(found[1].own.text(), "[fd02::]:8");
    EXPECT_EQ(found[1].client.text(), "[fd01::]:7");
}

TEST(ClientList, WhatCanBeNoConnectionIsLeftOut) {
    EXPECT_TRUE(connections_of({.connections = {{kClient, kServer6}, {{}, kServer}, {kClient, {}}}}).empty());
}

TEST(ClientList, AnAddressInsideOfIpv6IsTheIpv4One) {
    bus::Endpoint mapped{.family = bus::Family::V6, .port = 40000};
    mapped.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 9};
    EXPECT_EQ(connections_of({.connections = {{mapped, kServer}}}).at(0).client.text(), "10.0.0.9:40000");
}

}  // namespace
}  // namespace pgpool::vip
