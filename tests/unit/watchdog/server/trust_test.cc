// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/trust.h"

#include <gtest/gtest.h>

namespace pgpool::watchdog {
namespace {

const group::Process kSelf{2, 22};
const BootTime kSent{seconds(100)};
const BootTime kNow = kSent + milliseconds(300);
const lease::Parameters kParameters;

wire::Pulse answer(BootDuration remaining) {
    return {.epoch = 7,
            .probes = {},
            .sent_ns = 1,
            .remaining_ns = remaining.count(),
            .heard = {{{1, 11}, 5}, {kSelf, kSent.time_since_epoch().count()}},
            .serves = false};
}

TEST(Trust, WhatIsLeftOfTheLeaseCountsFromWhenTheQuestionWasSent) {
    const auto until = promised_until(answer(milliseconds(900)), kSelf, kParameters, kNow);
    ASSERT_TRUE(until);
    EXPECT_EQ(*until, kSent + milliseconds(891)) << "less the drift, and not from now";
    EXPECT_EQ(promised_until(answer(milliseconds(900)), kSelf, kParameters, kNow + seconds(5)), until)
        << "an answer that comes late promises nothing more";
}

TEST(Trust, IsNeverLongerThanTheHolderWaitsForAMember) {
    EXPECT_EQ(promised_until(answer(seconds(6)), kSelf, kParameters, kNow),
              kSent + kParameters.shortened(kTrust));
}

TEST(Trust, NothingIsPromisedToWhoIsNotAnswered) {
    EXPECT_FALSE(promised_until(answer(seconds(1)), {3, 33}, kParameters, kNow));
    EXPECT_FALSE(promised_until(answer({}), kSelf, kParameters, kNow)) << "the lease is over";
    wire::Pulse of_no_holder = answer(seconds(1));
    of_no_holder.epoch = 0;
    EXPECT_FALSE(promised_until(of_no_holder, kSelf, kParameters, kNow));
    EXPECT_FALSE(promised_until(answer(seconds(1)), kSelf, kParameters, kSent - seconds(1)))
        << "a number of another boot";
}

TEST(Trust, EndsByAnyClockBeforeNobodyWaitsAnyMore) {
    const TimePoint heard{seconds(50)};
    EXPECT_TRUE(is_trusted(heard, kParameters, heard + kTrust));
    EXPECT_FALSE(is_trusted(heard, kParameters, heard + kRecordPatience));
    EXPECT_FALSE(is_trusted(TimePoint{}, kParameters, TimePoint{milliseconds(1)})) << "nobody has left";
}

}  // namespace
}  // namespace pgpool::watchdog
