// SPDX-License-Identifier: PostgreSQL
#pragma once

// The clock that leases are counted by: CLOCK_BOOTTIME, some 20 ns a call (vDSO). Threads: any.

#include "common/base/boot_clock.h"

namespace pgpool::page {

[[nodiscard]] BootTime boot_now();

}  // namespace pgpool::page
