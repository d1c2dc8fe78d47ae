// SPDX-License-Identifier: PostgreSQL
#pragma once

// Parking: which proxies have something under way at a primary that is parked. A proxy learns of it from the
// topology, which says so as soon as the record does; the order to wait comes once all members have that
// record. So a proxy without clients has told that nothing is under way before, and says it once: what was
// told last is kept. Pure; one thread.

#include <map>
#include <set>
#include <vector>

#include "common/bus/messages.h"
#include "common/ipc/hub.h"
#include "watchdog/group/exchange.h"

namespace pgpool::watchdog {

class Parking {
public:
    // Each says whether this was the end: no proxy is waited for any more.
    [[nodiscard]] bool begin(const std::vector<ipc::ClientId>& proxies, group::Stamp under);
    [[nodiscard]] bool told(ipc::ClientId proxy, const bus::Parked& what);
    [[nodiscard]] bool gone(ipc::ClientId proxy);

    // Nobody waits for it.
    void cancel() { awaited_.clear(); }

private:
    [[nodiscard]] bool has_ended(const bus::Parked& what) const;
    [[nodiscard]] bool strike_off(ipc::ClientId proxy);

    std::map<ipc::ClientId, bus::Parked> told_;
    std::set<ipc::ClientId> awaited_;
    group::Stamp under_;  // the record that parks it
};

}  // namespace pgpool::watchdog
