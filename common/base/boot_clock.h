// SPDX-License-Identifier: PostgreSQL
#pragma once

// Time as CLOCK_BOOTTIME has it: it never steps, goes on while the machine sleeps, and begins anew with each
// boot. Who must know how long ago something was, even after a suspend, counts in it; it means nothing to
// another machine. Only the type is here: pure code takes a BootTime as an argument, shells read the clock.

#include <chrono>
#include <cstdint>

namespace pgpool {

struct BootClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock>;
    static constexpr bool is_steady = true;
};

using BootTime = BootClock::time_point;
using BootDuration = BootClock::duration;

}  // namespace pgpool
