// SPDX-License-Identifier: PostgreSQL
#pragma once

// Where standbys are in the primary's WAL, once it is known who is primary; whoever said so. Pure.

#include <span>

#include "common/cluster/topology_builder.h"

namespace pgpool::cluster {

// How far each standby is behind the primary.
void measure_standbys(Topology& topology);

// What the primary tells of each standby's replication. REQUIRES: both are ordered by NodeId, of equal
// length.
void name_replication(Topology& topology, std::span<const NodeEvidence> evidence);

// The primary's position, or the last one known.
void note_position(Topology& topology, const Topology& previous);

}  // namespace pgpool::cluster
