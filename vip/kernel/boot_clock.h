// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reads CLOCK_BOOTTIME.

#include <ctime>

#include "vip/tenure/boot_time.h"

namespace pgpool::vip {

[[nodiscard]] inline BootTime boot_now() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace pgpool::vip
