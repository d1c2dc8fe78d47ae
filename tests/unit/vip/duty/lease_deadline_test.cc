// SPDX-License-Identifier: PostgreSQL
#include "vip/duty/lease_deadline.h"

#include <gtest/gtest.h>

namespace pgpool::vip {
namespace {

using page::LeaseState;
using std::chrono_literals::operator""s;

TEST(LeaseDeadline, OnlyALeaseOfTheOrdersEpochHeldOrAwaitedAllowsAnything) {
    constexpr BootTime kDeadline{100s};
    constexpr BootTime kLockedUntil{50s};
    for (const LeaseState state :
         {LeaseState::None, LeaseState::Held, LeaseState::Releasing, LeaseState::Waiting}) {
        for (const Epoch of_page : {Epoch(0), Epoch(6), Epoch(7), Epoch(8)}) {
            for (const Epoch ordered : {Epoch(0), Epoch(7)}) {
                const page::LeaseView lease{.state = state,
                                            .epoch = of_page,
                                            .deadline = kDeadline,
                                            .locked_until = kLockedUntil,
                                            .writer = {}};
                const bool is_of_order = of_page == Epoch(7) && ordered == Epoch(7);
                const BootTime expected = !is_of_order                   ? BootTime::min()
                                          : state == LeaseState::Held    ? kDeadline
                                          : state == LeaseState::Waiting ? kLockedUntil
                                                                         : BootTime::min();
                EXPECT_EQ(deadline_of(lease, ordered), expected);
            }
        }
    }
}

}  // namespace
}  // namespace pgpool::vip
