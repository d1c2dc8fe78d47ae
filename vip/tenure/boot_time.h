// SPDX-License-Identifier: PostgreSQL
#pragma once

// Time since the machine was started, suspended time included (CLOCK_BOOTTIME): what leases are counted in.

#include <chrono>

namespace pgpool::vip {

using BootTime = std::chrono::nanoseconds;

inline constexpr BootTime kNever = BootTime::max();

}  // namespace pgpool::vip
