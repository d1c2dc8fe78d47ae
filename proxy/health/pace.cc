// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/pace.h"

#include <algorithm>

namespace pgpool::health {

namespace {

using cluster::Reach;

// A failure of this class is cheap to repeat and its repetition tells something.
bool worth_repeating(Reach reach) {
    return reach == Reach::Refused || reach == Reach::Unreachable || reach == Reach::Startup;
}

Duration wanted_interval(const Situation& situation, const Pace& pace) {
    if (situation.connection_lost) return pace.fast;
    // A wrong password stays wrong, and every attempt is a line in the server's log.
    if (situation.reach == Reach::Auth) return pace.period;
    if (situation.now < situation.kicked_until) return pace.fast;
    const bool recent_trouble =
        situation.trouble_since && situation.now - *situation.trouble_since < pace.trouble_window;
    if (recent_trouble && worth_repeating(situation.reach)) return pace.fast;
    if (!situation.no_primary_since) return pace.period;
    const bool recent_search = situation.now - *situation.no_primary_since < pace.no_primary_window;
    return recent_search ? pace.fast : pace.slow_search;
}

}  // namespace

Duration next_interval(const Situation& situation, const Pace& pace) {
    return std::min(wanted_interval(situation, pace), pace.period);
}

}  // namespace pgpool::health
