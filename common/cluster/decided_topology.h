// SPDX-License-Identifier: PostgreSQL
#pragma once

// The Topology where the watchdog decides, from its Decision and from the probes. Pure.
//
// Role and state come from the decision. Probes add what is theirs: positions and lag, and which standbys
// this proxy can reach. They never make a node primary, and never end what runs at the primary; only while
// they judge it down nothing new is sent there, because it would fail. A standby that they judge down, or
// that is not in recovery, is down for this proxy.

#include <span>
#include <string_view>

#include "common/cluster/decision.h"
#include "common/cluster/topology_builder.h"

namespace pgpool::cluster {

// REQUIRES: `evidence` is ordered by NodeId.
[[nodiscard]] BuiltTopology build_decided_topology(std::span<const NodeEvidence> evidence,
                                                   const Decision& decision, const Topology& previous,
                                                   WallTime now);

// The same once its decision is withheld, for this reason: no primary.
[[nodiscard]] Topology withheld(const Topology& topology, std::string_view why);

}  // namespace pgpool::cluster
