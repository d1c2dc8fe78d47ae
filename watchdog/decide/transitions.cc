// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/transitions.h"

#include <algorithm>
#include <array>

namespace pgpool::decide {

namespace {

using enum Phase;
using enum Event;
using enum Fact;
using enum Action;

constexpr EventSet kEnd{Done, Failed, Deadline};
constexpr EventSet kNoEnd{Failed, Deadline};
constexpr std::string_view kOvertaken =
    "a node was promoted by a later record than this one: it is the primary";

// clang-format off
constexpr std::array kTable{
    // Something may be wrong with the primary.
    Transition{"S1", Steady, {Look}, {{}, {PrimaryWell, PrimaryGone}}, {ProbeNow}, Suspected,
               "somebody does not reach the primary, or nobody knows"},
    Transition{"S2", Steady, {Look}, {{PrimaryGone}, {}}, {ProbeNow, Tell}, Condemned,
               "enough members hold the primary for gone"},
    Transition{"S3", Steady, {Look}, {{PrimaryWell, Stray}, {PrimaryGone, OnHold}}, {Repoint}, Repointing,
               "a standby that may follow the primary does not"},
    Transition{"S4", Steady, {AskSwitchover}, {{PrimaryWell, TargetFound}, {PrimaryGone}}, {ChooseTarget, Checkpoint}, Checkpointing,
               "a switchover was asked for and can be done"},
    Transition{"S5", Steady, {TakenOver}, {}, {Publish}, Steady,
               "the new decider says who is primary"},

    Transition{"U1", Suspected, {Look}, {{PrimaryGone}, {}}, {Tell}, Condemned,
               "enough members hold the primary for gone"},
    Transition{"U2", Suspected, {Look}, {{PrimaryWell}, {PrimaryGone}}, {}, Steady,
               "everybody reaches the primary again"},
    Transition{"U3", Suspected, {TakenOver}, {}, {ProbeNow, Publish}, Suspected,
               "the new decider looks for itself"},

    // The primary is gone. Shall there be a failover?
    Transition{"C1", Condemned, {Look}, {{PrimaryGone, TargetFound}, {OnHold}}, {CutStandbys}, Cutting,
               "nothing holds the failover back: the old primary must not get any acknowledgement from now on"},
    Transition{"C2", Condemned, {Look}, {{PrimaryGone}, {OnHold, TargetFound}}, {Tell}, Blocked,
               "no node may be promoted as far as is known"},
    Transition{"C3", Condemned, {Look}, {{PrimaryWell}, {PrimaryGone}}, {Publish, Repoint}, Repointing,
               "the primary is back: whoever a switchover had cut off follows it again"},
    Transition{"C4", Condemned, {AskFailover}, {{PrimaryGone, TargetFound}, {}}, {CutStandbys}, Cutting,
               "the operator asked for it, whatever holds it back"},
    Transition{"C5", Condemned, {TakenOver}, {}, {ProbeNow, Publish}, Condemned,
               "the new decider looks for itself"},

    Transition{"X1", Cutting, kEnd, {}, {Measure}, Measuring,
               "those that could not be cut off do not count"},
    Transition{"X2", Cutting, {Look}, {{PrimaryWell}, {PrimaryGone}}, {Publish, Repoint, Tell}, Repointing,
               "the primary is back before anything was promoted: the standbys follow it again"},
    Transition{"X3", Cutting, {TakenOver}, {}, {CutStandbys}, Cutting,
               "the new decider cuts again, by its own lease sessions"},

    Transition{"M1", Measuring, kEnd, {{PrimaryGone, TargetFound}, {}}, {RaiseEpoch, ChooseTarget, Promote}, Promoting,
               "a target that holds what was acknowledged; from here there is no way back"},
    Transition{"M2", Measuring, kEnd, {{PrimaryGone}, {TargetFound}}, {Tell}, Blocked,
               "no node may be promoted, by measured positions"},
    Transition{"M3", Measuring, {Look, Done, Failed, Deadline}, {{PrimaryWell}, {PrimaryGone}}, {Publish, Repoint, Tell}, Repointing,
               "the primary is back before anything was promoted: the standbys follow it again"},
    Transition{"M4", Measuring, kEnd, {{}, {PrimaryWell, PrimaryGone}}, {ProbeNow, Measure}, Measuring,
               "the primary is in doubt again: no promotion without agreement"},
    Transition{"M5", Measuring, {TakenOver}, {}, {CutStandbys}, Cutting,
               "what another decider measured is not relied on"},

    Transition{"B1", Blocked, {Look}, {{PrimaryGone, TargetFound}, {OnHold}}, {CutStandbys}, Cutting,
               "what was missing is there"},
    Transition{"B2", Blocked, {Look}, {{PrimaryWell}, {PrimaryGone}}, {Publish, Repoint, Tell}, Repointing,
               "the primary is back: the standbys follow it again"},
    Transition{"B3", Blocked, {AskFailover}, {{PrimaryGone, TargetFound}, {}}, {CutStandbys}, Cutting,
               "the operator has lifted what blocked it"},
    Transition{"B4", Blocked, {TakenOver}, {}, {ProbeNow, Publish, Tell}, Blocked,
               "the new decider says that it waits, and for what"},
    Transition{"B5", Blocked, {Deadline}, {{}, {OnHold}}, {ProbeNow, StartPrimary}, Blocked,
               "nobody was promoted, so the old primary has everything: it is started again"},
    Transition{"B6", Blocked, {Deadline}, {{OnHold}, {}}, {ProbeNow}, Blocked,
               "the operator may have stopped the old primary"},

    // Switchover: everything before the stop can be dropped, everything before the promotion taken back.
    Transition{"K1", Checkpointing, {Done}, {{}, {PrimaryGone, TargetLost}}, {Park}, Parking,
               "the stop will be short: clients may be parked"},
    Transition{"K2", Checkpointing, {Failed, Deadline, AskCancel, TakenOver}, {}, {Publish, Tell}, Steady,
               "the switchover is dropped, nothing had been done"},
    Transition{"K3", Checkpointing, {Look, Done}, {{PrimaryGone}, {}}, {Tell}, Condemned,
               "the primary died meanwhile: this is a failover"},
    Transition{"K4", Checkpointing, {Look, Done}, {{TargetLost}, {PrimaryGone}}, {Tell}, Steady,
               "the target died meanwhile: the switchover is dropped"},

    Transition{"G1", Parking, {Done}, {{}, {PrimaryGone, TargetLost}}, {CutStandbys, StopPrimary}, Stopping,
               "no transaction is open; the others must not get what the target may not have"},
    Transition{"G2", Parking, {Failed, Deadline, AskCancel, TakenOver}, {}, {Publish, Unpark, Tell}, Steady,
               "a transaction did not end in time (pg_stat_activity at the primary tells whose), or the switchover was "
               "taken back or nobody led it any more: clients go on where they were"},
    Transition{"G3", Parking, {Look, Done}, {{PrimaryGone}, {}}, {Unpark, Tell}, Condemned,
               "the primary died meanwhile: this is a failover"},
    Transition{"G4", Parking, {Look, Done}, {{TargetLost}, {PrimaryGone}}, {Unpark, Tell}, Steady,
               "the target died meanwhile: clients go on where they were"},

    Transition{"O1", Stopping, {Done}, {{}, {TargetLost}}, {AwaitEqual}, CatchingUp,
               "the primary writes no more, and nobody but the target gets anything of it"},
    Transition{"O2", Stopping, {Failed, Deadline, AskCancel, TakenOver}, {}, {StartPrimary}, RollingBack,
               "it may have stopped or not: it is started again"},
    Transition{"O3", Stopping, {Look, Done}, {{TargetLost}, {}}, {StartPrimary}, RollingBack,
               "the target died meanwhile"},

    Transition{"Q1", CatchingUp, {Done}, {{}, {TargetLost}}, {RaiseEpoch, Promote}, Promoting,
               "the target holds all that the primary wrote"},
    Transition{"Q2", CatchingUp, {Failed, Deadline, AskCancel, TakenOver}, {}, {StartPrimary}, RollingBack,
               "the target did not get there in time"},
    Transition{"Q3", CatchingUp, {Look, Done}, {{TargetLost}, {}}, {StartPrimary}, RollingBack,
               "the target died meanwhile"},

    Transition{"L1", RollingBack, {Done}, {}, {Publish, Unpark, Repoint, Tell}, Repointing,
               "the old primary writes again: clients go on there"},
    Transition{"L2", RollingBack, kNoEnd, {{PrimaryGone}, {OnHold}}, {ProbeNow, Unpark, Tell}, Condemned,
               "it does not come back: this becomes a failover"},
    Transition{"L4", RollingBack, kNoEnd, {{}, {PrimaryGone}}, {ProbeNow, StartPrimary}, RollingBack,
               "it was stopped by us and may not write yet: once more"},
    Transition{"L5", RollingBack, kNoEnd, {{PrimaryGone, OnHold}, {}}, {ProbeNow, StartPrimary, Tell}, RollingBack,
               "no failover by itself, and it was stopped by us: once more"},
    Transition{"L3", RollingBack, {TakenOver}, {}, {StartPrimary}, RollingBack,
               "the new decider starts it again"},

    // Past the point of no return.
    Transition{"P1", Promoting, {Done}, {}, {Install, Publish, Unpark, Repoint, RunHooks}, Repointing,
               "the target writes: it is the primary"},
    Transition{"P2", Promoting, kNoEnd, {{}, {TargetLost}}, {RaiseEpoch, Promote, Tell}, Promoting,
               "it may have been promoted or not: the same one again"},
    Transition{"P3", Promoting, {TakenOver}, {{}, {TargetLost}}, {RaiseEpoch, Promote}, Promoting,
               "the new decider finishes what it finds"},
    Transition{"P4", Promoting, {Look, Failed, Deadline, TakenOver}, {{TargetLost}, {Planned}}, {DropTarget, CutStandbys, Tell}, Cutting,
               "the target died; nobody was sent to it, so the others hold what was acknowledged"},
    Transition{"P5", Promoting, {Look, Failed, Deadline, TakenOver}, {{TargetLost, Planned}, {}}, {DropTarget, StartPrimary, Tell}, RollingBack,
               "the target died; nobody was sent to it, so the old primary has everything"},

    Transition{"R1", Repointing, {Done}, {}, {}, Steady,
               "every standby that may follows the primary"},
    Transition{"R2", Repointing, kNoEnd, {}, {Tell}, Steady,
               "a standby does not follow: it is tried again later"},
    Transition{"R3", Repointing, {Look}, {{PrimaryGone}, {}}, {ProbeNow, Tell}, Condemned,
               "the primary is gone again"},
    Transition{"R4", Repointing, {TakenOver}, {}, {Publish, Unpark, Repoint}, Repointing,
               "the new decider finishes what it finds"},

    // A decider that was alone has promoted a node, and is lost with its record. Which of the phases below this
    // older record was in says nothing.
    Transition{"N1", Steady, {Overtaken}, {}, {Adopt, Publish, Repoint, Tell}, Repointing, kOvertaken},
    Transition{"N2", Suspected, {Overtaken}, {}, {Adopt, Publish, Repoint, Tell}, Repointing, kOvertaken},
    Transition{"N3", Condemned, {Overtaken}, {}, {Adopt, Publish, Repoint, Tell}, Repointing, kOvertaken},
    Transition{"N4", Cutting, {Overtaken}, {}, {Adopt, Publish, Repoint, Tell}, Repointing, kOvertaken},
    Transition{"N5", Measuring, {Overtaken}, {}, {Adopt, Publish, Repoint, Tell}, Repointing, kOvertaken},
    Transition{"N6", Blocked, {Overtaken}, {}, {Adopt, Publish, Repoint, Tell}, Repointing, kOvertaken},
};

constexpr std::array<PhaseInfo, kPhases> kPhaseInfos{{
    {Steady, "steady", "nothing is going on", milliseconds(0)},
    {Suspected, "suspected", "somebody does not reach the primary; too few agree", milliseconds(0)},
    {Condemned, "condemned", "the primary is gone; the failover has not begun", milliseconds(0)},
    {Cutting, "cutting", "the standbys are cut off from the old primary", milliseconds(500)},
    {Measuring, "measuring", "the standbys are asked how far they are", milliseconds(500)},
    {Blocked, "blocked", "the primary is gone, and no node may be promoted", seconds(10)},
    {Checkpointing, "checkpointing", "switchover: the primary makes a checkpoint", seconds(300)},
    {Parking, "parking", "switchover: transactions end, new ones wait", seconds(5)},
    {Stopping, "stopping", "switchover: the primary stops", seconds(5)},
    {CatchingUp, "catching up", "switchover: the target gets the last of the WAL", seconds(2)},
    {Promoting, "promoting", "the target becomes primary", seconds(2)},
    {Repointing, "repointing", "the standbys are made to follow the primary", seconds(10)},
    {RollingBack, "rolling back", "switchover: the old primary is started again", seconds(30)},
}};
// clang-format on

constexpr std::array<std::string_view, kEvents> kEventNames{"look",         "done",       "failed",
                                                            "deadline",     "taken over", "ask switchover",
                                                            "ask failover", "ask cancel", "overtaken"};
constexpr std::array<std::string_view, kFacts> kFactNames{"lease",   "primary well", "primary gone",
                                                          "on hold", "target found", "target lost",
                                                          "planned", "stray standby"};
constexpr std::array<std::string_view, kActions> kActionNames{
    "raise epoch",  "choose target", "drop target", "install",       "adopt",
    "probe now",    "cut standbys",  "measure",     "checkpoint",    "park",
    "stop primary", "await equal",   "promote",     "start primary", "publish",
    "unpark",       "repoint",       "tell",        "run hooks"};

// Whether facts exist that fit both.
constexpr bool can_meet(const Guard& a, const Guard& b) {
    return !a.all.has_any(b.none) && !b.all.has_any(a.none);
}

constexpr bool is_unambiguous() {
    for (std::size_t i = 0; i < kTable.size(); ++i) {
        for (std::size_t j = i + 1; j < kTable.size(); ++j) {
            const Transition& a = kTable[i];
            const Transition& b = kTable[j];
            if (a.id == b.id) return false;
            if (a.from == b.from && a.on.has_any(b.on) && can_meet(a.guard, b.guard)) return false;
        }
    }
    return true;
}

constexpr bool every_row(bool (*holds)(const Transition&)) {
    return std::all_of(kTable.begin(), kTable.end(), holds);
}

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < kPhases; ++i) {
        if (static_cast<std::size_t>(kPhaseInfos[i].phase) != i) return false;
    }
    return true;
}

// Each phase that lasts a bounded time leaves it, or orders something anew, whatever the facts are.
constexpr bool is_left_at_the_deadline() {
    for (const PhaseInfo& phase : kPhaseInfos) {
        if (phase.deadline == milliseconds(0)) continue;
        for (std::uint32_t bits = 0; bits < (1U << kFacts); ++bits) {
            const FactSet facts = FactSet::of_bits(bits);
            const bool is_left = std::any_of(kTable.begin(), kTable.end(), [&](const Transition& row) {
                return row.from == phase.phase && row.on.has(Deadline) && row.guard.fits(facts);
            });
            const bool is_contradiction = facts.has_all({PrimaryWell, PrimaryGone});
            if (!is_left && !is_contradiction) return false;
        }
    }
    return true;
}

static_assert(is_in_order());
static_assert(is_unambiguous(), "two rows of one name, or two that fit the same phase, event and facts");
static_assert(is_left_at_the_deadline());
static_assert(every_row([](const Transition& row) {
                  return row.actions.has(Promote) == row.actions.has(RaiseEpoch) &&
                         row.actions.has(Promote) == (row.next == Promoting);
              }),
              "a promotion needs an epoch of its own");
static_assert(every_row([](const Transition& row) {
    return !row.actions.has(ChooseTarget) || row.guard.all.has(TargetFound);
}));
static_assert(every_row([](const Transition& row) {
    return !row.actions.has_any({Install, DropTarget}) || row.from == Promoting;
}));
static_assert(every_row([](const Transition& row) {
    return row.actions.has(Adopt) == row.on.has(Overtaken);
}));
static_assert(every_row([](const Transition& row) {
                  return !row.guard.all.has(Lease) && !row.guard.none.has(Lease);
              }),
              "step() asks for the lease");

}  // namespace

std::span<const Transition> transitions() {
    return kTable;
}

std::span<const PhaseInfo> phases() {
    return kPhaseInfos;
}

const PhaseInfo& info(Phase phase) {
    return kPhaseInfos.at(static_cast<std::size_t>(phase));
}

std::optional<Phase> phase_of(std::string_view name) {
    const auto* const found = std::ranges::find(kPhaseInfos, name, &PhaseInfo::name);
    return found != kPhaseInfos.end() ? std::optional(found->phase) : std::nullopt;
}

const Transition* find_transition(Phase phase, Event event, FactSet facts) {
    const auto* const found = std::ranges::find_if(kTable, [&](const Transition& row) {
        return row.from == phase && row.on.has(event) && row.guard.fits(facts);
    });
    return found != kTable.end() ? &*found : nullptr;
}

std::string_view to_string(Event event) {
    return kEventNames.at(static_cast<std::size_t>(event));
}

std::string_view to_string(Fact fact) {
    return kFactNames.at(static_cast<std::size_t>(fact));
}

std::string_view to_string(Action action) {
    return kActionNames.at(static_cast<std::size_t>(action));
}

}  // namespace pgpool::decide
