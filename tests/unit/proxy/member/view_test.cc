// SPDX-License-Identifier: PostgreSQL
#include "proxy/member/view.h"

#include <gmock/gmock.h>

#include <string>

namespace pgpool::member {
namespace {

using config::Durability;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr BootTime at(std::int64_t ms) {
    return BootTime(milliseconds(ms));
}

bus::Topology topology(std::uint64_t epoch, std::uint64_t revision, std::string primary) {
    bus::Topology whole{.epoch = epoch, .revision = revision, .nodes = {}};
    for (const char* name : {"a", "b"}) {
        bus::Node node;
        node.id = static_cast<std::uint16_t>(whole.nodes.size());
        node.name = name;
        node.role = primary == name ? bus::NodeRole::Primary : bus::NodeRole::Standby;
        node.state = bus::NodeState::Up;
        whole.nodes.push_back(node);
    }
    return whole;
}

bus::LeaseView lease(std::uint64_t epoch, std::int64_t until_ms) {
    return {.epoch = epoch, .holder = 2, .holder_name = "m2", .deadline_ns = until_ms * 1'000'000};
}

View::News add(View& view, bus::Topology page) {
    const auto news = view.add(std::move(page));
    EXPECT_TRUE(news) << (news ? "" : news.error().message);
    return news.value_or(View::News::Incomplete);
}

std::string primary_of(const cluster::Decision& decision) {
    for (const auto& node : decision.nodes) {
        if (node.role == cluster::Role::Primary) return node.name;
    }
    return "";
}

TEST(View, NothingIsInForceBeforeATopologyWasTold) {
    View view(Durability::Strict);
    EXPECT_THAT(view.decision(at(0)).withheld, HasSubstr("cannot be reached: it was not asked yet"));
    view.down("Connection refused");
    EXPECT_EQ(view.decision(at(0)).withheld, "the watchdog cannot be reached: Connection refused");
    view.up("m1");
    EXPECT_EQ(view.decision(at(0)).withheld, "the watchdog has not said yet which node is primary");
    EXPECT_EQ(view.decision(at(0)).revision, std::nullopt);
    EXPECT_EQ(add(view, topology(1, 1, "a")), View::News::Newer);
    EXPECT_THAT(view.decision(at(0)).withheld, IsEmpty());
    EXPECT_EQ(primary_of(view.decision(at(0))), "a");
}

TEST(View, ATopologyIsInForceOnceItsLastPageIsThere) {
    View view(Durability::Strict);
    view.up("m1");
    bus::Topology first = topology(3, 4, "a");
    bus::Topology second = first;
    first.page = {.index = 0, .count = 2};
    second.page = {.index = 1, .count = 2};
    second.nodes[0].name = "c";
    second.nodes[0].role = bus::NodeRole::Standby;
    second.nodes.pop_back();
    EXPECT_EQ(add(view, first), View::News::Incomplete);
    EXPECT_EQ(view.decision(at(0)).revision, std::nullopt);
    EXPECT_EQ(add(view, second), View::News::Newer);
    EXPECT_EQ(view.decision(at(0)).nodes.size(), 3U);
    EXPECT_FALSE(view.add(second)) << "a second page without its first";
    EXPECT_EQ(view.decision(at(0)).nodes.size(), 3U) << "what was in force is";
}

TEST(View, PagesOfAHubThatDiedAreForgotten) {
    View view(Durability::Strict);
    view.up("m1");
    bus::Topology page = topology(3, 4, "a");
    page.page = {.index = 0, .count = 2};
    EXPECT_EQ(add(view, page), View::News::Incomplete);
    view.down("it ended");
    view.up("m1");
    page.page.index = 1;
    EXPECT_FALSE(view.add(page));
}

TEST(View, AnOlderTopologyIsIgnored) {
    View view(Durability::Strict);
    view.up("m1");
    EXPECT_EQ(add(view, topology(7, 3, "b")), View::News::Newer);
    EXPECT_EQ(add(view, topology(7, 2, "a")), View::News::Older);
    EXPECT_EQ(add(view, topology(6, 9, "a")), View::News::Older);
    EXPECT_EQ(add(view, topology(7, 3, "a")), View::News::Same);
    EXPECT_EQ(view.ignored(), 2U);
    view.down("restart");
    view.up("m1");
    EXPECT_EQ(add(view, topology(6, 10, "a")), View::News::Older) << "also of the next hub";
    EXPECT_EQ(primary_of(view.decision(at(0))), "b");
    EXPECT_EQ(add(view, topology(8, 1, "a")), View::News::Newer);
    EXPECT_EQ(primary_of(view.decision(at(0))), "a");
}

TEST(View, StrictNeedsNoLease) {
    View view(Durability::Strict);
    view.up("m1");
    add(view, topology(7, 3, "b"));
    EXPECT_THAT(view.decision(at(1'000'000)).withheld, IsEmpty());
    view.down("gone");
    EXPECT_THAT(view.decision(at(1'000'000)).withheld, IsEmpty()) << "the last word stays in force";
    EXPECT_FALSE(view.needs_lease());
}

TEST(View, AvailableHoldsUntilTheDeadlineAndNoLonger) {
    View view(Durability::Available);
    view.up("m1");
    add(view, topology(7, 3, "b"));
    EXPECT_THAT(view.decision(at(0)).withheld, HasSubstr("lease")) << "none was told";
    view.add(lease(7, 1600));
    EXPECT_THAT(view.decision(at(1599)).withheld, IsEmpty());
    EXPECT_THAT(view.decision(at(1600)).withheld, HasSubstr("lease"));
    EXPECT_EQ(view.decision(at(1600)).revision, (cluster::Revision{7, 3})) << "standbys serve on";
    view.down("Connection refused");
    EXPECT_THAT(view.decision(at(1599)).withheld, IsEmpty());
    EXPECT_THAT(view.decision(at(1600)).withheld, HasSubstr("cannot be reached: Connection refused"));
    view.up("m1");
    view.add(lease(8, 5000));
    EXPECT_THAT(view.decision(at(4999)).withheld, IsEmpty());
}

TEST(View, WhatALeaseHasPromisedIsNotTakenBack) {
    View view(Durability::Available);
    view.up("m1");
    add(view, topology(7, 3, "b"));
    view.add(lease(7, 1600));
    view.add(bus::LeaseView{.epoch = 8});  // released; nobody has it yet
    EXPECT_THAT(view.decision(at(1599)).withheld, IsEmpty());
    view.add(lease(7, 9000));
    EXPECT_EQ(view.good_until(), at(1600)) << "of an epoch that is over";
    view.add_deadline(at(3000));  // the page of this member, which has it now
    EXPECT_EQ(view.good_until(), at(3000));
    view.add_deadline(BootTime::min());
    EXPECT_EQ(view.good_until(), at(3000));
}

}  // namespace
}  // namespace pgpool::member
