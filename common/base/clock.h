// SPDX-License-Identifier: PostgreSQL
#pragma once

// Time as the project uses it. Pure code takes a TimePoint as an argument and never reads a clock.

#include <chrono>

namespace pgpool {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using Duration = SteadyClock::duration;
using WallTime = std::chrono::system_clock::time_point;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace pgpool
