// SPDX-License-Identifier: PostgreSQL
#pragma once

// The time of what is not due, or does not end.

#include "common/base/boot_clock.h"

namespace pgpool::vip {

inline constexpr BootTime kNever = BootTime::max();

}  // namespace pgpool::vip
