// SPDX-License-Identifier: PostgreSQL
#pragma once

// Parking: which proxies have something under way at a primary that is parked. A proxy learns of it from the
// topology, which says so as soon as the record does; the order to wait comes once all members have that
// record. So a proxy without clients has told that nothing is under way before, and says it once: what was
// told last is kept. Pure; one thread.

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/bus/messages.h"
#include "common/ipc/hub.h"
#include "watchdog/group/exchange.h"

namespace pgpool::watchdog {

class Parking {
public:
    // Of this member by its connection; of another one, which passes on what its proxy tells, by its name.
    struct Proxy {
        std::string member;
        ipc::ClientId client{};
        friend auto operator<=>(const Proxy&, const Proxy&) = default;
    };
    using Proxies = std::vector<Proxy>;

    // Each says whether this was the end: no proxy is waited for any more.
    [[nodiscard]] bool begin(const Proxies& proxies, group::Stamp under);
    [[nodiscard]] bool told(const Proxy& proxy, const bus::Parked& what);
    [[nodiscard]] bool keep(const Proxies& present);  // the others cannot end anything

    // Clients in a transaction at the parked primary, by what these have told since; none: one has not told.
    [[nodiscard]] std::optional<std::uint32_t> under_way(const Proxies& proxies, group::Stamp under) const;

    void gone(const Proxy& proxy) { told_.erase(proxy); }  // what it told is not the word of the next one
    void cancel() { awaited_.clear(); }                    // nobody waits for it

private:
    [[nodiscard]] bool has_ended(const bus::Parked& what) const;

    std::map<Proxy, bus::Parked> told_;
    std::set<Proxy> awaited_;
    group::Stamp under_;  // the record that parks it
};

}  // namespace pgpool::watchdog
