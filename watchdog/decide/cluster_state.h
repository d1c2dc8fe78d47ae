// SPDX-License-Identifier: PostgreSQL
#pragma once

// ClusterState: what every member must know to go on where another one stopped. A value; the decider changes
// it, makes it durable on all members that are in, and only then acts. Pure.
//
// Invariants: (1) `epoch` never goes down; under one epoch at most one promotion is ordered; (2) `primary`,
// and `target` where there is one, are nodes of the list; (3) there is a target in Promoting, and in a
// switchover; (4) the history is in the order of time and holds the last kHistory entries; times are in whole
// seconds, so that the text gives back the same value.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "watchdog/decide/lineage.h"
#include "watchdog/decide/sync_rule.h"
#include "watchdog/decide/transitions.h"

namespace pgpool::decide {

enum class Standing : std::uint8_t {
    InService,
    Detached,     // only the operator, or a recovery, attaches it again
    Quarantined,  // what it holds is not what the cluster agreed on, or that is not known
};

struct NodeRecord {
    std::string name;
    Standing standing = Standing::InService;
    std::string reason;  // in words, unless in service
    WallTime since;
    // Of a standby: its primary_conninfo before it was cut off last. It may have a password.
    std::string conninfo = {};
    // It was being promoted when it was lost, and may have been: it holds what it has, not what the cluster
    // has from the moment on at which service went on without it.
    bool was_dropped = false;
    bool is_left_behind = false;  // the same, and service has gone on
    friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

// A change of phase, for pgpool-ctl why: which row fired, on what, and what was known.
struct HistoryEntry {
    WallTime at;
    std::uint64_t epoch = 0;
    std::string row;  // id of a Transition
    Event event = Event::Look;
    Phase from = Phase::Steady;
    Phase to = Phase::Steady;
    FactSet facts;
    std::string reason;  // in words
    friend bool operator==(const HistoryEntry&, const HistoryEntry&) = default;
};
inline constexpr std::size_t kHistory = 64;
inline constexpr std::size_t kFailovers = 16;

struct Maintenance {
    WallTime until;  // the epoch of the clock: none
    std::string reason;
    friend bool operator==(const Maintenance&, const Maintenance&) = default;
};

// Of clients: nothing begins at the primary. It ends by itself: service must not wait for who forgot it.
struct Pause {
    WallTime since;
    seconds lasts{0};  // 0: none
    std::string reason;
    friend bool operator==(const Pause&, const Pause&) = default;
};

// What the operator asked for together with a failover or switchover; kept until it is over.
struct Wish {
    std::string target;
    bool may_lose_data = false;
    friend bool operator==(const Wish&, const Wish&) = default;
};

struct ClusterState {
    std::uint64_t epoch = 0;
    Phase phase = Phase::Steady;
    std::string reason;   // of the phase, in words
    std::string primary;  // empty: none was ever known
    std::string target;
    bool is_planned = false;  // the target belongs to a switchover
    Wish wish;
    Lineage lineage;  // of the primary
    SyncRule sync;    // what every acknowledged commit has met
    Maintenance maintenance;
    Pause pause;
    std::vector<NodeRecord> nodes;
    std::vector<WallTime> failovers;  // when a standby was promoted for a dead primary; the last kFailovers
    std::vector<HistoryEntry> history;

    [[nodiscard]] const NodeRecord* find(std::string_view name) const;
    [[nodiscard]] bool is_in_service(std::string_view name) const;
    [[nodiscard]] bool is_paused() const { return pause.lasts > seconds(0); }
    friend bool operator==(const ClusterState&, const ClusterState&) = default;
};

// When nothing is known: all nodes in service, no primary, epoch 0.
[[nodiscard]] ClusterState first_state(const std::vector<std::string>& names, WallTime now);

void set_standing(ClusterState& state, std::string_view name, Standing standing, std::string reason,
                  WallTime now);
void append(ClusterState& state,
            HistoryEntry entry);  // a row that repeats itself is kept once, the last time
void note_failover(ClusterState& state, WallTime now);

// JSON, one value for each line, always the same text for the same state. state_of() takes nothing else: a
// text that was cut short, edited, or written by a later version is refused.
[[nodiscard]] std::string to_text(const ClusterState& state);
[[nodiscard]] Result<ClusterState> state_of(std::string_view text);

[[nodiscard]] const char* to_string(Standing standing);

}  // namespace pgpool::decide
