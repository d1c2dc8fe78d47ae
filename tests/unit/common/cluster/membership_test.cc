// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/membership.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgpool::cluster {
namespace {

constexpr WallTime kThen{seconds(1'000)};
constexpr WallTime kNow{seconds(2'000)};
const std::vector<std::string> kNames{"a", "b", "c"};

Membership three() {
    return first_membership(kNames, kThen);
}

// "a* b (why) c": the main node with a star, the reason of who is out in parentheses.
std::string outline(const Membership& membership) {
    std::string text;
    for (const Member& member : membership.members) {
        if (!text.empty()) text += ' ';
        text += member.name;
        if (member.name == membership.main) text += '*';
        if (!member.is_attached) text += " (" + member.reason + ")";
    }
    return text;
}

TEST(Membership, BeginsWithAll) {
    EXPECT_EQ(outline(three()), "a* b c");
    EXPECT_EQ(three().epoch, 1U);
    EXPECT_EQ(three().attached(), 3U);
}

TEST(Membership, MainStaysAsLongAsItIsAttached) {
    Membership membership = three();
    ASSERT_TRUE(evict(membership, "a", "gone", kNow));
    EXPECT_EQ(outline(membership), "a (gone) b* c");
    EXPECT_EQ(membership.members[0].since, kNow);
    EXPECT_EQ(membership.members[1].since, kThen);
    ASSERT_TRUE(attach(membership, "a", kNow));
    EXPECT_EQ(outline(membership), "a b* c") << "it was the first, and comes back as one of the others";
    ASSERT_TRUE(evict(membership, "b", "late", kNow));
    EXPECT_EQ(outline(membership), "a* b (late) c");
}

TEST(Membership, WhoTakesOverTriesAllButWhomAnAdministratorHasLetGo) {
    Membership membership = three();
    ASSERT_TRUE(evict(membership, "a", "gone", kNow));
    EXPECT_EQ(outline(take_over(membership, {}, kNow)), "a b* c") << "b was main";
    EXPECT_EQ(outline(take_over(membership, {"b"}, kNow)), "a* b (an administrator has let it go) c");
    EXPECT_EQ(outline(take_over(membership, {"a"}, kNow)), "a (gone) b* c");
}

TEST(Membership, TheLastOneStays) {
    Membership membership = three();
    ASSERT_TRUE(evict(membership, "a", "1", kNow));
    ASSERT_TRUE(evict(membership, "c", "2", kNow));
    EXPECT_TRUE(membership.is_last("b"));
    EXPECT_FALSE(membership.is_last("a"));
    const Membership before = membership;
    const auto refused = evict(membership, "b", "3", kNow);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().sqlstate.view(), "55000");
    EXPECT_EQ(membership, before);
}

TEST(Membership, WhatAMemberHasGivenIsKnownWhenItIsOut) {
    Membership membership = three();
    membership.epoch = 5;
    note_given(membership, "b");
    note_given(membership, "stranger");
    ASSERT_TRUE(evict(membership, "b", "gone", kNow));
    EXPECT_EQ(membership.find("a")->given_under, 0U);
    EXPECT_EQ(membership.find("b")->given_under, 5U);
    Membership before = three();
    before.members[0].given_under = 7;
    keep_given(before, membership);
    EXPECT_EQ(before.find("a")->given_under, 7U) << "the last time";
    EXPECT_EQ(before.find("b")->given_under, 5U);
    EXPECT_TRUE(before.is_attached("b")) << "nothing else of an attempt that failed";
}

TEST(Membership, WhatIsSoAlreadyIsAnError) {
    Membership membership = three();
    EXPECT_EQ(attach(membership, "a", kNow).error().sqlstate.view(), "55000");
    EXPECT_EQ(attach(membership, "z", kNow).error().sqlstate.view(), "42704");
    EXPECT_EQ(evict(membership, "z", "", kNow).error().sqlstate.view(), "42704");
    ASSERT_TRUE(evict(membership, "c", "x", kNow));
    EXPECT_EQ(evict(membership, "c", "y", kNow).error().sqlstate.view(), "55000");
}

TEST(Membership, FollowsTheConfiguration) {
    Membership membership = three();
    ASSERT_TRUE(evict(membership, "c", "gone", kThen));
    const std::vector<std::string> changed{"d", "c", "b"};
    const auto fitting = fit(membership, changed, kNow);
    ASSERT_TRUE(fitting);
    EXPECT_EQ(outline(*fitting), "d (new) c (gone) b*");
    EXPECT_EQ(fitting->epoch, membership.epoch);
    EXPECT_EQ(fit(*fitting, changed, kNow).value(), *fitting);
    const std::vector<std::string> strangers{"c", "x"};
    EXPECT_FALSE(fit(membership, strangers, kNow)) << "nobody who has the data would be left";
}

TEST(Membership, ComesBackFromItsText) {
    Membership membership = three();
    membership.epoch = 17;
    membership.members[1].name = "b \"quoted\" \\ {x}: #";
    ASSERT_TRUE(evict(membership, "a", "said: \"no\"\nand went", kNow));
    const auto again = membership_of(to_text(membership));
    ASSERT_TRUE(again) << again.error().message;
    membership.members[0].reason = "said: \"no\" and went";
    EXPECT_EQ(*again, membership);
}

TEST(Membership, TheTextOfAnOlderVersionIsRead) {
    const auto read = membership_of(
        "version: 1\nepoch: 7\nmain: \"a\"\nmembers:\n"
        "  - {name: \"a\", attached: true, since: 1000, reason: \"\"}\ncomplete: true\n");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->epoch, 7U);
    EXPECT_FALSE(read->members[0].is_doubted);
}

TEST(Membership, ADoubtIsKeptUntilAllAreEqualOrTheNodeIsOut) {
    Membership membership = three();
    membership.epoch = 4;
    ASSERT_TRUE(doubt(membership, "b"));
    ASSERT_TRUE(doubt(membership, "c"));
    EXPECT_EQ(doubt(membership, "z").error().sqlstate.view(), "42704");
    const auto doubted = [](const Membership& one) {
        return std::ranges::count(one.members, true, &Member::is_doubted);
    };
    EXPECT_EQ(doubted(membership_of(to_text(membership)).value()), 2);
    ASSERT_TRUE(evict(membership, "c", "gone", kNow));
    EXPECT_EQ(doubt(membership, "c").error().sqlstate.view(), "55000");
    EXPECT_EQ(doubted(membership), 1);
    note_equal(membership);
    EXPECT_EQ(doubted(membership), 0);
    EXPECT_EQ(membership.find("b")->given_under, 4U);
    EXPECT_EQ(membership.find("c")->given_under, 0U);
}

TEST(Membership, OtherTextsAreRefused) {
    const std::string good = to_text(three());
    for (std::size_t size = 0; size + 1 < good.size(); ++size) {
        EXPECT_FALSE(membership_of(good.substr(0, size))) << size;
    }
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        return membership_of(text.replace(text.find(from), from.size(), to)).has_value();
    };
    EXPECT_TRUE(with("epoch: 1", "epoch: 2"));
    EXPECT_FALSE(with("version: 2", "version: 3"));
    EXPECT_FALSE(with("version: 2", "version: 0"));
    EXPECT_FALSE(with("doubted: false, ", "")) << "version 1 had none";
    EXPECT_FALSE(with("epoch: 1", "epoch: -1"));
    EXPECT_FALSE(with("epoch: 1", "epoch: 0"));
    EXPECT_FALSE(with("main: \"a\"", "main: \"z\""));
    EXPECT_FALSE(with("name: \"b\"", "name: \"a\"")) << "twice";
    EXPECT_FALSE(with("attached: true", "attached: maybe"));
    EXPECT_FALSE(with("attached: true", "attached: false")) << "the main node is always attached";
}

}  // namespace
}  // namespace pgpool::cluster
