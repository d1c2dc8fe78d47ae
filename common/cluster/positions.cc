// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/positions.h"

#include <fmt/core.h>

#include <algorithm>

namespace pgpool::cluster {

namespace {

const ReplicationRow* row_of(const NodeEvidence& node, const std::vector<ReplicationRow>& rows) {
    for (const ReplicationRow& row : rows) {
        if (row.application_name == node.name) return &row;
    }
    const auto comes_from_node = [&](const ReplicationRow& row) {
        return !row.client_address.empty() &&
               std::ranges::find(node.known.addresses, row.client_address) != node.known.addresses.end();
    };
    // Several servers on one address cannot be told apart: then better nothing than the wrong row.
    if (std::ranges::count_if(rows, comes_from_node) != 1) return nullptr;
    return &*std::ranges::find_if(rows, comes_from_node);
}

}  // namespace

void measure_standbys(Topology& topology) {
    const NodeStatus* primary = topology.primary_node();
    if (primary == nullptr) return;
    for (NodeStatus& node : topology.nodes) {
        if (node.state != NodeState::Up || node.role != Role::Standby) continue;
        if (node.timeline != 0 && node.timeline < primary->timeline) {
            node.replay_lsn = Lsn();
            node.lag_bytes = kLagUnknown;
            node.reason =
                fmt::format("on timeline {}, the primary is on {}", node.timeline, primary->timeline);
        } else if (primary->write_lsn > node.replay_lsn) {
            node.lag_bytes = primary->write_lsn.value - node.replay_lsn.value;
        }
    }
}

void name_replication(Topology& topology, std::span<const NodeEvidence> evidence) {
    if (!topology.primary) return;
    const auto primary = std::ranges::find(evidence, *topology.primary, &NodeEvidence::id);
    for (std::size_t i = 0; i < evidence.size(); ++i) {
        if (evidence[i].id == primary->id) continue;
        const ReplicationRow* row = row_of(evidence[i], primary->known.replication);
        if (row == nullptr) continue;
        topology.nodes[i].replication_state = row->state;
        topology.nodes[i].replication_sync_state = row->sync_state;
    }
}

void note_position(Topology& topology, const Topology& previous) {
    const NodeStatus* primary = topology.primary_node();
    topology.written_at = primary != nullptr ? primary->sampled : previous.written_at;
    topology.written = primary != nullptr ? primary->write_lsn : previous.written;
}

}  // namespace pgpool::cluster
