// SPDX-License-Identifier: PostgreSQL
#pragma once

// Keeper: decides in mode replication which nodes are in, and makes them equal before anybody uses them.
//
// It keeps the cluster::Membership in a file. Before any node is up it *opens* the cluster: raises the epoch
// on all attached nodes, compares and repairs them (keeper/settlement.h), saves the membership, then
// publishes it. Each later change goes the same way. If that fails the cluster is closed: no node is up, and
// opening is tried again until it succeeds.
//
// In an appliance of several members each has a keeper, and who has the lease decides: it takes the cluster
// over, opens it, and changes the membership (docs/adr/0028-keeper-and-lease.md). Who has lost the lease
// goes on until another has raised the epoch, but decides nothing; it closes instead.
//
// Invariants: (1) a membership is published only after it is in force on every node that it has in, and in
// the file; (2) each one published has a higher epoch than all before, also over restarts; (3) the last
// attached node is never evicted; (4) the keeper changes nothing in a database but the markers, and what a
// repair repeats. Threads: one of its own, which waits for servers and the file; all members may be called
// from any thread and none waits, but load() and stop(). `publish` and `raise_sequence` are called on that
// thread or from load(); they may call the monitor.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/cluster/decider.h"
#include "common/cluster/replicated_topology.h"
#include "common/config/config.h"

namespace pgpool::keeper {

class Keeper final : public cluster::Decider {
public:
    using Publish = std::function<void(const cluster::Membership& membership, bool is_open)>;
    using RaiseSequence = std::function<void(std::uint64_t at_least)>;
    using Topology = std::function<cluster::TopologyPtr()>;
    // Of the lease that this member has now: its epoch, which differs for each; 0: it has none. Any thread.
    using Lease = std::function<std::uint64_t()>;
    using MayBeBuiltOn = std::function<bool(std::uint32_t slot)>;  // see exec::CommitGate

    Keeper(config::ConfigPtr config, Topology topology, Publish publish, RaiseSequence raise_sequence,
           MayBeBuiltOn may_be_built_on, Lease lease = {});  // without a lease there are no other members
    ~Keeper() override;                                      // stops

    // Reads the membership file and writes it: throws std::runtime_error if either fails. Before start().
    void load();
    void start();
    void stop();  // returns within about 50 ms
    void reload(config::ConfigPtr config);

    void report(NodeId node, std::uint64_t seen_epoch, cluster::Sign sign, std::string reason) override;
    void mark_refused(std::uint64_t seen_epoch) override;
    void prepared_left(std::uint64_t seen_epoch) override;
    // What probes say.
    void suspected(const std::vector<cluster::Suspect>& suspects, std::uint64_t seen_epoch);
    void attach(std::string name, cluster::Proof proof, Done done) override;
    void detach(std::string name, std::string reason, Done done) override;

private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace pgpool::keeper
