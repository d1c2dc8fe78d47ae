// SPDX-License-Identifier: PostgreSQL
// The table as a whole: every phase, event and combination of facts.
#include "watchdog/decide/transitions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>
#include <tuple>

#include "watchdog/decide/failover.h"
#include "watchdog/decide/render.h"

namespace pgpool::decide {
namespace {

constexpr std::uint32_t kFactSets = 1U << kFacts;

template <typename Visit>
void for_all_facts(Visit visit) {
    for (std::uint32_t bits = 0; bits < kFactSets; ++bits) {
        const FactSet facts = FactSet::of_bits(bits);
        if (!facts.has_all({Fact::PrimaryWell, Fact::PrimaryGone})) visit(facts);
    }
}

Event event_at(std::size_t index) {
    return static_cast<Event>(index);
}

FactSet without_lease(FactSet facts) {
    return FactSet::of_bits(facts.bits() & ~FactSet{Fact::Lease}.bits());
}

// Nodes a (primary), b (the target of whatever is chosen), under these facts.
Snapshot snapshot_of(FactSet facts) {
    Snapshot snapshot;
    snapshot.facts = facts;
    if (facts.has(Fact::TargetFound)) snapshot.choice.target = "b";
    snapshot.successor = "b";
    return snapshot;
}

// A state as it is in that phase.
ClusterState state_in(Phase phase, bool is_planned) {
    ClusterState state = first_state({"a", "b"}, {});
    state.phase = phase;
    state.primary = "a";
    const bool has_target = is_planned || phase == Phase::Promoting;
    if (has_target) state.target = "b";
    state.is_planned = is_planned;
    return state;
}

bool is_switchover(Phase phase) {
    return phase == Phase::Checkpointing || phase == Phase::Parking || phase == Phase::Stopping ||
           phase == Phase::CatchingUp;
}

// What has been ordered and not yet undone or overtaken.
struct Owed {
    bool is_cut = false;
    bool is_parked = false;
    bool is_stopped = false;
    bool is_promoted = false;  // somebody may have been
    friend auto operator<=>(const Owed&, const Owed&) = default;

    void carry_out(ActionSet actions) {
        is_cut = (is_cut || actions.has(Action::CutStandbys)) && !actions.has(Action::Repoint);
        is_parked = (is_parked || actions.has(Action::Park)) && !actions.has(Action::Unpark);
        is_stopped = (is_stopped || actions.has(Action::StopPrimary)) && !actions.has(Action::StartPrimary) &&
                     !actions.has(Action::Install);
        is_promoted = (is_promoted || actions.has(Action::Promote)) && !actions.has(Action::Install) &&
                      !actions.has(Action::DropTarget);
    }
};

TEST(Transitions, ExactlyOneRowOrTheDefault) {
    for (const PhaseInfo& phase : phases()) {
        for (std::size_t i = 0; i < kEvents; ++i) {
            for (std::uint32_t bits = 0; bits < kFactSets; ++bits) {
                const FactSet facts = FactSet::of_bits(bits);
                const auto fits = std::ranges::count_if(transitions(), [&](const Transition& row) {
                    return row.from == phase.phase && row.on.has(event_at(i)) && row.guard.fits(facts);
                });
                ASSERT_LE(fits, 1) << phase.name << ' ' << to_string(event_at(i)) << ' ' << describe(facts);
                ASSERT_EQ(find_transition(phase.phase, event_at(i), facts) != nullptr, fits == 1);
            }
        }
    }
}

TEST(Transitions, NoRowIsDead) {
    std::set<std::string_view> fired;
    for (const PhaseInfo& phase : phases()) {
        for (std::size_t i = 0; i < kEvents; ++i) {
            for_all_facts([&](FactSet facts) {
                if (const Transition* row = find_transition(phase.phase, event_at(i), facts))
                    fired.insert(row->id);
            });
        }
    }
    EXPECT_EQ(fired.size(), transitions().size());
}

TEST(Transitions, NothingIsDoneWithoutTheLease) {
    for (const PhaseInfo& phase : phases()) {
        const ClusterState state = state_in(phase.phase, is_switchover(phase.phase));
        for (std::size_t i = 0; i < kEvents; ++i) {
            for_all_facts([&](FactSet facts) {
                const Decision decision = step(state, event_at(i), snapshot_of(without_lease(facts)));
                ASSERT_EQ(decision.row, nullptr);
                ASSERT_TRUE(decision.actions.is_empty());
                ASSERT_EQ(decision.state, state);
            });
        }
    }
}

// Walks from the beginning through everything that can happen, in any order, with whatever facts: what was
// ordered is part of where one is, so this ends when every combination was seen.
TEST(Transitions, WhateverHappensInWhateverOrder) {
    using Place = std::tuple<Phase, bool, Owed>;  // phase, planned, owed
    std::set<Place> seen;
    std::set<Phase> reached;
    std::deque<std::pair<ClusterState, Owed>> open{{state_in(Phase::Steady, false), {}}};
    while (!open.empty()) {
        const auto [state, owed] = open.front();
        open.pop_front();
        if (!seen.insert({state.phase, state.is_planned, owed}).second) continue;
        reached.insert(state.phase);
        for (std::size_t i = 0; i < kEvents; ++i) {
            for_all_facts([&, &state = state, &owed = owed](FactSet facts) {
                if (facts.has(Fact::Planned) != state.is_planned || !facts.has(Fact::Lease)) return;
                const Decision decision = step(state, event_at(i), snapshot_of(facts));
                if (decision.row == nullptr) return;
                const std::string_view id = decision.row->id;
                Owed next = owed;
                next.carry_out(decision.actions);
                ASSERT_TRUE(decision.state.epoch > state.epoch || !decision.actions.has(Action::Promote))
                    << id << ": a promotion under an epoch that may have seen one";
                ASSERT_GE(decision.state.epoch, state.epoch);
                ASSERT_TRUE(state_of(to_text(decision.state))) << id << ": the state does not hold together";
                if (decision.actions.has(Action::Promote)) {
                    ASSERT_FALSE(decision.state.target.empty()) << id;
                    ASSERT_TRUE(owed.is_cut || owed.is_stopped) << id << ": the old primary may acknowledge";
                    ASSERT_TRUE(!owed.is_promoted || decision.state.target == state.target)
                        << id << ": two targets at a time";
                }
                if (decision.actions.has(Action::Publish) && decision.state.phase != Phase::Promoting) {
                    ASSERT_FALSE(next.is_promoted)
                        << id << ": a primary is published while another is being made";
                }
                if (next != Owed{}) {
                    ASSERT_NE(decision.state.phase, Phase::Steady) << id << ": something was not taken back";
                }
                if (decision.state.phase == Phase::Condemned) {
                    ASSERT_FALSE(next.is_parked)
                        << id << ": a failover does not wait for parked transactions";
                }
                ClusterState onward = decision.state;
                onward.history.clear();
                onward.failovers.clear();
                onward.epoch = 0;
                onward.primary = "a";
                for (NodeRecord& node : onward.nodes) node.standing = Standing::InService;
                if (onward.target == "a") onward.target = "b";
                open.emplace_back(std::move(onward), next);
            });
            if (HasFatalFailure()) return;
        }
    }
    EXPECT_EQ(reached.size(), kPhases) << "a phase that nobody gets into";
}

// From `state`, with orders that are carried out and these facts: how many steps until nothing is going on;
// -1: never.
int steps_to_rest(ClusterState state, FactSet facts) {
    for (int steps = 0; steps < 20; ++steps) {
        FactSet now = facts;
        now.insert_if(state.is_planned, Fact::Planned);
        const Snapshot snapshot = snapshot_of(now);
        Decision decision = step(state, Event::Look, snapshot);
        if (decision.row == nullptr && state.phase == Phase::Steady) return steps;
        if (decision.row == nullptr) decision = step(state, Event::Done, snapshot);
        if (decision.row == nullptr) return -1;
        state = decision.state;
        // The dead target is out, and the new primary is well.
        if (decision.actions.has(Action::DropTarget))
            facts = {Fact::Lease, Fact::PrimaryGone, Fact::TargetFound};
        if (decision.actions.has(Action::Install)) facts = {Fact::Lease, Fact::PrimaryWell};
    }
    return -1;
}

TEST(Transitions, EveryPhaseComesToRestWhenFaultsHeal) {
    const std::vector<FactSet> healed{
        {Fact::Lease, Fact::PrimaryWell},
        {Fact::Lease, Fact::PrimaryWell, Fact::TargetFound},
        {Fact::Lease, Fact::PrimaryWell, Fact::OnHold},
        {Fact::Lease, Fact::PrimaryGone, Fact::TargetFound},
        {Fact::Lease, Fact::PrimaryWell, Fact::TargetLost},
    };
    for (const PhaseInfo& phase : phases()) {
        for (const bool is_planned : {false, true}) {
            const bool is_possible =
                is_planned == is_switchover(phase.phase) || phase.phase == Phase::Promoting;
            if (!is_possible) continue;
            for (const FactSet facts : healed) {
                EXPECT_GE(steps_to_rest(state_in(phase.phase, is_planned), facts), 0)
                    << phase.name << (is_planned ? " planned " : " ") << describe(facts);
            }
        }
    }
}

// Looking again and again at the same facts changes nothing after a few steps.
TEST(Transitions, LookingComesToAnEnd) {
    for (const PhaseInfo& phase : phases()) {
        for_all_facts([&](FactSet facts) {
            Phase at = phase.phase;
            int steps = 0;
            while (const Transition* row = find_transition(at, Event::Look, facts)) {
                at = row->next;
                ASSERT_LT(++steps, 6) << phase.name << ' ' << describe(facts);
            }
        });
    }
}

// Whoever takes over in the middle brings it to an end, with the same target where one may have been
// promoted.
TEST(Transitions, TheNextDeciderGoesOnFromEveryPhase) {
    for (const PhaseInfo& phase : phases()) {
        for (const FactSet facts : {FactSet{Fact::Lease, Fact::PrimaryGone, Fact::TargetFound},
                                    FactSet{Fact::Lease, Fact::PrimaryWell, Fact::TargetFound}}) {
            const ClusterState state = state_in(phase.phase, is_switchover(phase.phase));
            const Decision taken = step(state, Event::TakenOver, snapshot_of(facts));
            ASSERT_NE(taken.row, nullptr) << phase.name;
            if (phase.phase == Phase::Promoting) {
                EXPECT_TRUE(taken.actions.has_all({Action::RaiseEpoch, Action::Promote}));
                EXPECT_EQ(taken.state.target, state.target);
            }
            EXPECT_GE(steps_to_rest(taken.state, facts), 0) << phase.name << ' ' << describe(facts);
        }
    }
}

TEST(Transitions, TheEpochIsAboveTheLeases) {
    ClusterState state = state_in(Phase::Measuring, false);
    state.epoch = 4;
    Snapshot snapshot = snapshot_of({Fact::Lease, Fact::PrimaryGone, Fact::TargetFound});
    snapshot.lease_epoch = 9;
    EXPECT_EQ(step(state, Event::Done, snapshot).state.epoch, 10U);
    snapshot.lease_epoch = 2;
    EXPECT_EQ(step(state, Event::Done, snapshot).state.epoch, 5U);
}

TEST(Transitions, PeopleAndHooksComeLast) {
    static_assert(static_cast<std::size_t>(Action::Tell) == kActions - 2);
    static_assert(static_cast<std::size_t>(Action::RunHooks) == kActions - 1);
    for (std::size_t i = 0; i < kEvents; ++i) {
        EXPECT_EQ(to_string(event_at(i)).find("hook"), std::string_view::npos) << "nothing waits for a hook";
    }
}

}  // namespace
}  // namespace pgpool::decide
