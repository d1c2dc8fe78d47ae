// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/heartbeats.h"

#include <algorithm>

namespace pgpool::watchdog {

void Heartbeats::turn(TimePoint now) {
    if (turned_ != TimePoint::max() && now - turned_ > kOwnStandstill) {
        for (auto& [client, heard] : last_) heard = std::min(heard + (now - turned_), now);
    }
    turned_ = now;
}

bool Heartbeats::stands_still(ipc::ClientId client, TimePoint now) const {
    const auto found = last_.find(client);
    return found != last_.end() && now - found->second > kPatience;
}

}  // namespace pgpool::watchdog
