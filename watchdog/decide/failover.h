// SPDX-License-Identifier: PostgreSQL
#pragma once

// One step of the decider: what is known now becomes facts, the facts and an event find a row of the table,
// the row gives the next cluster state and the actions. Pure; time, evidence and the lease are arguments.
//
// The shell calls it so, on one thread, only while it holds the lease:
//   1. after each round of probes step(Overtaken), then step(Look), until no row fires; Done, Failed and
//      Deadline when the orders of the phase have ended; TakenOver once, first of all, when it has got the
//      lease;
//   2. if a row fired: decision.state is made durable on every member that is in, then decision.actions are
//      carried out in the order of Action. If the lease ends in between, nothing more is done: the next
//      decider goes on.
// An order that cannot be sent while the lease is good for it counts as Failed.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "watchdog/decide/choice.h"
#include "watchdog/decide/cluster_state.h"
#include "watchdog/decide/evidence.h"
#include "watchdog/decide/policy.h"
#include "watchdog/decide/transitions.h"

namespace pgpool::decide {

struct Rules {
    EvidenceRules evidence;
    Policy policy;
};

// What the shell knows at this moment.
struct World {
    Evidence evidence;
    std::vector<std::string> members;  // that are in
    std::vector<NodeSight> nodes;      // as last asked; is_in_service, is_stuck are filled in from the state
    Lsn last_known;                    // the furthest position of the primary that was ever seen
    bool has_lease = false;
    std::uint64_t lease_epoch = 0;
    TimePoint now;
    WallTime wall;
};

// What a step goes by; kept with the decision for pgpool-ctl why.
struct Snapshot {
    FactSet facts;
    Judgement primary;
    Judgement target;
    Choice choice;
    std::string problem;         // Event::Failed: what of the phase's orders was not done
    std::string hold;            // why a failover is held back; empty: it is not
    std::vector<Follow> follow;  // who is to follow another upstream
    std::optional<Lineage> target_lineage;
    std::string successor;  // who is primary by a later record; Event::Overtaken
    Lineage successor_lineage;
    std::vector<std::string> not_cut_off;  // in service: they may hold more than whoever is promoted
    Wish wish;
    std::uint64_t lease_epoch = 0;
    WallTime wall;
};

// `wish` comes with the operator's events; otherwise that of the state counts.
[[nodiscard]] Snapshot observe(const ClusterState& state, Event event, const World& world, const Rules& rules,
                               const Wish* wish = nullptr);

struct Decision {
    const Transition* row = nullptr;  // null: no row fits, nothing is done
    ClusterState state;
    ActionSet actions;
    std::string reason;  // in words: why it was done, or for a request why it was not
};

// What a phase that lasts waits for, and what would end it; empty when nothing is going on.
[[nodiscard]] std::string waiting_for(const ClusterState& state, const Snapshot& snapshot);

[[nodiscard]] Decision step(const ClusterState& state, Event event, const Snapshot& snapshot);

}  // namespace pgpool::decide
