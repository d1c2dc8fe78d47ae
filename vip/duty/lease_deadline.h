// SPDX-License-Identifier: PostgreSQL
#pragma once

// Until when the lease of this member allows to hold what an order of one epoch asked for. Pure.

#include "common/page/lease_view.h"

namespace pgpool::vip {

// Of another epoch, of none, or while it is handed over: not at all.
[[nodiscard]] inline BootTime deadline_of(const page::LeaseView& lease, Epoch ordered) {
    const bool counts = lease.state == page::LeaseState::Held && ordered != Epoch() && lease.epoch == ordered;
    return counts ? lease.deadline : BootTime::min();
}

}  // namespace pgpool::vip
