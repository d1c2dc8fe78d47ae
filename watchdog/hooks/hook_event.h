// SPDX-License-Identifier: PostgreSQL
#pragma once

// What operators are told of by commands of their own (section `hooks` of the configuration), and what such a
// command gets. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "watchdog/decide/cluster_state.h"

namespace pgpool::hooks {

enum class HookKind : std::uint8_t {
    Failover,  // another node is the primary
    Failback,  // a node is in service again
    Notify,    // anything else
};

struct HookEvent {
    HookKind kind = HookKind::Notify;
    std::string name;         // "failover", "switchover", "failback", "node_out", "blocked", ...
    std::string node;         // whom it is about; empty: no node
    std::string old_primary;  // of a failover or switchover
    std::string primary;      // now; empty: none is known
    std::string reason;       // in words
    std::uint64_t epoch = 0;  // of the lease that it was decided under
    friend bool operator==(const HookEvent&, const HookEvent&) = default;
};

// What has happened between two states that were recorded one after the other. Order: roles, nodes, phase,
// maintenance.
[[nodiscard]] std::vector<HookEvent> events_between(const decide::ClusterState& before,
                                                    const decide::ClusterState& after, std::uint64_t epoch);

[[nodiscard]] HookEvent lease_taken(const decide::ClusterState& state, std::uint64_t epoch);

// A command to be run.
struct HookJob {
    std::string event;
    std::vector<std::string> words;        // the program and its arguments; no shell
    std::vector<std::string> environment;  // "NAME=value", those that say what has happened
    std::string input;                     // the same as JSON, one line
    milliseconds timeout{0};
    TimePoint not_before;  // what it is about, a takeover, is to be over by then
};

struct HookPlace {
    std::string member;  // this one
    TimePoint time;
    WallTime wall;
};

// The command for its kind, and hooks.notify, which is for all kinds; none that is not configured.
[[nodiscard]] std::vector<HookJob> jobs_of(const HookEvent& event, const config::Config& config,
                                           const HookPlace& place);

}  // namespace pgpool::hooks
