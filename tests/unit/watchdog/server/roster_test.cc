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
    roster.view_changed({{}, {kOne, kTwo}}, kNow);
    EXPECT_TRUE(roster.names().empty());
    roster.told(kOne, told("m1"));
    roster.told(kTwo, told("m2"));
    roster.told({3, 33}, told("stranger"));
    EXPECT_EQ(roster.names(), (std::vector<std::string>{"m1", "m2"}));
    EXPECT_EQ(roster.name_of(kTwo), "m2");
    EXPECT_EQ(roster.protocol_of("m2"), group::kProtocol);
    EXPECT_FALSE(roster.is_in("stranger"));
    roster.view_changed({{}, {kOne}}, kNow);
    EXPECT_TRUE(roster.is_in("m1") && !roster.is_in("m2")) << "who stays keeps its name";
    roster.lost();
    EXPECT_FALSE(roster.is_in("m1"));
}

TEST(Roster, TheHolderIsGoneUntilAnotherOneClaimsALaterLease) {
    Roster roster;
    roster.view_changed({{}, {kOne, kTwo}}, kNow);
    EXPECT_FALSE(roster.is_holder_gone()) << "nobody is known to have held it";
    roster.heard(kOne, 1, {7, {}}, kNow);
    EXPECT_FALSE(roster.is_holder_gone());
    roster.view_changed({{}, {kTwo}}, kNow);
    EXPECT_TRUE(roster.is_holder_gone());
    roster.view_changed({{}, {kOne, kTwo}}, kNow);
    EXPECT_TRUE(roster.is_holder_gone()) << "who comes back has not said that it holds it still";
    roster.heard(kOne, 2, {7, {}}, kNow);
    EXPECT_FALSE(roster.is_holder_gone());
    roster.view_changed({{}, {kTwo}}, kNow);
    roster.heard(kTwo, 1, {8, {}}, kNow);
    EXPECT_FALSE(roster.is_holder_gone()) << "a later one";
    roster.heard(kTwo, 2, {}, kNow);
    EXPECT_FALSE(roster.is_holder_gone()) << "which is handed over";
}

TEST(Roster, WhoHandedTheLeaseOverAndLeftIsNoHolderThatIsGone) {
    Roster roster;
    roster.view_changed({{}, {kOne, kTwo}}, kNow);
    roster.heard(kOne, 1, {7, {}}, kNow);
    roster.heard(kOne, 2, {}, kNow);
    roster.view_changed({{}, {kTwo}}, kNow);
    EXPECT_FALSE(roster.is_holder_gone());
}

TEST(Roster, TheHolderIsWhoSaidSoLastUnderTheHighestEpoch) {
    Roster roster;
    roster.view_changed({{}, {kOne, kTwo}}, kNow);
    roster.told(kOne, told("m1"));
    roster.told(kTwo, told("m2"));
    EXPECT_FALSE(roster.holder(kNow));
    roster.heard(kOne, 1, {5}, kNow);
    ASSERT_TRUE(roster.holder(kNow));
    EXPECT_EQ(roster.holder(kNow)->name, "m1");
    roster.heard(kTwo, 1, {6, BootTime(seconds(7))}, kNow);
    EXPECT_EQ(roster.holder(kNow)->name, "m2") << "m1 has not noticed yet";
    EXPECT_EQ(roster.holder(kNow)->epoch, 6U);
    EXPECT_EQ(roster.holder(kNow)->until, BootTime(seconds(7)));
    EXPECT_FALSE(roster.holder(kNow + Roster::kSilence)) << "nobody was heard since";
    roster.heard(kTwo, 2, {}, kNow);
    EXPECT_EQ(roster.holder(kNow)->name, "m1");
}

TEST(Roster, GivesBackTheLastSignOfLifeOfThoseThatAreIn) {
    Roster roster;
    roster.view_changed({{}, {kOne, kTwo}}, kNow);
    EXPECT_TRUE(roster.signs().empty()) << "nobody has sent one";
    roster.heard(kTwo, 10, {}, kNow);
    roster.heard(kTwo, 20, {}, kNow);
    roster.heard({3, 33}, 30, {}, kNow);
    EXPECT_EQ(roster.signs(), (std::vector<wire::Heard>{{kTwo, 20}}));
    roster.view_changed({{}, {kOne}}, kNow);
    EXPECT_TRUE(roster.signs().empty());
}

TEST(Roster, RemembersWhenWhoHasLeftWasHeard) {
    Roster roster;
    roster.view_changed({{}, {kOne, kTwo}}, kNow);
    EXPECT_EQ(roster.departed_heard(), TimePoint{}) << "nobody has left";
    roster.heard(kOne, 1, {}, kNow + seconds(1));
    roster.heard(kTwo, 1, {}, kNow + seconds(2));
    roster.view_changed({{}, {kOne}}, kNow + seconds(9));
    EXPECT_EQ(roster.departed_heard(), kNow + seconds(2));
    roster.view_changed({{}, {kOne, kTwo}}, kNow + seconds(10));
    roster.lost();
    EXPECT_EQ(roster.departed_heard(), kNow + seconds(10)) << "who comes in counts as heard then";
}

TEST(Roster, WhoIsRefusedCountsAsHeardForTheLastTime) {
    Roster roster;
    roster.view_changed({{}, {kOne}}, kNow);
    roster.heard(kOne, 1, {}, kNow + seconds(1));
    roster.refused(kTwo);
    EXPECT_EQ(roster.departed_heard(), TimePoint{});
    roster.refused(kOne);
    EXPECT_EQ(roster.departed_heard(), kNow + seconds(1));
}

}  // namespace
}  // namespace pgpool::watchdog
