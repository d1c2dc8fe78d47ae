// SPDX-License-Identifier: PostgreSQL
#include "proxy/member/observation_limiter.h"

#include <algorithm>

namespace pgpool::member {

bool ObservationLimiter::is_worst(const bus::Observation& observation) const {
    return std::none_of(told_.begin(), told_.end(), [&](const auto& told) {
        const auto& [node, epoch, suspicion, failure] = told.first;
        return node == observation.node && epoch == observation.epoch && suspicion >= observation.suspicion;
    });
}

bool ObservationLimiter::admits(const bus::Observation& observation, TimePoint now) {
    std::erase_if(told_, [now](const auto& told) { return now - told.second >= kAgain; });
    if (now - second_ >= seconds(1)) {
        second_ = now;
        told_in_second_ = 0;
    }
    const Key key{observation.node, observation.epoch, observation.suspicion, observation.failure};
    if (told_.contains(key)) return false;
    if (told_in_second_ >= kMost && !is_worst(observation)) return false;
    ++told_in_second_;
    told_.emplace(key, now);
    return true;
}

}  // namespace pgpool::member
