// SPDX-License-Identifier: PostgreSQL
#pragma once

// From probes of the nodes to the next Topology. Two pure steps: record() keeps the evidence of one node,
// build_topology() judges all of them together.
//
// A node is up after one success. It is down after two refused connections in a row (nobody listens there:
// certain), or after `failures_to_down` failures of any class, of which at most one per `count_every` counts,
// so that probing fast does not condemn fast. A failure that is a sign of life (53300, all connections in
// use) never condemns.
//
// Which node is primary: up, not in recovery, of the cluster's system identifier, and on a timeline not lower
// than any that a node of this cluster was ever seen on; of several the one on the highest timeline, then
// the one that was primary before. All other claimants are put down, with the reason, and reported as
// conflicts: their data is not what the cluster agreed on. An old primary that returns while its successor is
// away is therefore not taken back by itself; removing the successor from the configuration does that.
//
// A standby on a lower timeline than the primary's stays up, but its replay position says nothing about the
// primary's WAL: replay_lsn is unknown (0) and lag_bytes is kLagUnknown.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/cluster/topology.h"

namespace pgpool::cluster {

// A row of pg_stat_replication of the primary.
struct ReplicationRow {
    std::string application_name;
    std::string client_address;
    std::string state;
    std::string sync_state;
};

struct ProbeResult {
    Reach reach = Reach::Ok;
    std::string reason;      // unless Ok
    bool life_sign = false;  // a failure that proves the server alive
    bool in_recovery = false;
    std::uint32_t timeline = 0;     // 0 = not permitted to know
    std::string system_identifier;  // empty = not permitted to know
    std::string server_version;
    Lsn write_lsn;
    Lsn replay_lsn;
    std::optional<microseconds> lag_time;
    std::vector<std::string> addresses;  // numeric, what the host's name resolved to
    std::vector<ReplicationRow> replication;
    TimePoint sent;   // when the probe began
    Duration took{};  // the probe
};

// What is remembered of one node between probes. `known` is the last success.
struct NodeEvidence {
    NodeId id;
    std::string name;
    std::string host;
    std::uint16_t port = 5432;
    double weight = 1.0;
    NodeState state = NodeState::Unknown;
    Reach reach = Reach::Ok;
    std::string reason;
    ProbeResult known;
    std::uint32_t refused_in_row = 0;
    std::uint32_t failures_in_row = 0;  // that counted
    TimePoint failure_counted_at;
    std::uint64_t probes = 0;
    std::uint64_t failed_probes = 0;
    ProbeTimes probe_times;
};

struct DownRule {
    std::uint32_t failures_to_down = 3;
    Duration count_every = seconds(1);
};

inline constexpr std::uint32_t kRefusedToDown = 2;

void record(NodeEvidence& evidence, ProbeResult result, const DownRule& rule, TimePoint now);

// What the evidence alone says: the role of a node that is up is Standby in recovery, else Primary.
[[nodiscard]] NodeStatus status_of(const NodeEvidence& evidence);
// last_change of every node: kept where state and role are as before.
void stamp_changes(Topology& topology, const Topology& previous, WallTime now);

// A node that must be taken out, mode replication.
struct Suspect {
    NodeId node;
    std::string reason;
    friend bool operator==(const Suspect&, const Suspect&) = default;
};

struct BuiltTopology {
    Topology topology;                   // version: previous + 1, always
    std::vector<std::string> conflicts;  // for people, to be logged loudly; empty is normal
    std::vector<Suspect> suspects;       // mode replication: attached, not the last, judged down by probes
};

// REQUIRES: `evidence` is ordered by NodeId.
[[nodiscard]] BuiltTopology build_topology(std::span<const NodeEvidence> evidence, const Topology& previous,
                                           WallTime now);

}  // namespace pgpool::cluster
