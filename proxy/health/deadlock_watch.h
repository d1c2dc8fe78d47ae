// SPDX-License-Identifier: PostgreSQL
#pragma once

// DeadlockWatch: finds transactions of mode replication that wait for each other through several nodes
// (replication::find_deadlocks), and has the youngest of each cycle ended. It rests until somebody is stuck.
//
// Nodes and sessions are not asked at the same moment, so a cycle counts when it is found twice in a row with
// the same transactions: each wait was then seen between two moments at which those who are part of it were
// in the same transactions. A node that does not answer in time tells no waits in that round.
// Threads: public members from any thread, except that stop() must not run on this object's own thread.
// `census` and `end` are called on that thread and must not wait.

#include <functional>
#include <memory>
#include <vector>

#include "common/cluster/topology.h"
#include "common/config/config.h"
#include "proxy/replication/wait_graph.h"

namespace pgpool::health {

class DeadlockWatch {
public:
    using Participants = std::vector<replication::Participant>;
    using Topology = std::function<cluster::TopologyPtr()>;
    // Asks every worker for what its sessions hold; each of them calls `answer` once, on its own thread.
    using Census = std::function<void(const std::function<void(Participants part)>& answer)>;
    using End = std::function<void(const replication::TransactionId& victim)>;

    DeadlockWatch(config::ConfigPtr config, std::size_t workers, Topology topology, Census census, End end);
    ~DeadlockWatch();  // stops
    DeadlockWatch(const DeadlockWatch&) = delete;
    DeadlockWatch& operator=(const DeadlockWatch&) = delete;

    void start();
    void stop();
    void reload(config::ConfigPtr config);

    void look();  // somebody has been stuck for a while

private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace pgpool::health
