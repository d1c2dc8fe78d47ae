// SPDX-License-Identifier: PostgreSQL
#pragma once

// Whether the process may call itself alive: a worker's loop turns at least once a second, so one that has
// not turned for much longer hangs in something. Pure: the times are arguments.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

#include "common/base/clock.h"

namespace pgpool::server {

inline constexpr seconds kPatience{5};    // of the service manager, which starts us anew
inline constexpr seconds kStandstill{2};  // of the watchdog, which moves the addresses elsewhere

// The worker whose last turn is the longest ago, if that is too long. Nothing: all are alive.
[[nodiscard]] inline std::optional<std::size_t> stuck_worker(std::span<const TimePoint> last_turns,
                                                             TimePoint now, Duration patience) {
    const auto oldest = std::ranges::min_element(last_turns);
    if (oldest == last_turns.end() || now - *oldest < patience) return std::nullopt;
    return static_cast<std::size_t>(oldest - last_turns.begin());
}

}  // namespace pgpool::server
