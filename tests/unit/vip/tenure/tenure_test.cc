// SPDX-License-Identifier: PostgreSQL
#include "vip/tenure/tenure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "vip/tenure/mandate.h"

namespace pgpool::vip {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const MacAddress kOwn = MacAddress::from_bytes(ByteView("\x02\x00\x00\x00\x00\x01", 6));
const MacAddress kOther = MacAddress::from_bytes(ByteView("\x02\x00\x00\x00\x00\x02", 6));
const Link kUp{true, kOwn};
const Link kDown{false, kOwn};
constexpr BootTime kStart{100s};

void expect_event(const Steps& steps, EventKind kind, Reason reason) {
    ASSERT_TRUE(steps.event.has_value());
    EXPECT_EQ(to_string(steps.event->kind), to_string(kind));
    EXPECT_EQ(to_string(steps.event->reason), to_string(reason));
}

Tenure held(BootTime deadline = kNever) {
    Tenure tenure{config::Vip()};
    EXPECT_EQ(tenure.take(kStart, deadline, Approach::Graceful, kUp).acts.size(), 2U);
    return tenure;
}

TEST(Tenure, IsTakenAfterThreeSilentProbes) {
    Tenure tenure{config::Vip()};
    Steps steps = tenure.take(kStart, kNever, Approach::Probe, kUp);
    EXPECT_THAT(steps.acts, ElementsAre(Act::Probe));
    EXPECT_FALSE(steps.event.has_value());
    for (const BootTime at : {kStart + 50ms, kStart + 100ms}) {
        EXPECT_EQ(tenure.next(kNever), at);
        EXPECT_THAT(tenure.tick(at - 1ms, kNever).acts, IsEmpty());
        EXPECT_THAT(tenure.tick(at, kNever).acts, ElementsAre(Act::Probe));
    }
    steps = tenure.tick(kStart + 150ms, kNever);
    EXPECT_THAT(steps.acts, ElementsAre(Act::Put, Act::Announce));
    expect_event(steps, EventKind::Taken, Reason::None);
    EXPECT_EQ(tenure.state(), Tenure::State::Held);
}

TEST(Tenure, AGracefulMoveAsksNobody) {
    Tenure tenure{config::Vip()};
    const Steps steps = tenure.take(kStart, kNever, Approach::Graceful, kUp);
    EXPECT_THAT(steps.acts, ElementsAre(Act::Put, Act::Announce));
    expect_event(steps, EventKind::Taken, Reason::None);
    const Steps again = tenure.take(kStart, kNever, Approach::Probe, kUp);
    EXPECT_THAT(again.acts, IsEmpty());
    expect_event(again, EventKind::Kept, Reason::None);
}

TEST(Tenure, AnAnswerRefusesIt) {
    Tenure tenure{config::Vip()};
    EXPECT_EQ(tenure.take(kStart, kNever, Approach::Probe, kUp).acts.size(), 1U);
    EXPECT_FALSE(tenure.claimed(kStart + 1ms, kOwn).event.has_value());  // our own frame, sent back to us
    const Steps steps = tenure.claimed(kStart + 2ms, kOther);
    EXPECT_THAT(steps.acts, IsEmpty());
    expect_event(steps, EventKind::Refused, Reason::Answered);
    EXPECT_EQ(steps.event->mac, kOther);
    EXPECT_EQ(tenure.state(), Tenure::State::Absent);
    EXPECT_EQ(tenure.next(kNever), kNever);
}

TEST(Tenure, NeedsALinkAndAMandate) {
    Tenure tenure{config::Vip()};
    expect_event(tenure.take(kStart, kNever, Approach::Graceful, kDown), EventKind::Refused,
                 Reason::LinkDown);
    expect_event(tenure.take(kStart, kStart + 1299ms, Approach::Graceful, kUp), EventKind::Refused,
                 Reason::NoMandate);
    EXPECT_THAT(tenure.take(kStart, kStart + 1300ms, Approach::Graceful, kUp).acts,
                ElementsAre(Act::Put, Act::Announce));
}

TEST(Tenure, TheMandateMayEndBetweenProbes) {
    Tenure tenure{config::Vip()};
    EXPECT_EQ(tenure.take(kStart, kStart + 1400ms, Approach::Probe, kUp).acts.size(), 1U);
    EXPECT_THAT(tenure.tick(kStart + 100ms, kStart + 1400ms).acts, ElementsAre(Act::Probe));
    expect_event(tenure.tick(kStart + 150ms, kStart + 120ms), EventKind::Refused, Reason::MandateEnded);
}

TEST(Tenure, AMandateThatIsTooShortForAMomentIsWaitedFor) {
    Tenure tenure{config::Vip()};
    EXPECT_EQ(tenure.take(kStart, kStart + 1310ms, Approach::Probe, kUp).acts.size(), 1U);
    for (const BootTime at : {kStart + 50ms, kStart + 100ms, kStart + 150ms, kStart + 200ms})
        EXPECT_THAT(tenure.tick(at, kStart + 1310ms).acts, ElementsAre(Act::Probe));
    EXPECT_THAT(tenure.tick(kStart + 250ms, kStart + 1560ms).acts, ElementsAre(Act::Put, Act::Announce));
}

TEST(Tenure, IsRefreshedFourTimesASecond) {
    Tenure tenure = held();
    std::vector<BootDuration> refreshed;
    for (BootTime now = kStart; now <= kStart + 1s; now += 1ms) {
        const Steps steps = tenure.tick(now, kNever);
        if (std::count(steps.acts.begin(), steps.acts.end(), Act::Refresh) > 0)
            refreshed.push_back(now - kStart);
    }
    EXPECT_THAT(refreshed, ElementsAre(250ms, 500ms, 750ms, 1000ms));
}

TEST(Tenure, NoRefreshReachesBeyondTheDeadline) {
    const BootTime deadline = kStart + 1700ms;
    Tenure tenure = held(deadline);
    EXPECT_THAT(tenure.tick(kStart + 250ms, deadline).acts, ElementsAre(Act::Refresh, Act::Announce));
    EXPECT_THAT(tenure.tick(kStart + 400ms, deadline).acts, ElementsAre(Act::Announce));
    EXPECT_THAT(tenure.tick(kStart + 500ms, deadline).acts,
                IsEmpty());                                      // would expire at 1.5 s, perhaps 1.8 s
    const Steps steps = tenure.tick(kStart + 1250ms, deadline);  // the lifetime of the last refresh
    EXPECT_THAT(steps.acts, ElementsAre(Act::Remove));
    expect_event(steps, EventKind::Released, Reason::MandateEnded);
}

TEST(Tenure, ARenewedMandateIsSeenSoon) {
    Tenure tenure = held(kStart + 1400ms);
    EXPECT_THAT(tenure.tick(kStart + 250ms, kStart + 1400ms).acts, ElementsAre(Act::Announce));
    const BootTime next = tenure.next(kStart + 1400ms);
    EXPECT_LE(next, kStart + 350ms);
    EXPECT_THAT(tenure.tick(next, kStart + 10s).acts, ElementsAre(Act::Refresh));
}

TEST(Tenure, AMandateThatIsWithdrawnEndsItAtOnce) {
    for (const BootTime deadline : {BootTime::min(), kStart + 40ms, kStart + 1199ms}) {
        Tenure tenure = held();
        EXPECT_LE(tenure.next(deadline), kStart);
        const Steps steps = tenure.tick(kStart + 10ms, deadline);
        EXPECT_THAT(steps.acts, ElementsAre(Act::Remove));
        expect_event(steps, EventKind::Released, Reason::MandateEnded);
    }
    EXPECT_THAT(held().tick(kStart + 10ms, kStart + 1200ms).acts, IsEmpty());
}

TEST(Tenure, WhatCameToTheKernelTooLateIsTakenOffAtOnce) {
    const BootTime deadline = kStart + 1300ms;
    Tenure tenure = held(deadline);
    tenure.placed(kStart + 100ms);
    EXPECT_THAT(tenure.tick(kStart + 100ms, deadline).acts, ElementsAre(Act::Announce));
    tenure.placed(kStart + 101ms);  // would last until 1.101 s, and perhaps 0.2 s more
    EXPECT_LE(tenure.next(deadline), kStart + 101ms);
    const Steps steps = tenure.tick(kStart + 101ms, deadline);
    EXPECT_THAT(steps.acts, ElementsAre(Act::Remove));
    expect_event(steps, EventKind::Released, Reason::MandateEnded);
}

TEST(Tenure, AnotherTimingCountsFromTheNextRefreshOn) {
    Tenure tenure = held();
    config::Vip slow;
    slow.lifetime = 4s;
    slow.refresh = 1s;
    tenure.retime(kStart + 100ms, slow);
    EXPECT_THAT(tenure.tick(kStart + 100ms, kNever).acts, ElementsAre(Act::Announce));
    EXPECT_THAT(tenure.tick(kStart + 250ms, kNever).acts, ElementsAre(Act::Refresh, Act::Announce));
    EXPECT_THAT(tenure.tick(kStart + 1249ms, kNever).acts, ElementsAre(Act::Announce));
    EXPECT_THAT(tenure.tick(kStart + 1250ms, kNever).acts, ElementsAre(Act::Refresh));
    EXPECT_THAT(tenure.tick(kStart + 1350ms, kStart + 5450ms).acts, IsEmpty());
    EXPECT_THAT(tenure.tick(kStart + 1350ms, kStart + 5449ms).acts, ElementsAre(Act::Remove));
}

TEST(Tenure, ALateRefreshBringsNothingBack) {
    Tenure tenure = held();
    const Steps steps = tenure.tick(kStart + 1s, kNever);
    EXPECT_THAT(steps.acts, ElementsAre(Act::Remove));
    expect_event(steps, EventKind::Lost, Reason::Stalled);
    EXPECT_THAT(tenure.tick(kStart + 2s, kNever).acts, IsEmpty());
}

TEST(Tenure, AClaimIsAnsweredAtOnceButOncePerSecond) {
    Tenure tenure = held();
    Steps steps = tenure.claimed(kStart + 10ms, kOther);
    EXPECT_THAT(steps.acts, ElementsAre(Act::Announce));
    expect_event(steps, EventKind::Conflict, Reason::None);
    EXPECT_EQ(steps.event->mac, kOther);
    EXPECT_EQ(tenure.tick(kStart + 50ms, kNever).acts.size(), 1U);  // the schedule goes on
    EXPECT_EQ(tenure.tick(kStart + 150ms, kNever).acts.size(), 1U);
    for (BootTime now = kStart + 300ms; now < kStart + 700ms; now += 100ms)
        EXPECT_FALSE(tenure.claimed(now, kOther).event.has_value());
    EXPECT_FALSE(tenure.tick(kStart + 800ms, kNever).event.has_value());
    EXPECT_LE(tenure.next(kNever), kStart + 1010ms);
    steps =
        tenure.tick(kStart + 1010ms, kNever);  // what was held back; one announcement, also by the schedule
    EXPECT_EQ(std::count(steps.acts.begin(), steps.acts.end(), Act::Announce), 1);
    expect_event(steps, EventKind::Conflict, Reason::None);
    EXPECT_FALSE(tenure.tick(kStart + 1100ms, kNever).event.has_value());
}

TEST(Tenure, ANewMacIsAnnouncedAsOftenAsANewHolder) {
    Tenure tenure = held();
    EXPECT_FALSE(tenure.link_changed(kStart + 500ms, kUp).event.has_value());
    EXPECT_THAT(tenure.tick(kStart + 900ms, kNever).acts, ElementsAre(Act::Refresh, Act::Announce));
    const Steps steps = tenure.link_changed(kStart + 950ms, {true, kOther});
    EXPECT_THAT(steps.acts, ElementsAre(Act::Announce));
    expect_event(steps, EventKind::MacChanged, Reason::None);
    EXPECT_EQ(steps.event->mac, kOther);
    EXPECT_THAT(tenure.tick(kStart + 1000ms, kNever).acts, ElementsAre(Act::Announce));
    EXPECT_FALSE(tenure.claimed(kStart + 1001ms, kOther).event.has_value());  // that is us now
}

TEST(Tenure, ALinkThatGoesDownTakesItAlong) {
    Tenure tenure = held();
    const Steps steps = tenure.link_changed(kStart + 1ms, kDown);
    EXPECT_THAT(steps.acts, ElementsAre(Act::Remove));
    expect_event(steps, EventKind::Lost, Reason::LinkDown);
    Tenure probing{config::Vip()};
    EXPECT_EQ(probing.take(kStart, kNever, Approach::Probe, kUp).acts.size(), 1U);
    expect_event(probing.link_changed(kStart + 1ms, kDown), EventKind::Refused, Reason::LinkDown);
    EXPECT_FALSE(probing.link_changed(kStart + 2ms, kDown).event.has_value());
}

TEST(Tenure, ReleaseIsAlwaysAcknowledged) {
    Tenure tenure = held();
    const Steps steps = tenure.release();
    EXPECT_THAT(steps.acts, ElementsAre(Act::Remove));
    expect_event(steps, EventKind::Released, Reason::Asked);
    const Steps again = tenure.release();
    EXPECT_THAT(again.acts, IsEmpty());
    expect_event(again, EventKind::Released, Reason::Asked);
}

TEST(Tenure, WhatTheKernelRefusesEndsIt) {
    Tenure tenure = held();
    Steps steps = tenure.failed(Act::Put, "no permission");
    EXPECT_THAT(steps.acts, ElementsAre(Act::Remove));
    expect_event(steps, EventKind::Refused, Reason::Kernel);
    EXPECT_EQ(steps.event->detail, "no permission");
    Tenure refreshed = held();
    expect_event(refreshed.failed(Act::Refresh, ""), EventKind::Lost, Reason::Kernel);
    steps = refreshed.failed(Act::Remove, "");  // the removal that this asked for
    EXPECT_THAT(steps.acts, IsEmpty());
    expect_event(steps, EventKind::Lost, Reason::Kernel);
}

TEST(Tenure, NothingIsMissedBetweenTwoWakeUps) {
    Tenure tenure = held(kStart + 30s);
    BootTime now = kStart;
    while (tenure.state() == Tenure::State::Held) {
        const BootTime next = tenure.next(kStart + 30s);
        ASSERT_GT(next, now);  // no busy loop
        now = next;
        const Steps steps = tenure.tick(now, kStart + 30s);
        if (steps.event) expect_event(steps, EventKind::Released, Reason::MandateEnded);
    }
    EXPECT_LE(now, kStart + 30s);
    EXPECT_GE(now, kStart + 29s);
}

// The promise of the header, by a model of the kernel: an act reaches it late, and whenever this program has
// had its next turn it may be stopped for good: the address is gone by the deadline that was in force then.
TEST(Tenure, CannotOutliveItsMandate) {
    std::mt19937 random(4);
    const auto below = [&](int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random); };
    for (int run = 0; run < 200; ++run) {
        Tenure tenure{config::Vip()};
        BootTime now = kStart;
        BootTime deadline = kStart + 2s;
        BootTime gone;
        for (int step = 0; step < 300; ++step) {
            const bool is_stalled = below(20) == 0;
            now += milliseconds(is_stalled ? below(4000) : below(80));
            if (below(3) != 0) deadline = std::max(deadline, now + 1600ms);
            const bool takes = tenure.state() == Tenure::State::Absent && below(5) == 0;
            Steps steps =
                takes ? tenure.take(now, deadline, Approach::Graceful, kUp) : tenure.tick(now, deadline);
            for (const Act act : steps.acts) {
                if (act != Act::Put && act != Act::Refresh) continue;
                ASSERT_LE(now + 1s + 200ms, deadline);
                now += milliseconds(below(10) == 0 ? below(600) : 0);
                tenure.placed(now);
                gone = now + 1s + 200ms;
            }
            static_cast<void>(tenure.tick(now, deadline));
            if (tenure.state() == Tenure::State::Held) {
                ASSERT_LE(gone, deadline);
            }
        }
    }
}

TEST(Mandate, TheEarliestCounts) {
    PublishedDeadline lease(BootTime(5s));
    PublishedDeadline life(BootTime(3s));
    EXPECT_EQ(earliest_deadline({}), BootTime::min());
    EXPECT_EQ(earliest_deadline({&lease}), BootTime(5s));
    EXPECT_EQ(earliest_deadline({&lease, &life}), BootTime(3s));
    life.set(BootTime(9s));
    EXPECT_EQ(earliest_deadline({&lease, &life}), BootTime(5s));
}

}  // namespace
}  // namespace pgpool::vip
