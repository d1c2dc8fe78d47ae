// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the data plane knows, in the words of the bus, and back. Pure.

#include "common/bus/messages.h"
#include "common/cluster/decider.h"
#include "common/cluster/decision.h"
#include "common/net/socket.h"

namespace pgpool::member {

[[nodiscard]] cluster::Decision decision_of(const bus::Topology& topology);

[[nodiscard]] bus::FailureClass failure_of(cluster::Reach reach);
[[nodiscard]] bus::Suspicion suspicion_of(cluster::Sign sign);

// Mode replication: the membership as the keeper has decided it, without page and revision.
[[nodiscard]] bus::Topology membership_of(const cluster::Topology& topology);

// Family::None of what is no IP address. An IPv4 address in IPv6 is told as IPv4.
[[nodiscard]] bus::Endpoint endpoint_of(const net::Address& address);

}  // namespace pgpool::member
