// SPDX-License-Identifier: PostgreSQL
#pragma once

// ObservationLimiter: which observations are told to the watchdog, however many sessions and probes make the
// same one. Pure.
//
// The same (node, suspicion, class, epoch) at most once in kAgain: four times within the two seconds that the
// decider takes a member's word for true. In all at most kMost in a second. What is worse than anything told
// of that node under that epoch in the last kAgain always passes: it is what a failover begins with.

#include <cstdint>
#include <map>
#include <tuple>

#include "common/base/clock.h"
#include "common/bus/messages.h"

namespace pgpool::member {

class ObservationLimiter {
public:
    static constexpr milliseconds kAgain{500};
    static constexpr std::size_t kMost = 20;

    // Whether it is to be told now; then it counts as told.
    [[nodiscard]] bool admits(const bus::Observation& observation, TimePoint now);
    void forget() { told_.clear(); }  // the hub that was told is gone

private:
    using Key = std::tuple<std::uint16_t, std::uint64_t, bus::Suspicion, bus::FailureClass>;
    [[nodiscard]] bool is_worst(const bus::Observation& observation) const;

    std::map<Key, TimePoint> told_;  // in the last kAgain
    TimePoint second_;               // that told_in_second_ counts
    std::size_t told_in_second_ = 0;
};

}  // namespace pgpool::member
