// SPDX-License-Identifier: PostgreSQL
#pragma once

// Monitor: watches every configured node and publishes what is known as cluster::Topology snapshots.
//
// One thread per node keeps one libpq connection open and probes it every `health.period`; a hung node never
// delays the others. Between probes the connection is polled: a dying server is seen by its EOF at once, not
// at the next probe. While there is no primary, after a loss, and after kick(), probes come every
// MonitorOptions::fast_period for a bounded time.
//
// Invariants: (1) snapshots are published in order of their version, one after every probe and every reload;
// (2) a NodeId belongs to one (name, host, port) and is never given to another; (3) after stop() returned
// nothing is published.
// Who decides about roles is a cluster::RoleDecider: the probes alone (follow mode); or what follow() was
// told last. In mode replication nodes that are in and that probes judge down are told to `suspected`, again
// after every probe. Threads: all members may be called from any thread. `publish`, `suspected` and `failed`
// run on a probe thread or on the caller of start(), reload() or follow(), under a lock of the monitor: they
// must only hand on what they get, never wait and never call the monitor.

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/cluster/role_decider.h"
#include "common/cluster/topology.h"
#include "common/config/config.h"

namespace pgpool::health {

struct MonitorOptions {
    milliseconds fast_period{20};            // between probes while somebody waits for news
    milliseconds kick_window{500};           // how long one kick() keeps a node at fast_period
    milliseconds no_primary_window{60'000};  // fast for this long without a primary, then slow_search_period
    milliseconds slow_search_period{100};
};

class Monitor {
public:
    using Publish = std::function<void(cluster::TopologyPtr)>;

    using Suspected = std::function<void(const std::vector<cluster::Suspect>& suspects, std::uint64_t epoch)>;

    Monitor(config::ConfigPtr config, Publish publish, MonitorOptions options = {});
    ~Monitor();  // stops
    Monitor(const Monitor&) = delete;
    Monitor& operator=(const Monitor&) = delete;

    void start();
    void stop();  // returns within about 50 ms, also when nodes hang

    // Nodes with the same name, host and port keep their NodeId and their history; one that comes back after
    // it was removed keeps its NodeId. A node whose host or port changed is another node.
    void reload(config::ConfigPtr config);

    // Probe this node now, and often for kick_window: the data plane saw an error, or a client waits for a
    // newer replay position. Cheap and coalesced: calling it for every error is fine. Unknown ids are
    // ignored.
    void kick(NodeId node, std::string_view reason);
    void kick_all(std::string_view reason);

    // Mode replication: who is in from now on, and whether anybody may be up; publishes. Before the first
    // call nobody is. REQUIRES: if `is_open`, all who are in have just answered the caller: what probes have
    // held against them is over.
    void follow(cluster::Membership membership, bool is_open);
    void on_suspected(Suspected suspected);  // before start()

    // The watchdog decides: roles and states are these from now on; publishes. Before the first call no node
    // has any.
    void follow(cluster::Decision decision);
    // A probe of this node has just failed, while this topology was in force.
    using Failed = std::function<void(const cluster::NodeEvidence& node, const cluster::Topology& under)>;
    void on_failure(Failed failed);  // before start()

    // Never null. Before the first probes every node is NodeState::Unknown.
    [[nodiscard]] cluster::TopologyPtr current() const;

private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace pgpool::health
