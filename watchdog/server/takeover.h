// SPDX-License-Identifier: PostgreSQL
#pragma once

// What this member's pgpool-vip is to do, by the lease and by who is there. Pure;
// docs/adr/0027-fast-takeover.md.

#include "common/bus/messages.h"
#include "common/page/lease_view.h"

namespace pgpool::watchdog {

struct TakeoverFacts {
    bool is_fast = false;  // profile `fast`, and a mode in which that is safe
    page::LeaseState lease = page::LeaseState::None;
    bool are_off = false;         // the holder of the epoch before has confirmed that it has let go
    bool is_in_group = false;     // we see who is there
    bool is_holder_gone = false;  // who held the lease last is not
};

// Who waits for the lease has a majority of votes, so that nobody can prolong another one. The one before is
// handed over, and the addresses are off; or (fast) it runs for up to its length still, at a member that is
// neither in the group nor reaches these voters. Whether that one has the addresses, the network is asked.
[[nodiscard]] inline bool may_take_early(const TakeoverFacts& facts) {
    const bool is_lost = facts.is_fast && facts.is_in_group && facts.is_holder_gone;
    return facts.lease == page::LeaseState::Waiting && (facts.are_off || is_lost);
}

[[nodiscard]] inline bus::VipVerb vip_verb(const TakeoverFacts& facts) {
    if (facts.lease != page::LeaseState::Held && !may_take_early(facts)) return bus::VipVerb::Release;
    return facts.are_off ? bus::VipVerb::TakeReleased : bus::VipVerb::Take;
}

}  // namespace pgpool::watchdog
