// SPDX-License-Identifier: PostgreSQL
#pragma once

// Whether this host takes packets for an address.
//
// The kernel adds the local route of a new IPv6 address by a work item, after the request that added the
// address was confirmed. What arrives in between is dropped: the answer to a neighbour solicitation, which is
// repeated after a second, or a client's SYN.

#include "common/base/clock.h"
#include "vip/packet/ip_address.h"

namespace pgpool::vip {

// Waits for the route, for `bound` at most, in steps well below a millisecond. Whether it is there. For IPv4
// at once.
bool wait_until_local(const IpAddress& address, milliseconds bound);

}  // namespace pgpool::vip
