// SPDX-License-Identifier: PostgreSQL
#pragma once

// What is known of the PostgreSQL nodes at one moment: an immutable snapshot, replaced whole, never edited.
//
// Invariants: (1) `nodes` is ordered by NodeId and holds every configured node, whatever its state; (2)
// `primary` names a node that is up and writable, or nothing; (3) a higher `version` is newer. Threads: made
// by the health monitor, read by every worker through shared_ptr<const Topology>.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/cluster/fence.h"

namespace pgpool::cluster {

// Mode replication: the main node, to which every write goes first, is the Primary, the others are Replicas:
// what was committed is on all of them that are up.
enum class Role : std::uint8_t { Unknown, Primary, Standby, Replica };
enum class NodeState : std::uint8_t { Unknown, Up, Down };

// Why a probe of a node failed; evidence is kept apart by class.
enum class Reach : std::uint8_t { Ok, Unresolved, Refused, Unreachable, Timeout, Auth, Startup, Query };

// What probing a node was like since it is known, for SHOW POOL_HEALTH_CHECK_STATS.
struct ProbeTimes {
    std::uint64_t after_failure = 0;        // probes made because the one before had failed
    std::uint64_t longest_failure_run = 0;  // failures in a row
    std::uint64_t failure_run = 0;          // the one that lasts
    Duration total{};                       // how long all probes took
    Duration longest{};
    Duration shortest{};
    std::optional<TimePoint> last;
    std::optional<TimePoint> last_success;
    std::optional<TimePoint> last_failure;
};

inline constexpr std::uint64_t kLagUnknown = std::numeric_limits<std::uint64_t>::max();

struct NodeStatus {
    NodeId id;
    std::string name;
    std::string host;  // a name, an address, or a directory that holds the UNIX socket (begins with '/')
    std::uint16_t port = 5432;
    double weight = 1.0;
    Role role = Role::Unknown;
    NodeState state = NodeState::Unknown;
    bool is_taken_out = false;  // mode replication: not attached. Down alone may be the last one, that rests
    std::uint64_t given_under = 0;  // as of Member
    Reach reach = Reach::Ok;
    std::string reason;  // in words, when not up
    std::uint32_t timeline = 0;
    std::string system_identifier;
    std::string server_version;  // as in the parameter server_version
    TimePoint sampled;           // when the last successful probe was sent: positions are not older than this
    Lsn write_lsn;               // primary: pg_current_wal_insert_lsn()
    Lsn replay_lsn;              // standby: pg_last_wal_replay_lsn()
    std::uint64_t lag_bytes = 0;
    std::optional<microseconds> lag_time;
    std::string replication_state;       // from pg_stat_replication of the primary
    std::string replication_sync_state;  // async, sync, quorum, potential
    WallTime last_change;                // of state or role
    std::uint64_t probes = 0;
    std::uint64_t failed_probes = 0;
    ProbeTimes probe_times;
};

// Which topology of the watchdog's: a higher one is newer.
struct Revision {
    std::uint64_t epoch = 0;
    std::uint64_t number = 0;
    friend auto operator<=>(const Revision&, const Revision&) = default;
};

struct Topology {
    std::uint64_t version = 0;
    std::vector<NodeStatus> nodes;
    std::optional<NodeId> primary;
    // Mode replication: raised in the nodes' databases before a change of who is in is published; a
    // transaction that was begun under a lower one cannot commit. 0: not in that mode.
    std::uint64_t epoch = 0;
    Fence fence;               // of the epoch
    bool can_prepare = false;  // as of Membership
    // The last known position of a primary, and when it was asked for: what was committed before is not
    // behind it. Kept while there is no primary.
    TimePoint written_at;
    Lsn written;
    // The watchdog's decision that roles and states are by; none: it does not decide, or has told nothing
    // yet.
    std::optional<Revision> decided;
    std::optional<NodeId> leaving;  // a primary whose role moves: what runs there ends, nothing begins
    std::string parked_because;     // why there is no primary, if the watchdog decides

    [[nodiscard]] const NodeStatus* find(NodeId id) const {
        for (const NodeStatus& node : nodes) {
            if (node.id == id) return &node;
        }
        return nullptr;
    }
    [[nodiscard]] std::size_t nodes_up() const {
        std::size_t count = 0;
        for (const NodeStatus& node : nodes) count += node.state == NodeState::Up ? 1 : 0;
        return count;
    }
    [[nodiscard]] const NodeStatus* any_standby() const {  // that is up; null: none
        for (const NodeStatus& node : nodes) {
            if (node.state == NodeState::Up && node.role == Role::Standby) return &node;
        }
        return nullptr;
    }
    [[nodiscard]] const NodeStatus* primary_node() const { return primary ? find(*primary) : nullptr; }
    // Who answers what any node can answer, best of all the primary; null: none is up.
    [[nodiscard]] const NodeStatus* primary_or_standby() const {
        const NodeStatus* node = primary_node();
        return node != nullptr ? node : any_standby();
    }
};

using TopologyPtr = std::shared_ptr<const Topology>;

// What who has waited for a primary so long in vain is told.
[[nodiscard]] std::string no_primary_within(milliseconds waited, const Topology& topology);

[[nodiscard]] const char* to_string(Role role);
[[nodiscard]] const char* to_string(NodeState state);
[[nodiscard]] const char* to_string(Reach reach);

}  // namespace pgpool::cluster
