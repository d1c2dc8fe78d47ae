// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the bus tells of clients, as connections. Pure.

#include <vector>

#include "common/bus/messages.h"
#include "vip/packet/tickle.h"

namespace pgpool::vip {

// Without those that no connection can be: an end without an address, or both ends of different families.
[[nodiscard]] std::vector<Connection> connections_of(const bus::ClientList& list);

}  // namespace pgpool::vip
