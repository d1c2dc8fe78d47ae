// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "watchdog/decide/cluster_state.h"

namespace pgpool::decide {
namespace {

constexpr WallTime kNow{seconds(2'000)};

ClusterState busy() {
    ClusterState state = first_state({"a", "b"}, kNow);
    state.epoch = 17;
    state.phase = Phase::Promoting;
    state.reason = "said: \"no\"\n\\ and went";
    state.primary = "a";
    state.target = "b";
    state.is_planned = true;
    state.wish = {"b", true};
    state.lineage = {2, {{1, Lsn(0xffffffffffffffff)}}};
    state.sync = {1, {"b"}};
    state.maintenance = {kNow + seconds(60), "new disks"};
    state.pause = {kNow, seconds(30), "minor upgrade"};
    set_standing(state, "a", Standing::Quarantined, "why", kNow + milliseconds(1'500));
    state.nodes.at(1).was_dropped = true;
    note_failover(state, kNow);
    append(state, {kNow,
                   17,
                   "Q1",
                   Event::AskSwitchover,
                   Phase::CatchingUp,
                   Phase::Promoting,
                   {Fact::Lease, Fact::PrimaryWell},
                   "because"});
    return state;
}

TEST(ClusterState, ComesBackFromItsText) {
    for (const ClusterState& state : {ClusterState{}, first_state({"a", "b"}, kNow), busy()}) {
        const auto again = state_of(to_text(state));
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(*again, state);
    }
}

TEST(ClusterState, TextThatIsNotUtf8CanBeReadAgain) {
    ClusterState state = busy();
    state.reason = "\xff\xfe";
    EXPECT_TRUE(state_of(to_text(state)));
}

TEST(ClusterState, EveryPhaseHasAName) {
    for (const PhaseInfo& phase : phases()) {
        ClusterState state = busy();
        state.phase = phase.phase;
        EXPECT_EQ(state_of(to_text(state)).value().phase, phase.phase);
    }
}

TEST(ClusterState, OtherTextsAreRefused) {
    const std::string good = to_text(busy());
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(state_of(good.substr(0, size))) << size;
    }
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        EXPECT_NE(text.find(from), std::string::npos) << from;
        return state_of(text.replace(text.find(from), from.size(), to)).has_value();
    };
    EXPECT_TRUE(with("\"epoch\": 17", "\"epoch\": 18"));
    EXPECT_FALSE(with("\"version\": 1", "\"version\": 2"));
    EXPECT_FALSE(with("\"epoch\": 17", "\"epoch\": -17"));
    EXPECT_FALSE(with("\"epoch\": 17", "\"epoch\": 17.5"));
    EXPECT_FALSE(with("\"epoch\": 17", "\"epoch\": 17, \"more\": 1"));
    EXPECT_FALSE(with("\"epoch\": 17", "\"epoch\": 17, \"epoch\": 3"));
    EXPECT_FALSE(with("\"promoting\"", "\"resting\""));
    EXPECT_FALSE(with("\"planned\": true", "\"planned\": 1"));
    EXPECT_FALSE(with("\"primary\": \"a\"", "\"primary\": \"z\""));
    EXPECT_FALSE(with("\"target\": \"b\"", "\"target\": \"\"")) << "who is being promoted?";
    EXPECT_FALSE(with("\"name\": \"b\"", "\"name\": \"a\"")) << "twice";
    EXPECT_FALSE(with("\"quarantined\"", "\"away\""));
    EXPECT_FALSE(with("\"nodes\": [", "\"nodes\": [3, "));
}

TEST(ClusterState, HistoryIsBounded) {
    ClusterState state;
    for (std::size_t i = 0; i < kHistory + 5; ++i) {
        append(state, {kNow, i, "S1", Event::Look, Phase::Steady, Phase::Suspected, {}, ""});
        note_failover(state, kNow + seconds(i));
    }
    EXPECT_EQ(state.history.size(), kHistory);
    EXPECT_EQ(state.history.front().epoch, 5U);
    EXPECT_EQ(state.failovers.size(), kFailovers);
    EXPECT_EQ(state.failovers.back(), kNow + seconds(kHistory + 4));
}

TEST(ClusterState, WhatRepeatsItselfIsKeptOnce) {
    ClusterState state;
    for (int i = 0; i < 3; ++i) {
        append(state, {kNow + seconds(i), 1, "B5", Event::Deadline, Phase::Blocked, Phase::Blocked, {}, ""});
    }
    ASSERT_EQ(state.history.size(), 1U);
    EXPECT_EQ(state.history[0].at, kNow + seconds(2));
}

}  // namespace
}  // namespace pgpool::decide
