// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the operator wants: when no failover happens by itself, and when a node comes back by itself. Pure.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "watchdog/decide/choice.h"
#include "watchdog/decide/cluster_state.h"
#include "watchdog/decide/evidence.h"

namespace pgpool::decide {

enum class AutoFailback : std::uint8_t {
    Off,      // whoever is out stays out until the operator attaches it
    Standby,  // comes back as a standby, once it can follow the primary and was well for a while
};

struct Policy {
    bool does_failover = true;
    AutoFailback auto_failback = AutoFailback::Standby;
    Durability durability = Durability::Strict;
    std::size_t confirmations = 1;                   // standbys that confirm a commit; 0: asynchronous
    std::uint64_t maximum_lag = kDefaultMaximumLag;  // bytes
    // Damping: with so many failovers in that time, the next one waits for the operator or for time.
    std::size_t failovers = 3;
    seconds failovers_within = seconds(600);
    seconds return_after = seconds(10);       // how long a node must be well before it comes back
    seconds repoint_again = seconds(30);      // after a standby did not follow
    std::map<Phase, milliseconds> deadlines;  // other than the table's
};

// Whether it is that long since then, by clocks that need not agree: what is said to happen later than the
// wait would last was written by one that ran ahead, and nobody waits for that.
[[nodiscard]] bool has_passed(seconds wait, WallTime since, WallTime now);

// The operator's pause has lasted as long as it may.
[[nodiscard]] bool is_over(const Pause& pause, WallTime now);

// Why no failover happens by itself now, and until when; empty: nothing holds it back.
[[nodiscard]] std::string hold(const ClusterState& state, const Policy& policy, WallTime now);

// The rule by configuration: any `confirmations` of the standbys that are in service. Where strict has too
// few of them, those count as well to whom commits were promised and that were put out of service by
// themselves: commits wait then, until one is back or the operator detaches it.
[[nodiscard]] SyncRule wanted_sync(const ClusterState& state, const Policy& policy);

// The node that was promoted by a decider whose record is later than this one, which that decider could not
// tell anybody before it was lost: appointed, and its history goes on from the cluster's beyond that of all
// others. Empty: there is none, or several that do not know of each other. None is who was dropped before
// service went on without it; nor is there one while the primary of this record can have commits confirmed,
// which would be lost.
[[nodiscard]] std::string successor(const ClusterState& state, std::span<const NodeSight> nodes);

// After how long in it Event::Deadline comes; 0: the phase may last.
[[nodiscard]] milliseconds deadline_of(Phase phase, const Policy& policy);

struct StandingChange {
    std::string node;
    Standing standing = Standing::InService;
    std::string reason;
    friend bool operator==(const StandingChange&, const StandingChange&) = default;
};

// How long all members that look have seen the node well without a break; zero if one does not.
[[nodiscard]] Duration well_for(const Evidence& evidence, const std::string& node,
                                std::span<const std::string> members, TimePoint now);

// Who has to go out of service, and who may come back. A node in service goes out when it takes writes though
// another one is the primary, or when it stands on a timeline that is not the cluster's. A quarantined one
// comes back when it is a standby that can follow and was well for return_after. The operator's `Detached` is
// never touched. REQUIRES: Phase::Steady, and `nodes` were asked in one round, the primary among them:
// without it nothing is changed.
[[nodiscard]] std::vector<StandingChange> review_standing(const ClusterState& state,
                                                          std::span<const NodeSight> nodes,
                                                          const Evidence& evidence,
                                                          std::span<const std::string> members,
                                                          const Policy& policy, TimePoint now);

// Brings up to date what the state knows of its primary: its timeline, and which node it is where none was
// ever known: the only node that is reached and takes writes. True if something changed; an error, in words,
// if no primary is known and there is none, or more than one. REQUIRES: Phase::Steady, or no primary is
// known.
[[nodiscard]] Result<bool> refresh_primary(ClusterState& state, std::span<const NodeSight> nodes);

}  // namespace pgpool::decide
