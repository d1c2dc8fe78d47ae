// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/takeover.h"

#include <gtest/gtest.h>

namespace pgpool::watchdog {
namespace {

using bus::VipVerb;
using page::LeaseState;

constexpr LeaseState kStates[] = {LeaseState::None, LeaseState::Held, LeaseState::Releasing,
                                  LeaseState::Waiting};

// All of them: whoever may not take the addresses is told to let go.
TEST(Takeover, WithTheLeaseOrByAllProofsBeforeIt) {
    for (const LeaseState lease : kStates) {
        for (int bits = 0; bits < 16; ++bits) {
            const TakeoverFacts facts{.is_fast = (bits & 1) != 0,
                                      .lease = lease,
                                      .are_off = (bits & 2) != 0,
                                      .is_in_group = (bits & 4) != 0,
                                      .is_holder_gone = (bits & 8) != 0};
            const bool is_lost = facts.is_fast && facts.is_in_group && facts.is_holder_gone;
            const bool is_early = lease == LeaseState::Waiting && (facts.are_off || is_lost);
            const VipVerb expected = lease != LeaseState::Held && !is_early ? VipVerb::Release
                                     : facts.are_off                        ? VipVerb::TakeReleased
                                                                            : VipVerb::Take;
            EXPECT_EQ(vip_verb(facts), expected) << static_cast<int>(lease) << ' ' << bits;
            EXPECT_EQ(may_take_early(facts), is_early);
        }
    }
}

// The lease of who is gone may run still: the network is asked.
TEST(Takeover, OfWhoIsGoneNothingIsTakenForReleased) {
    const TakeoverFacts facts{
        .is_fast = true, .lease = LeaseState::Waiting, .is_in_group = true, .is_holder_gone = true};
    EXPECT_EQ(vip_verb(facts), VipVerb::Take);
}

}  // namespace
}  // namespace pgpool::watchdog
