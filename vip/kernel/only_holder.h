// SPDX-License-Identifier: PostgreSQL
#pragma once

// One holder of addresses per host: a second one would take the addresses of the first for stale ones.

#include "common/base/error.h"
#include "common/base/unique_fd.h"

namespace pgpool::vip {

// Ours as long as the descriptor lives, and no longer than the process: a name of a socket, which the kernel
// keeps per network namespace, as it does the addresses. An error if another process has it for a second.
[[nodiscard]] Result<UniqueFd> be_the_only_holder();

}  // namespace pgpool::vip
