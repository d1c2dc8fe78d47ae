// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/service_watch.h"

#include <algorithm>

namespace pgpool::watchdog {

void ServiceWatch::seen(const std::string& member, bool serves, TimePoint now) {
    const auto [found, is_new] = sights_.try_emplace(member);
    Sight& sight = found->second;
    if (is_new || sight.serves != serves || now - sight.last > kGap) sight.since = now;
    sight.serves = serves;
    sight.last = now;
}

std::optional<std::string> ServiceWatch::better(const std::string& self, std::span<const std::string> others,
                                                TimePoint now) const {
    if (!is_so(self, false, kAway, now) || (moved_ && now - *moved_ < kAgain)) return std::nullopt;
    const auto found = std::ranges::find_if(
        others, [&](const std::string& member) { return is_so(member, true, kSteady, now); });
    if (found == others.end()) return std::nullopt;
    return *found;
}

bool ServiceWatch::is_so(const std::string& member, bool serves, Duration since, TimePoint now) const {
    const auto found = sights_.find(member);
    if (found == sights_.end()) return false;
    const Sight& sight = found->second;
    return sight.serves == serves && now - sight.last <= kGap && now - sight.since >= since;
}

}  // namespace pgpool::watchdog
