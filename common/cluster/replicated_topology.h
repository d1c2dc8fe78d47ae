// SPDX-License-Identifier: PostgreSQL
#pragma once

// The Topology of mode replication, from the probes and from the Membership. Pure.
//
// A node is up iff it is attached and the cluster is open: probes alone never change who is up, because a
// transaction must reach every node that is attached in its epoch. An attached node that probes judge down is
// a suspect: who keeps the membership takes it out and publishes that under a higher epoch. The last attached
// node has nobody to take over from it: it is down while its probes fail, and up again after.
//
// While the cluster is not open nothing is known of any attached node: it may lack what others have.

#include <span>
#include <string>
#include <vector>

#include "common/cluster/membership.h"
#include "common/cluster/topology_builder.h"

namespace pgpool::cluster {

// REQUIRES: `evidence` is ordered by NodeId.
[[nodiscard]] BuiltTopology build_replicated_topology(std::span<const NodeEvidence> evidence,
                                                      const Membership& membership, bool is_open,
                                                      const Topology& previous, WallTime now);

}  // namespace pgpool::cluster
