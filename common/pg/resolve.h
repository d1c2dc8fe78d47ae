// SPDX-License-Identifier: PostgreSQL
#pragma once

// Host names to numeric addresses, within a deadline.
//
// getaddrinfo(3) can neither be given a deadline nor be interrupted, and libpq calls it where it blocks the
// caller. Here it runs in a thread of its own that is left behind when it is late; numeric addresses and
// UNIX socket directories (beginning with '/') need none.
// Threads: any.

#include <atomic>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/error.h"

namespace pgpool::pg {

// Addresses in the order of the resolver's preference, without duplicates; the directory itself for a UNIX
// socket. An Error when the name is unknown, late, or `stop` became true.
[[nodiscard]] Result<std::vector<std::string>> resolve(const std::string& host, TimePoint deadline,
                                                       const std::atomic<bool>* stop);

}  // namespace pgpool::pg
