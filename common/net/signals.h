// SPDX-License-Identifier: PostgreSQL
#pragma once

// Signals as something to poll for, by a main thread that others are started from.

#include <initializer_list>

#include "common/base/error.h"
#include "common/base/unique_fd.h"

namespace pgpool::net {

// Readable when one of them has come (signalfd(2)). Blocks them for this thread and those that it starts.
[[nodiscard]] Result<UniqueFd> receive_signals(std::initializer_list<int> signals);

// The next one; 0: none.
[[nodiscard]] int next_signal(int fd);

}  // namespace pgpool::net
