// SPDX-License-Identifier: PostgreSQL
#include "vip/duty/lease_deadline.h"

#include <gtest/gtest.h>

namespace pgpool::vip {
namespace {

using page::LeaseState;
using std::chrono_literals::operator""s;

TEST(LeaseDeadline, OnlyAHeldLeaseOfTheOrdersEpochAllowsAnything) {
    constexpr BootTime kDeadline{100s};
    for (const LeaseState state : {LeaseState::None, LeaseState::Held, LeaseState::Releasing}) {
        for (const Epoch of_page : {Epoch(0), Epoch(6), Epoch(7), Epoch(8)}) {
            for (const Epoch ordered : {Epoch(0), Epoch(7)}) {
                const page::LeaseView lease{
                    .state = state, .epoch = of_page, .deadline = kDeadline, .writer = {}};
                const bool counts = state == LeaseState::Held && of_page == Epoch(7) && ordered == Epoch(7);
                EXPECT_EQ(deadline_of(lease, ordered) == kDeadline, counts);
                EXPECT_EQ(deadline_of(lease, ordered) == BootTime::min(), !counts);
            }
        }
    }
}

}  // namespace
}  // namespace pgpool::vip
