// SPDX-License-Identifier: PostgreSQL
#pragma once

// TCP connections of this host at a virtual address: listing and closing them (sock_diag(7)).
//
// With thousands of clients this takes a while: not for the thread that holds the addresses. Threads: any.

#include <cstddef>
#include <vector>

#include "vip/packet/tickle.h"

namespace pgpool::vip {

// Those that a client can believe in; not listening ones, nor those that only wait for their end.
[[nodiscard]] Result<std::vector<Connection>> connections_at(const IpAddress& address);

// Ends them: their owners get ECONNABORTED, their clients a reset where the network still lets one through.
// How many were ended. After the address is gone they would live on without a way to their clients.
[[nodiscard]] Result<std::size_t> close_connections_at(const IpAddress& address);

}  // namespace pgpool::vip
