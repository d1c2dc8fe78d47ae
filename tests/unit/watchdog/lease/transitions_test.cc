// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "watchdog/lease/lease.h"

namespace pgpool::lease {
namespace {

const std::vector<State> kStates = {State::Follower, State::Acquiring, State::Waiting,   State::Confirming,
                                    State::Holder,   State::Offering,  State::Releasing, State::Resting};

TEST(Transitions, EveryStateIsReachedAndLeft) {
    std::set<std::string_view> reached{"Follower"};
    bool grows = true;
    while (grows) {
        grows = false;
        for (const Transition& row : transitions()) {
            if (reached.contains(row.state)) grows = reached.insert(row.next).second || grows;
        }
    }
    for (const State state : kStates) EXPECT_TRUE(reached.contains(name(state))) << name(state);
}

TEST(Transitions, EveryStateCanBeLeftByWithdraw) {
    std::set<std::string_view> left;
    for (const Transition& row : transitions()) {
        if (row.event == "withdraw") {
            EXPECT_EQ(row.next, "Follower");
            left.insert(row.state);
        }
    }
    EXPECT_EQ(left.size(), kStates.size() - 1) << "all but Follower";
}

TEST(Transitions, OnlyAConfirmedQuorumMakesAHolder) {
    for (const Transition& row : transitions()) {
        if (row.next != "Holder" || row.state == "Offering") continue;
        EXPECT_EQ(row.state, "Confirming");
        EXPECT_EQ(row.guard, "is_confirmed");
    }
}

// What holds a lease looks at its deadline before anything else.
TEST(Transitions, TheDeadlineIsTheFirstRowOfWhoHoldsTheLease) {
    std::map<std::string_view, std::string_view> first;
    for (const Transition& row : transitions()) {
        if (row.event == "progress") first.try_emplace(row.state, row.guard);
    }
    EXPECT_EQ(first["Holder"], "is_past_deadline");
    EXPECT_EQ(first["Offering"], "is_past_deadline");
}

TEST(Transitions, ARowWithoutAGuardIsTheLastOfItsEvent) {
    std::set<std::pair<std::string_view, std::string_view>> closed;
    for (const Transition& row : transitions()) {
        EXPECT_FALSE(closed.contains({row.state, row.event})) << row.state << ' ' << row.event;
        EXPECT_FALSE(row.action.empty());
        if (row.guard.empty()) closed.insert({row.state, row.event});
    }
}

}  // namespace
}  // namespace pgpool::lease
