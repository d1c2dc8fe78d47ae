// SPDX-License-Identifier: PostgreSQL
#pragma once

// What people call the role of a node: in mode replication the primary is the main node. Pure.

#include "common/cluster/topology.h"

namespace pgpool::cluster {

[[nodiscard]] inline const char* primary_name(const Topology& topology) {
    return topology.epoch > 0 ? "main" : "primary";
}

[[nodiscard]] inline const char* role_name(const Topology& topology, const NodeStatus& node) {
    return node.role == Role::Primary ? primary_name(topology) : to_string(node.role);
}

}  // namespace pgpool::cluster
