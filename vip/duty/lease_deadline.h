// SPDX-License-Identifier: PostgreSQL
#pragma once

// Until when the lease of this member allows to hold what an order of one epoch asked for. Pure.

#include "common/page/lease_view.h"

namespace pgpool::vip {

// Of another epoch, of none, or while it is handed over: not at all. That an order may come before the lease
// does, and when, is the watchdog's decision: as long as a quorum's locks are there such an order counts.
[[nodiscard]] inline BootTime deadline_of(const page::LeaseView& lease, Epoch ordered) {
    if (ordered == Epoch() || lease.epoch != ordered) return BootTime::min();
    if (lease.state == page::LeaseState::Held) return lease.deadline;
    return lease.state == page::LeaseState::Waiting ? lease.locked_until : BootTime::min();
}

}  // namespace pgpool::vip
