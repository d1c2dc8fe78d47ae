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

std::optional<std::uint32_t> Parking::under_way(const Proxies& proxies, group::Stamp under) const {
    std::uint32_t sum = 0;
    for (const Proxy& proxy : proxies) {
        const auto last = told_.find(proxy);
        if (last == told_.end() || group::Stamp{last->second.epoch, last->second.revision} < under)
            return std::nullopt;
        sum += last->second.clients_in_transaction;
    }
    return sum;
}

bool Parking::has_ended(const bus::Parked& what) const {
    return group::Stamp{what.epoch, what.revision} >= under_ && what.clients_in_transaction == 0;
}

}  // namespace pgpool::watchdog
