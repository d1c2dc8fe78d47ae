// SPDX-License-Identifier: PostgreSQL
#pragma once

// LeaseView: what everybody on this machine may know of the lease of its member, and goes by.

#include <cstdint>

#include "common/base/boot_clock.h"
#include "common/base/ids.h"

namespace pgpool::page {

// One run of the program that writes the page; rises with each on one boot. 0 = none.
using Incarnation = StrongId<struct IncarnationTag, std::uint64_t>;

enum class LeaseState : std::uint8_t {
    None,       // this member has no lease
    Held,       // it has: what needs it may act before the deadline
    Releasing,  // it hands the lease over: who stops acting says so to the watchdog, the successor waits for
                // it
    Waiting,    // it has none, but a quorum of its locks: who had one before cannot renew it
};

struct LeaseView {
    LeaseState state = LeaseState::None;
    Epoch epoch{};                            // 0 = none. Waiting: of the lease that would be next
    BootTime deadline = BootTime::min();      // the least of all times: nobody may act
    BootTime locked_until = BootTime::min();  // Waiting: until when that is so
    Incarnation writer{};

    [[nodiscard]] bool may_act(BootTime now) const { return now < deadline; }
    friend bool operator==(const LeaseView&, const LeaseView&) = default;
};

}  // namespace pgpool::page
