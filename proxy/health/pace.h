// SPDX-License-Identifier: PostgreSQL
#pragma once

// How soon a node is probed again. Pure: the time is an argument.

#include <optional>

#include "common/base/clock.h"
#include "common/cluster/topology.h"

namespace pgpool::health {

struct Pace {
    Duration period = seconds(1);
    Duration fast = milliseconds(20);
    Duration trouble_window = seconds(2);  // fast for this long after a loss, to tell a restart from an end
    Duration no_primary_window = seconds(60);
    Duration slow_search = milliseconds(100);
};

struct Situation {
    TimePoint now;
    bool connection_lost = false;               // since the last probe
    cluster::Reach reach = cluster::Reach::Ok;  // of the last probe
    std::optional<TimePoint> trouble_since;     // since when probes fail without a success between
    TimePoint kicked_until;
    std::optional<TimePoint> no_primary_since;
};

// The time from the start of one probe to the start of the next; never more than the period.
[[nodiscard]] Duration next_interval(const Situation& situation, const Pace& pace);

}  // namespace pgpool::health
