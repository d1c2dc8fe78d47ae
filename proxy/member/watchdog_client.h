// SPDX-License-Identifier: PostgreSQL
#pragma once

// WatchdogClient: the proxy's end of the bus of its appliance member.
//
// Mode streaming: what the watchdog has decided comes in and goes to `decided`; what probes and sessions have
// seen goes out as observations. While a primary is parked it counts the clients that still have something
// under way there and tells the watchdog. Mode replication: the keeper decides; its membership and
// observations go out, and lease() tells it whether this member may decide. Both: the clients of virtual
// addresses go out, so that they can be told of a take-over.
//
// Threads: it has one of its own, on which all functions of the wiring are called; none of its functions
// waits, but stop().

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/boot_clock.h"
#include "common/bus/messages.h"
#include "common/cluster/decider.h"
#include "common/cluster/decision.h"
#include "common/cluster/topology_builder.h"
#include "common/config/config.h"
#include "common/ipc/member_bus.h"

namespace pgpool::member {

// For SHOW.
struct WatchdogStatus {
    bool is_up = false;
    std::string member;  // as the hub says; empty: not heard of it yet
    std::string away;    // why, unless up
    std::uint64_t epoch = 0;
    std::uint64_t revision = 0;
    std::string lease_holder;        // empty: nobody
    std::int64_t lease_left_ms = 0;  // of what is known, 0: over
    std::uint64_t ignored = 0;       // topologies that were older than the one in force
    std::uint64_t observed = 0;      // observations told
    std::uint64_t suppressed = 0;    // ... and not, as they were many
};

class WatchdogClient {
public:
    // Calls back with the sum or the union over all workers, on any thread; not at all if one hangs.
    using Count = std::function<void(NodeId leaving, std::function<void(std::uint32_t)> answer)>;
    using List = std::function<void(std::function<void(std::vector<bus::Connection>)> answer)>;

    struct Wiring {
        std::function<void(cluster::Decision)> decided;  // mode streaming
        // The same, durability `available`: until when what was decided may be acted on. What was decided
        // until this is told was told before.
        std::function<void(BootTime)> good_until;
        Count clients_in_transaction;
        std::function<std::uint64_t()> connections_seen;  // differs if the next may differ
        List clients_of_virtual_addresses;
        std::function<bool()> is_alive;  // no worker hangs
    };

    WatchdogClient(config::ConfigPtr config, ipc::MemberBus bus, Wiring wiring);
    WatchdogClient(const WatchdogClient&) = delete;
    WatchdogClient& operator=(const WatchdogClient&) = delete;
    ~WatchdogClient();

    void start();
    void reload(config::ConfigPtr config);
    void stop();  // nothing is called from then on

    // Any thread, under any lock of the caller. `under`: the topology in force there.
    void probe_failed(const cluster::NodeEvidence& node, const cluster::Topology& under);
    void session_failed(NodeId node, const cluster::Topology& under, std::string_view reason);
    void node_failed(NodeId node, std::uint64_t epoch, cluster::Sign sign, const std::string& reason);
    void on_topology(cluster::TopologyPtr topology);  // each that is published

    // Any thread. The epoch of the lease that this member has now; 0: it has none, or hands it over.
    [[nodiscard]] std::uint64_t lease() const;
    [[nodiscard]] WatchdogStatus status() const;

private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace pgpool::member
