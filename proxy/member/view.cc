// SPDX-License-Identifier: PostgreSQL
#include "proxy/member/view.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "proxy/member/translate.h"

namespace pgpool::member {

void View::up(std::string member) {
    away_.clear();
    member_ = std::move(member);
    pages_ = {};  // the rest of what the one before has begun never comes
}

void View::down(std::string reason) {
    away_ = std::move(reason);
}

Result<View::News> View::add(bus::Topology page) {
    auto whole = pages_.add(std::move(page));
    if (!whole) return tl::unexpected(std::move(whole.error()));
    if (!*whole) return News::Incomplete;
    const auto age = [](const bus::Topology& topology) {
        return std::tuple(topology.epoch, topology.revision);
    };
    if (topology_ && age(**whole) == age(*topology_)) return News::Same;
    if (topology_ && age(**whole) < age(*topology_)) {
        ++ignored_;
        return News::Older;
    }
    topology_ = std::move(*whole);
    return News::Newer;
}

void View::add(const bus::LeaseView& lease) {
    if (lease.epoch < lease_.epoch) return;
    lease_ = lease;
    if (lease.holder != 0) add_deadline(BootTime(BootDuration(lease.deadline_ns)));
}

void View::add_deadline(BootTime deadline) {
    good_until_ = std::max(good_until_, deadline);
}

std::string View::withheld(BootTime now) const {
    if (!topology_ && !is_up()) return "the watchdog cannot be reached: " + away_;
    if (!topology_) return "the watchdog has not said yet which node is primary";
    if (!needs_lease() || now < good_until_) return {};
    const std::string over(cluster::kLeaseIsOver);
    return is_up() ? over : over + "; the watchdog cannot be reached: " + away_;
}

cluster::Decision View::decision(BootTime now) const {
    cluster::Decision decision = topology_ ? decision_of(*topology_) : cluster::Decision();
    decision.withheld = withheld(now);
    return decision;
}

}  // namespace pgpool::member
