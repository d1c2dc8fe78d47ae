// SPDX-License-Identifier: PostgreSQL
#include "common/page/boot_now.h"

#include <time.h>

namespace pgpool::page {

BootTime boot_now() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return BootTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace pgpool::page
