// SPDX-License-Identifier: PostgreSQL
#pragma once

// The table of failover and switchover: in which phase the cluster is, what happened, what must be so, what
// is done, and which phase is next. Pure; everything about a row is data, so the table can be printed, proven
// to be unambiguous by the compiler, and run in a simulator.
//
// Invariants, held by static_assert in transitions.cc and by the exhaustive test:
//  1. No two rows fit the same phase, event and facts: the order of the rows means nothing.
//  2. Where no row fits, nothing is done and the phase stays; a request of the operator is refused.
//  3. A row that promotes raises the epoch first. So under one epoch no two promotions are ordered.
//  4. No row fits without the lease (step() in failover.h asks for it before it looks here).
//  5. Whoever takes over repeats the orders of the phase that he finds, or leads it back: every order can be
//     given twice. Up to Stopping a switchover is dropped, from there to CatchingUp rolled back, a promotion
//     is always finished with the same target.
//  6. Hooks and messages to people are the last of a row's actions; no event tells how they ended.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/clock.h"
#include "watchdog/decide/enum_set.h"

namespace pgpool::decide {

enum class Phase : std::uint8_t {
    Steady,
    Suspected,
    Condemned,
    Cutting,
    Measuring,
    Blocked,
    Checkpointing,
    Parking,
    Stopping,
    CatchingUp,
    Promoting,
    Repointing,
    RollingBack,
};
inline constexpr std::size_t kPhases = 13;

enum class Event : std::uint8_t {
    Look,           // the evidence was renewed
    Done,           // what the phase has ordered is done
    Failed,         // it was refused, or broke
    Deadline,       // the time of the phase is over
    TakenOver,      // this member became the one that decides, and found this phase in the cluster state
    AskSwitchover,  // the operator wants another primary, in order
    AskFailover,    // the operator wants the failover that is held back or blocked
    AskCancel,      // the operator takes the switchover back
    Overtaken,      // a node is primary by a later record than this one, which is lost with who had it
};
inline constexpr std::size_t kEvents = 9;

enum class Fact : std::uint8_t {
    Lease,        // this member holds the lease, with time left for an order to a node
    PrimaryWell,  // enough members reach the primary, and none doubts it
    PrimaryGone,  // enough members hold it for gone; neither this nor PrimaryWell: doubted, or nobody knows
    OnHold,       // no failover by itself now: switched off, maintenance, damping
    TargetFound,  // there is a node that may be promoted
    TargetLost,   // the chosen target is held for gone
    Planned,      // the promotion at hand belongs to a switchover
    Stray,        // a standby that may follow the primary does not
};
inline constexpr std::size_t kFacts = 8;

// In the order in which they are carried out. Those up to Adopt change the cluster state, which the decider
// makes durable on every member that is in before it carries out the others.
enum class Action : std::uint8_t {
    RaiseEpoch,
    ChooseTarget,  // the choice becomes the target
    DropTarget,    // the target may have been promoted: it is detached
    Install,       // the target is the primary now, the old one is quarantined
    Adopt,         // whom another decider has promoted is the primary now, the old one is quarantined
    ProbeNow,      // all members probe at once and faster
    CutStandbys,   // primary_conninfo = '' and a reload, in the lease session of each; in a switchover of all
                   // but the target
    Measure,       // ask the standbys that are cut off for timeline and flushed position
    Checkpoint,    // on the primary, so that its stop is short
    Park,          // the proxies let transactions end and start none
    StopPrimary,   // done: it acknowledges nothing any more, not even if somebody starts it again
    AwaitEqual,    // until the target has flushed all that the stopped primary wrote, and the others have
    Promote,       // pg_promote, guarded, in the target's lease session
    StartPrimary,
    Publish,  // the topology, with its epoch, to all proxies
    Unpark,
    Repoint,   // every standby that may follows the primary of the cluster state
    Tell,      // a message for people
    RunHooks,  // the operator's commands
};
inline constexpr std::size_t kActions = 19;

using EventSet = EnumSet<Event>;
using FactSet = EnumSet<Fact>;
using ActionSet = EnumSet<Action>;

struct Guard {
    FactSet all;   // must be so
    FactSet none;  // must not be so
    [[nodiscard]] constexpr bool fits(FactSet facts) const {
        return facts.has_all(all) && !facts.has_any(none);
    }
};

struct Transition {
    std::string_view id;
    Phase from;
    EventSet on;
    Guard guard;
    ActionSet actions;
    Phase next;
    std::string_view comment;
};

struct PhaseInfo {
    Phase phase;
    std::string_view name;
    std::string_view meaning;
    milliseconds deadline;  // unless the policy has another; 0: the phase may last
};

[[nodiscard]] std::span<const Transition> transitions();
[[nodiscard]] std::span<const PhaseInfo> phases();  // in the order of Phase
[[nodiscard]] const PhaseInfo& info(Phase phase);
[[nodiscard]] std::optional<Phase> phase_of(std::string_view name);

// The row that fits; null: none does.
[[nodiscard]] const Transition* find_transition(Phase phase, Event event, FactSet facts);

[[nodiscard]] std::string_view to_string(Event event);
[[nodiscard]] std::string_view to_string(Fact fact);
[[nodiscard]] std::string_view to_string(Action action);

}  // namespace pgpool::decide
