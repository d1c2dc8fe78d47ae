// SPDX-License-Identifier: PostgreSQL
#pragma once

// The privileges of pgpool-vip: addresses and sockets of the network (CAP_NET_ADMIN) and raw frames
// (CAP_NET_RAW), nothing else, whoever starts it.

#include "common/base/error.h"

namespace pgpool::vip {

// Gives up every capability but those two, for ever: in the bounding set too, where that is allowed, and with
// no_new_privs, so that no program that is executed gets more. An error if one of the two is missing.
// Call it before any thread is started: capabilities belong to threads.
[[nodiscard]] Result<void> keep_network_privileges();

// Gives up all of them, for commands that only look.
[[nodiscard]] Result<void> give_up_privileges();

}  // namespace pgpool::vip
