// SPDX-License-Identifier: PostgreSQL
#pragma once

// ServiceWatch: whether the virtual addresses, which are where the lease is, would serve clients better at
// another member, because the pgpool-proxy or the pgpool-vip here is gone. Pure.
//
// Against flapping: the program here must have been away for kAway, which a restart does not take; those
// there must have been there for kSteady without a break; and kAgain passes before the same member gives the
// lease away for this reason once more. Nothing moves back by itself. Times are the clock of whoever asks.
// Threads: one.

#include <map>
#include <optional>
#include <span>
#include <string>

#include "common/base/clock.h"

namespace pgpool::watchdog {

class ServiceWatch {
public:
    static constexpr seconds kAway{2};
    static constexpr seconds kSteady{10};
    static constexpr seconds kAgain{60};
    // Who was not heard of for so long begins anew.
    static constexpr seconds kGap{2};

    // What a member says of its programs; several times a second.
    void seen(const std::string& member, bool serves, TimePoint now);
    // As it said last, not long ago.
    [[nodiscard]] bool serves(const std::string& member, TimePoint now) const {
        return is_so(member, true, {}, now);
    }
    // The member of `others`, in their order, that should have the addresses instead of `self`; nothing: all
    // is well, or no other one would do.
    [[nodiscard]] std::optional<std::string> better(const std::string& self,
                                                    std::span<const std::string> others, TimePoint now) const;
    // The lease was offered to it.
    void moved(TimePoint now) { moved_ = now; }

private:
    struct Sight {
        bool serves = false;
        TimePoint since;
        TimePoint last;
    };
    [[nodiscard]] bool is_so(const std::string& member, bool serves, Duration since, TimePoint now) const;

    std::map<std::string, Sight> sights_;
    std::optional<TimePoint> moved_;
};

}  // namespace pgpool::watchdog
