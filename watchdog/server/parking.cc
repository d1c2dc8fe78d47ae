// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/parking.h"

namespace pgpool::watchdog {

bool Parking::begin(const std::vector<ipc::ClientId>& proxies, group::Stamp under) {
    under_ = under;
    awaited_ = {proxies.begin(), proxies.end()};
    std::erase_if(awaited_, [this](ipc::ClientId proxy) {
        const auto last = told_.find(proxy);
        return last != told_.end() && has_ended(last->second);
    });
    return awaited_.empty();
}

bool Parking::told(ipc::ClientId proxy, const bus::Parked& what) {
    told_[proxy] = what;
    return has_ended(what) && strike_off(proxy);
}

bool Parking::gone(ipc::ClientId proxy) {
    told_.erase(proxy);
    return strike_off(proxy);
}

bool Parking::has_ended(const bus::Parked& what) const {
    return group::Stamp{what.epoch, what.revision} >= under_ && what.clients_in_transaction == 0;
}

bool Parking::strike_off(ipc::ClientId proxy) {
    return awaited_.erase(proxy) > 0 && awaited_.empty();
}

}  // namespace pgpool::watchdog
