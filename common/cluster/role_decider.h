// SPDX-License-Identifier: PostgreSQL
#pragma once

// RoleDecider: who says which role and state each node has. One implementation each for the proxy alone, for
// the keeper of a membership (mode replication), and for the watchdog. Pure: an immutable value of what was
// decided last, replaced whole; the evidence of the probes is told to it whenever that changes.

#include <memory>
#include <span>
#include <utility>

#include "common/cluster/decided_topology.h"
#include "common/cluster/replicated_topology.h"
#include "common/cluster/topology_builder.h"

namespace pgpool::cluster {

class RoleDecider {
public:
    RoleDecider() = default;
    RoleDecider(const RoleDecider&) = delete;
    RoleDecider& operator=(const RoleDecider&) = delete;
    virtual ~RoleDecider() = default;

    // REQUIRES: `evidence` is ordered by NodeId.
    [[nodiscard]] virtual BuiltTopology decide(std::span<const NodeEvidence> evidence,
                                               const Topology& previous, WallTime now) const = 0;
};
using RoleDeciderPtr = std::shared_ptr<const RoleDecider>;

// Follow mode: the roles that the nodes have, by the probes alone.
class ByEvidence final : public RoleDecider {
public:
    [[nodiscard]] BuiltTopology decide(std::span<const NodeEvidence> evidence, const Topology& previous,
                                       WallTime now) const override {
        return build_topology(evidence, previous, now);
    }
};

class ByMembership final : public RoleDecider {
public:
    ByMembership(Membership membership, bool is_open)
        : membership_(std::move(membership)), is_open_(is_open) {}
    [[nodiscard]] BuiltTopology decide(std::span<const NodeEvidence> evidence, const Topology& previous,
                                       WallTime now) const override {
        return build_replicated_topology(evidence, membership_, is_open_, previous, now);
    }

private:
    const Membership membership_;
    const bool is_open_;
};

class ByDecision final : public RoleDecider {
public:
    explicit ByDecision(Decision decision) : decision_(std::move(decision)) {}
    [[nodiscard]] BuiltTopology decide(std::span<const NodeEvidence> evidence, const Topology& previous,
                                       WallTime now) const override {
        return build_decided_topology(evidence, decision_, previous, now);
    }

private:
    const Decision decision_;
};

}  // namespace pgpool::cluster
