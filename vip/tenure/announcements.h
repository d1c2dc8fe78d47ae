// SPDX-License-Identifier: PostgreSQL
#pragma once

// Announcements: when the network is told who holds an address.
//
// Often at first, since a frame may be lost or a switch be busy learning, then seldom, for hosts that have
// learnt something else in between. What fell due during a stall is one announcement, not a burst.

#include <cstddef>

#include "common/base/clock.h"
#include "vip/tenure/never.h"

namespace pgpool::vip {

class Announcements {
public:
    explicit Announcements(milliseconds period) : period_(period) {}  // REQUIRES: > 0

    // Starts anew; the first is due at once.
    void begin(BootTime now);
    // Whether one is due; it counts as made.
    [[nodiscard]] bool take_due(BootTime now);
    [[nodiscard]] BootTime next() const { return next_; }

private:
    [[nodiscard]] BootDuration offset(std::size_t index) const;

    milliseconds period_;
    BootTime began_;
    std::size_t index_ = 0;
    BootTime next_ = kNever;
};

}  // namespace pgpool::vip
