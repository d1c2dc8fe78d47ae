// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/parking.h"

#include <algorithm>

namespace pgpool::watchdog {

bool Parking::begin(const Proxies& proxies, group::Stamp under) {
    under_ = under;
    awaited_ = {proxies.begin(), proxies.end()};
    std::erase_if(awaited_, [this](const Proxy& proxy) {
        const auto last = told_.find(proxy);
        return last != told_.end() && has_ended(last->second);
    });
    return awaited_.empty();
}

bool Parking::told(const Proxy& proxy, const bus::Parked& what) {
    told_[proxy] = what;
    return has_ended(what) && awaited_.erase(proxy) > 0 && awaited_.empty();
}

bool Parking::keep(const Proxies& present) {
    const auto is_away = [&](const Proxy& proxy) {
        return std::ranges::find(present, proxy) == present.end();
    };
    return std::erase_if(awaited_, is_away) > 0 && awaited_.empty();
}

bool Parking::has_ended(const bus::Parked& what) const {
    return group::Stamp{what.epoch, what.revision} >= under_ && what.clients_in_transaction == 0;
}

}  // namespace pgpool::watchdog
