// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/decided_topology.h"

#include <fmt/core.h>

#include <utility>

#include "common/cluster/positions.h"

namespace pgpool::cluster {

namespace {

void set(NodeStatus& node, NodeState state, std::string reason) {
    node.state = state;
    node.role = Role::Unknown;
    node.reason = std::move(reason);
}

std::string words(const DecidedNode& node) {
    std::string text = fmt::format("the watchdog says: {}", to_string(node.standing));
    if (!node.reason.empty()) text += ", " + node.reason;
    return text;
}

bool serves(Standing standing) {
    return standing == Standing::Up || standing == Standing::Parked || standing == Standing::Unknown;
}

class Judge {
public:
    Judge(std::span<const NodeEvidence> evidence, const Decision& decision)
        : evidence_(evidence), decision_(decision) {}

    BuiltTopology run(const Topology& previous, WallTime now) {
        Topology& topology = built_.topology;
        topology.version = previous.version + 1;
        topology.decided = decision_.revision;
        topology.parked_because = "the watchdog names no primary";
        for (const NodeEvidence& evidence : evidence_) topology.nodes.push_back(judge(evidence));
        if (!decision_.withheld.empty()) topology.parked_because = decision_.withheld;
        if (topology.primary) topology.parked_because.clear();
        measure_standbys(topology);
        note_position(topology, previous);
        name_replication(topology, evidence_);
        stamp_changes(topology, previous, now);
        return std::move(built_);
    }

private:
    NodeStatus judge(const NodeEvidence& evidence) {
        NodeStatus node = status_of(evidence);
        const DecidedNode* decided = decision_.find(evidence.name);
        if (!decision_.revision) {
            set(node, NodeState::Unknown, decision_.withheld);
        } else if (decided == nullptr) {
            set(node, NodeState::Down, "the watchdog does not know it: are its nodes configured alike?");
        } else if (!serves(decided->standing)) {
            set(node, NodeState::Down, words(*decided));
        } else if (decided->role == Role::Primary) {
            judge_primary(node, *decided, evidence);
        } else {
            judge_standby(node, *decided, evidence);
        }
        return node;
    }

    void judge_primary(NodeStatus& node, const DecidedNode& decided, const NodeEvidence& evidence) {
        if (!decision_.withheld.empty()) return set(node, NodeState::Down, decision_.withheld);
        node.state = NodeState::Up;
        node.role = Role::Primary;
        node.replay_lsn = Lsn();
        if (evidence.known.in_recovery) {  // it was: the probe is older than its promotion
            node.sampled = TimePoint();
            node.write_lsn = Lsn();
        }
        std::string& because = built_.topology.parked_because;
        if (decided.standing != Standing::Up) {
            node.reason = words(decided);
            built_.topology.leaving = node.id;
            because = fmt::format("the role of {} moves to another node", node.name);
            if (!decided.reason.empty()) because = decided.reason;
            if (decided.standing == Standing::Unknown)
                because = fmt::format("the watchdog says of {} what this version does not know", node.name);
        } else if (evidence.state == NodeState::Down) {
            because = fmt::format("the primary {} does not answer: {}", node.name, evidence.reason);
        } else {
            built_.topology.primary = node.id;
        }
    }

    void judge_standby(NodeStatus& node, const DecidedNode& decided, const NodeEvidence& evidence) {
        if (decided.role != Role::Standby || decided.standing != Standing::Up) {
            set(node, NodeState::Down, words(decided));
        } else if (evidence.state == NodeState::Up && !evidence.known.in_recovery) {
            set(node, NodeState::Down, "it is not in recovery, but the watchdog has it for a standby");
            built_.conflicts.push_back(fmt::format("node {}: {}", node.name, node.reason));
        }
    }

    std::span<const NodeEvidence> evidence_;
    const Decision& decision_;
    BuiltTopology built_;
};

}  // namespace

BuiltTopology build_decided_topology(std::span<const NodeEvidence> evidence, const Decision& decision,
                                     const Topology& previous, WallTime now) {
    return Judge(evidence, decision).run(previous, now);
}

Topology withheld(const Topology& topology, std::string_view why) {
    Topology without = topology;
    for (NodeStatus& node : without.nodes) {
        if (node.role == Role::Primary) set(node, NodeState::Down, std::string(why));
    }
    without.primary.reset();
    without.leaving.reset();
    without.parked_because = why;
    return without;
}

const char* to_string(Standing standing) {
    switch (standing) {
        case Standing::Up:
            return "up";
        case Standing::Down:
            return "down";
        case Standing::Detached:
            return "detached";
        case Standing::Recovering:
            return "recovering";
        case Standing::Parked:
            return "parked";
        case Standing::Unknown:
            break;
    }
    return "unknown";
}

}  // namespace pgpool::cluster
