// SPDX-License-Identifier: PostgreSQL
#pragma once

// The tickle: an ACK of a connection that the new holder of an address knows only by its two ends. The client
// finds its numbers impossible and answers with the right ones (RFC 9293, 3.10.7.4); the new holder's kernel
// knows no such connection and resets it. So a client that only waits learns at once that the holder has
// changed. The method is known from CTDB.

#include <string>

#include "vip/packet/ip_address.h"

namespace pgpool::vip {

struct Connection {
    Endpoint own;  // the virtual address
    Endpoint client;
    friend auto operator<=>(const Connection&, const Connection&) = default;
};

// An IPv4 or IPv6 packet from `own` to the client. REQUIRES: both ends of one family.
[[nodiscard]] std::string tickle(const Connection& connection);

}  // namespace pgpool::vip
