// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/roster.h"

#include <gtest/gtest.h>

namespace pgpool::watchdog {
namespace {

const group::Process kOne{1, 11};
const group::Process kTwo{2, 22};
const TimePoint kNow{seconds(100)};

group::message::Told told(const std::string& name) {
    group::message::Told told;
    told.name = name;
    return told;
}

TEST(Roster, KnowsWhoHasTold) {
    Roster roster;
    roster.view_changed({{}, {kOne, kTwo}});
    EXPECT_TRUE(roster.names().empty());
    roster.told(kOne, told("m1"));
    roster.told(kTwo, told("m2"));
    roster.told({3, 33}, told("stranger"));
    EXPECT_EQ(roster.names(), (std::vector<std::string>{"m1", "m2"}));
    EXPECT_EQ(roster.name_of(kTwo), "m2");
    EXPECT_EQ(roster.protocol_of("m2"), group::kProtocol);
    EXPECT_FALSE(roster.is_in("stranger"));
    roster.view_changed({{}, {kOne}});
    EXPECT_TRUE(roster.is_in("m1") && !roster.is_in("m2")) << "who stays keeps its name";
    roster.lost();
    EXPECT_FALSE(roster.is_in("m1"));
}

TEST(Roster, TheHolderIsWhoSaidSoLastUnderTheHighestEpoch) {
    Roster roster;
    roster.view_changed({{}, {kOne, kTwo}});
    roster.told(kOne, told("m1"));
    roster.told(kTwo, told("m2"));
    EXPECT_FALSE(roster.holder(kNow));
    roster.heard(kOne, 5, kNow);
    ASSERT_TRUE(roster.holder(kNow));
    EXPECT_EQ(roster.holder(kNow)->name, "m1");
    roster.heard(kTwo, 6, kNow);
    EXPECT_EQ(roster.holder(kNow)->name, "m2") << "m1 has not noticed yet";
    EXPECT_EQ(roster.holder(kNow)->epoch, 6U);
    EXPECT_FALSE(roster.holder(kNow + Roster::kSilence)) << "nobody was heard since";
    roster.heard(kTwo, 0, kNow);
    EXPECT_EQ(roster.holder(kNow)->name, "m1");
}

}  // namespace
}  // namespace pgpool::watchdog
