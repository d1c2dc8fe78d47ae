// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/replicated_topology.h"

#include <fmt/core.h>

#include <limits>
#include <utility>

namespace pgpool::cluster {

namespace {

constexpr Lsn kHasAll{std::numeric_limits<std::uint64_t>::max()};

void set(NodeStatus& node, NodeState state, std::string reason) {
    node.state = state;
    node.role = Role::Unknown;
    node.reason = std::move(reason);
}

void take_in(NodeStatus& node, bool is_main) {
    node.state = NodeState::Up;
    node.reason.clear();
    node.lag_bytes = 0;
    node.lag_time.reset();
    node.role = is_main ? Role::Primary : Role::Replica;
    node.replay_lsn = is_main ? Lsn() : kHasAll;  // each has a WAL of its own
}

NodeStatus judge(const NodeEvidence& evidence, const Membership& membership, bool is_open) {
    NodeStatus node = status_of(evidence);
    const Member* member = membership.find(evidence.name);
    const bool is_last = membership.is_last(evidence.name);
    if (member != nullptr) node.given_under = member->given_under;
    if (member != nullptr && !member->is_attached) {
        set(node, NodeState::Down, fmt::format("taken out: {}", member->reason));
        node.is_taken_out = true;
    } else if (member == nullptr || !is_open) {
        set(node, NodeState::Unknown,
            membership.not_open.empty() ? "the cluster is being opened"
                                        : "the cluster is not open: " + membership.not_open);
    } else if (is_last && evidence.state == NodeState::Down) {
        set(node, NodeState::Down, evidence.reason);
    } else {
        take_in(node, evidence.name == membership.main);
    }
    return node;
}

}  // namespace

BuiltTopology build_replicated_topology(std::span<const NodeEvidence> evidence, const Membership& membership,
                                        bool is_open, const Topology& previous, WallTime now) {
    BuiltTopology built;
    built.topology.version = previous.version + 1;
    built.topology.epoch = membership.epoch;
    built.topology.fence = membership.fence;
    built.topology.can_prepare = membership.can_prepare;
    for (const NodeEvidence& one : evidence) {
        NodeStatus node = judge(one, membership, is_open);
        if (node.role == Role::Primary) built.topology.primary = node.id;
        const bool is_in = is_open && membership.is_attached(one.name) && !membership.is_last(one.name);
        if (is_in && one.state == NodeState::Down) built.suspects.push_back({one.id, one.reason});
        built.topology.nodes.push_back(std::move(node));
    }
    stamp_changes(built.topology, previous, now);
    return built;
}

}  // namespace pgpool::cluster
