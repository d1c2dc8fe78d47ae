// SPDX-License-Identifier: PostgreSQL
#include "vip/duty/duty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <set>

namespace pgpool::vip {
namespace {

using bus::VipVerb;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const VirtualAddress kA = *VirtualAddress::make("10.0.0.100", "eth0");
const VirtualAddress kB = *VirtualAddress::make("10.0.0.101", "eth0");
constexpr BootTime kNow{100s};
constexpr BootTime kLong = kNow + 1000s;

const Event kTaken{EventKind::Taken, Reason::None, {}, {}};
const Event kKept{EventKind::Kept, Reason::None, {}, {}};
const Event kReleased{EventKind::Released, Reason::Asked, {}, {}};

Event refused(Reason reason) {
    return {EventKind::Refused, reason, {}, {}};
}

std::string text(const bus::Message& message) {
    if (const auto* state = std::get_if<bus::VipState>(&message)) {
        static constexpr const char* kPhases[] = {"unknown", "absent",    "probing",
                                                  "held",    "releasing", "conflict"};
        return state->address + " " + kPhases[static_cast<int>(state->phase)] + " " +
               std::to_string(state->epoch) + (state->reason.empty() ? "" : " " + state->reason);
    }
    const auto& done = std::get<bus::VipDone>(message);
    return std::to_string(done.id) + (done.outcome == bus::Outcome::Done ? " done" : " failed") +
           (done.reason.empty() ? "" : " " + done.reason);
}

std::vector<std::string> texts(const Answers& answers) {
    std::vector<std::string> all;
    for (const bus::Message& message : answers.messages) all.push_back(text(message));
    return all;
}

bus::VipOrder order(VipVerb verb, std::uint64_t id, std::uint64_t epoch) {
    return {.id = id, .verb = verb, .epoch = epoch};
}

// Of kA and kB, both held by order 1 of epoch 7.
Duty holding() {
    Duty duty({kA, kB}, 1s);
    static_cast<void>(duty.order(kNow, order(VipVerb::Take, 1, 7)));
    static_cast<void>(duty.happened(kNow, kA, kTaken));
    EXPECT_THAT(texts(duty.happened(kNow, kB, kTaken)), ElementsAre("10.0.0.101 held 7", "1 done"));
    return duty;
}

TEST(Duty, ATakingIsDoneWhenAllAddressesAreHeld) {
    Duty duty({kA, kB}, 1s);
    EXPECT_EQ(duty.mandated(), Epoch(0));
    const Answers answers = duty.order(kNow, order(VipVerb::Take, 1, 7));
    EXPECT_EQ(answers.deed, Deed::Take);
    EXPECT_THAT(texts(answers), ElementsAre("10.0.0.100 probing 7", "10.0.0.101 probing 7"));
    EXPECT_EQ(duty.mandated(), Epoch(7));
    EXPECT_THAT(texts(duty.happened(kNow, kB, kTaken)), ElementsAre("10.0.0.101 held 7"));
    EXPECT_THAT(texts(duty.happened(kNow, kA, kTaken)), ElementsAre("10.0.0.100 held 7", "1 done"));
    EXPECT_EQ(duty.next(), kNever);
}

TEST(Duty, AfterAConfirmedReleaseNobodyIsAsked) {
    Duty duty({kA}, 1s);
    EXPECT_EQ(duty.order(kNow, order(VipVerb::TakeReleased, 1, 7)).deed, Deed::TakeGracefully);
}

TEST(Duty, ARepeatedOrderIsAcknowledgedByWhatTheHolderSays) {
    Duty duty = holding();
    const Answers answers = duty.order(kNow, order(VipVerb::Take, 2, 7));
    EXPECT_EQ(answers.deed, Deed::Take);
    EXPECT_THAT(texts(answers), IsEmpty());
    EXPECT_THAT(texts(duty.happened(kNow, kA, kKept)), IsEmpty());
    EXPECT_THAT(texts(duty.happened(kNow, kB, kKept)), ElementsAre("2 done"));
}

TEST(Duty, ANewEpochKeepsWhatIsHeld) {
    Duty duty = holding();
    EXPECT_THAT(texts(duty.order(kNow, order(VipVerb::Take, 2, 8))),
                ElementsAre("10.0.0.100 held 8", "10.0.0.101 held 8"));
    EXPECT_EQ(duty.mandated(), Epoch(8));
    // One was lost on the way, since the page told of the new epoch before the order came.
    EXPECT_THAT(texts(duty.happened(kNow, kA, {EventKind::Released, Reason::MandateEnded, {}, {}})),
                ElementsAre("10.0.0.100 absent 8 its time is over"));
    EXPECT_THAT(texts(duty.happened(kNow, kB, kKept)), IsEmpty());
    EXPECT_THAT(texts(duty.happened(kNow, kA, kTaken)), ElementsAre("10.0.0.100 held 8", "2 done"));
}

TEST(Duty, AReleaseIsDoneWhenTheKernelWasLookedAt) {
    Duty duty = holding();
    Answers answers = duty.order(kNow, order(VipVerb::Release, 2, 7));
    EXPECT_EQ(answers.deed, Deed::Release);
    EXPECT_THAT(texts(answers), ElementsAre("10.0.0.100 releasing 7", "10.0.0.101 releasing 7"));
    EXPECT_EQ(duty.mandated(), Epoch(0));
    answers = duty.happened(kNow, kA, kReleased);
    EXPECT_EQ(answers.deed, Deed::None);
    EXPECT_THAT(texts(answers), ElementsAre("10.0.0.100 absent 7 as asked"));
    answers = duty.happened(kNow, kB, kReleased);
    EXPECT_EQ(answers.deed, Deed::Confirm);
    EXPECT_THAT(texts(answers), ElementsAre("10.0.0.101 absent 7 as asked"));
    EXPECT_THAT(texts(duty.confirmed("")), ElementsAre("2 done"));
    EXPECT_THAT(texts(duty.confirmed("")), IsEmpty());
}

TEST(Duty, WhatEndsByItselfMeanwhileIsNoAcknowledgement) {
    Duty duty({kA}, 1s);
    static_cast<void>(duty.order(kNow, order(VipVerb::Take, 1, 7)));
    static_cast<void>(duty.happened(kNow, kA, kTaken));
    static_cast<void>(duty.order(kNow, order(VipVerb::Release, 2, 7)));
    EXPECT_EQ(duty.happened(kNow, kA, {EventKind::Released, Reason::MandateEnded, {}, {}}).deed, Deed::None);
    EXPECT_EQ(duty.happened(kNow, kA, kReleased).deed, Deed::Confirm);
    EXPECT_THAT(texts(duty.confirmed("10.0.0.100 is there still")),
                ElementsAre("2 failed 10.0.0.100 is there still"));
}

TEST(Duty, AReleaseOfNothingIsAcknowledgedToo) {
    Duty duty({kA}, 1s);
    EXPECT_EQ(duty.order(kNow, order(VipVerb::Release, 2, 0)).deed, Deed::Release);
    EXPECT_EQ(duty.happened(kNow, kA, kReleased).deed, Deed::Confirm);
    EXPECT_THAT(texts(duty.confirmed("")), ElementsAre("2 done"));
    EXPECT_EQ(Duty({}, 1s).order(kNow, order(VipVerb::Release, 2, 0)).deed, Deed::Confirm);
}

TEST(Duty, AnotherOrderVoidsTheOneBefore) {
    Duty duty({kA}, 1s);
    static_cast<void>(duty.order(kNow, order(VipVerb::Take, 1, 7)));
    EXPECT_THAT(texts(duty.order(kNow, order(VipVerb::Release, 2, 7))),
                ElementsAre("1 failed another order came first", "10.0.0.100 releasing 7"));
    EXPECT_THAT(texts(duty.order(kNow, order(VipVerb::Take, 3, 8))),
                ElementsAre("2 failed another order came first", "10.0.0.100 releasing 8"));
    // What the holder says to the release is no failure of the taking.
    EXPECT_THAT(texts(duty.happened(kNow, kA, refused(Reason::Asked))),
                ElementsAre("10.0.0.100 absent 8 as asked"));
    EXPECT_THAT(texts(duty.happened(kNow, kA, kTaken)), ElementsAre("10.0.0.100 held 8", "3 done"));
}

TEST(Duty, AnAnswerFromADeadHoldersKernelIsWaitedFor) {
    Duty duty({kA}, 1s);
    static_cast<void>(duty.order(kNow, order(VipVerb::Take, 1, 7)));
    BootTime now = kNow;
    while (now < kNow + 1900ms) {
        const Answers refusal = duty.happened(now, kA, refused(Reason::Answered));
        EXPECT_THAT(refusal.messages.size(), now == kNow ? 1 : 0);
        EXPECT_EQ(duty.next(), now + 50ms);
        now = duty.next();
        EXPECT_EQ(duty.tick(now - 1ms, kLong).deed, Deed::None);
        const Answers again = duty.tick(now, kLong);
        EXPECT_EQ(again.deed, Deed::Take);
        EXPECT_THAT(texts(again), IsEmpty());
        EXPECT_EQ(duty.next(), kNever);  // the holder is at it
    }
    EXPECT_THAT(texts(duty.happened(now, kA, kTaken)), ElementsAre("10.0.0.100 held 7", "1 done"));
}

TEST(Duty, WhoAnswersForLongIsReportedAndTheOrderStands) {
    Duty duty({kA}, 1s);
    static_cast<void>(duty.order(kNow, order(VipVerb::Take, 1, 7)));
    static_cast<void>(duty.happened(kNow + 1990ms, kA, refused(Reason::Answered)));
    Answers answers = duty.tick(kNow + 2040ms, kLong);
    EXPECT_EQ(answers.deed, Deed::Take);
    EXPECT_THAT(texts(answers), ElementsAre("1 failed 10.0.0.100/32@eth0: answered by"));
    static_cast<void>(duty.happened(kNow + 2100ms, kA, refused(Reason::Answered)));
    EXPECT_EQ(duty.next(), kNow + 2600ms);
    EXPECT_THAT(texts(duty.tick(kNow + 2600ms, kLong)), IsEmpty());
    EXPECT_THAT(texts(duty.happened(kNow + 3s, kA, kTaken)), ElementsAre("10.0.0.100 held 7"));
}

TEST(Duty, WhatDoesNotPassFailsAtOnceAndIsTriedAgain) {
    for (const Reason reason : {Reason::LinkDown, Reason::Configured, Reason::Kernel}) {
        Duty duty({kA}, 1s);
        static_cast<void>(duty.order(kNow, order(VipVerb::Take, 1, 7)));
        const auto told = texts(duty.happened(kNow, kA, refused(reason)));
        ASSERT_EQ(told.size(), 2U);
        EXPECT_EQ(told[1].substr(0, 8), "1 failed");
        EXPECT_EQ(duty.tick(kNow + 500ms, kLong).deed, Deed::Take);
    }
}

TEST(Duty, ALostAddressIsTakenAgain) {
    Duty duty = holding();
    EXPECT_THAT(texts(duty.happened(kNow, kA, {EventKind::Lost, Reason::LinkDown, {}, {}})),
                ElementsAre("10.0.0.100 absent 7 no link"));
    EXPECT_EQ(duty.tick(kNow + 500ms, kLong).deed, Deed::Take);
    EXPECT_THAT(texts(duty.happened(kNow + 500ms, kB, kKept)), IsEmpty());
    EXPECT_THAT(texts(duty.happened(kNow + 700ms, kA, kTaken)), ElementsAre("10.0.0.100 held 7"));
}

TEST(Duty, WithoutALeaseNothingIsTried) {
    Duty duty({kA}, 1s);
    static_cast<void>(duty.order(kNow, order(VipVerb::TakeReleased, 1, 7)));
    static_cast<void>(duty.happened(kNow, kA, refused(Reason::NoMandate)));
    EXPECT_EQ(duty.tick(kNow + 50ms, BootTime::min()).deed, Deed::None);
    EXPECT_EQ(duty.next(), kNow + 100ms);
    // It comes: as the order said, without asking anybody.
    EXPECT_EQ(duty.tick(kNow + 100ms, kLong).deed, Deed::TakeGracefully);
    static_cast<void>(duty.happened(kNow + 100ms, kA, refused(Reason::NoMandate)));
    EXPECT_THAT(texts(duty.tick(kNow + 2s, BootTime::min())),
                ElementsAre("1 failed 10.0.0.100/32@eth0: the time to hold it is too short"));
    EXPECT_EQ(duty.tick(kNow + 3s, kLong).deed, Deed::Take);  // meanwhile somebody may have come
}

TEST(Duty, AConflictIsOverWhenNobodyClaimsItForAWhile) {
    Duty duty = holding();
    const Event conflict{EventKind::Conflict, Reason::None, MacAddress(), {}};
    EXPECT_THAT(texts(duty.happened(kNow, kA, conflict)),
                ElementsAre("10.0.0.100 conflict 7 claimed by 00:00:00:00:00:00"));
    EXPECT_THAT(texts(duty.happened(kNow + 1s, kA, conflict)), IsEmpty());
    EXPECT_EQ(duty.next(), kNow + 6s);
    EXPECT_THAT(texts(duty.tick(kNow + 5999ms, kLong)), IsEmpty());
    EXPECT_THAT(texts(duty.tick(kNow + 6s, kLong)), ElementsAre("10.0.0.100 held 7"));
}

TEST(Duty, AWatchdogThatIsNewHearsAllStatesAndNoAnswersToTheOldOne) {
    Duty duty = holding();
    static_cast<void>(duty.order(kNow, order(VipVerb::Take, 9, 7)));
    duty.watchdog_lost();
    EXPECT_THAT(texts(duty.watchdog_found()), ElementsAre("10.0.0.100 held 7", "10.0.0.101 held 7"));
    EXPECT_THAT(texts(duty.happened(kNow, kA, kKept)), IsEmpty());
    EXPECT_THAT(texts(duty.happened(kNow, kB, kKept)), IsEmpty());
    EXPECT_EQ(duty.mandated(), Epoch(7));
}

TEST(Duty, AddressesComeAndGoWhileAnOrderStands) {
    Duty duty = holding();
    const VirtualAddress more = *VirtualAddress::make("10.0.0.102", "eth0");
    EXPECT_EQ(duty.assign({kB, more}, 1s).deed, Deed::Take);
    EXPECT_THAT(texts(duty.happened(kNow, kA, kReleased)), ElementsAre("10.0.0.100 absent 7 as asked"));
    EXPECT_THAT(texts(duty.happened(kNow, kB, kKept)), IsEmpty());
    EXPECT_THAT(texts(duty.happened(kNow, more, kTaken)), ElementsAre("10.0.0.102 held 7"));
    EXPECT_EQ(duty.assign({kB}, 1s).deed, Deed::None);
    EXPECT_THAT(texts(duty.watchdog_found()), ElementsAre("10.0.0.101 held 7"));
}

TEST(Duty, AReleaseDoesNotWaitForAddressesThatWereTakenOut) {
    Duty duty = holding();
    static_cast<void>(duty.order(kNow, order(VipVerb::Release, 2, 7)));
    static_cast<void>(duty.happened(kNow, kA, kReleased));
    EXPECT_EQ(duty.assign({kA}, 1s).deed, Deed::Confirm);
}

TEST(Duty, TheEndLetsEverythingGoAndSaysSo) {
    Duty duty({kA}, 1s);
    static_cast<void>(duty.order(kNow, order(VipVerb::Take, 1, 7)));
    const Answers answers = duty.end();
    EXPECT_EQ(answers.deed, Deed::Release);
    EXPECT_THAT(texts(answers), ElementsAre("1 failed this program ends", "10.0.0.100 releasing 7"));
    EXPECT_FALSE(duty.is_over());
    EXPECT_THAT(texts(duty.order(kNow, order(VipVerb::Take, 2, 8))).size(), 1);
    static_cast<void>(duty.order(kNow, order(VipVerb::Release, 3, 8)));
    EXPECT_EQ(duty.happened(kNow, kA, refused(Reason::Asked)).deed, Deed::Confirm);
    EXPECT_THAT(texts(duty.confirmed("")), ElementsAre("3 done"));
    EXPECT_TRUE(duty.is_over());
}

TEST(Duty, WhatIsNoOrderIsRefused) {
    Duty duty({kA}, 1s);
    for (const bus::VipOrder& strange : {order(VipVerb::None, 1, 7), order(VipVerb::Take, 1, 0)}) {
        const Answers answers = duty.order(kNow, strange);
        EXPECT_EQ(answers.deed, Deed::None);
        EXPECT_THAT(texts(answers),
                    ElementsAre("1 failed no order that is known here, or one without an epoch"));
    }
}

// A holder that does what it is told sooner or later, as far as the mandate goes.
class SlowHolder {
public:
    explicit SlowHolder(std::uint32_t seed) : random_(seed) {}

    [[nodiscard]] int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
    void wish(Deed deed) { wishes_.push_back(deed); }
    [[nodiscard]] Deed next_wish() {
        if (wishes_.empty()) return Deed::None;
        const Deed deed = wishes_.front();
        wishes_.pop_front();
        return deed;
    }
    [[nodiscard]] Event fulfil(Deed deed, const VirtualAddress& address, Epoch mandated) {
        if (deed == Deed::Release) {
            held_.erase(address);
            return kReleased;
        }
        if (held_.contains(address)) return kKept;
        if (mandated == Epoch()) return refused(Reason::NoMandate);
        if (below(3) == 0) return refused(below(2) == 0 ? Reason::Answered : Reason::LinkDown);
        held_.insert(address);
        return kTaken;
    }
    [[nodiscard]] std::size_t held() const { return held_.size(); }

private:
    std::mt19937 random_;
    std::deque<Deed> wishes_;
    std::set<VirtualAddress> held_;
};

TEST(Duty, EveryOrderIsAcknowledgedOnceAndDoneIsTrue) {
    for (std::uint32_t seed = 0; seed < 300; ++seed) {
        SlowHolder holder(seed);
        Duty duty({kA, kB}, 1s);
        std::map<std::uint64_t, VipVerb> verbs;
        std::map<std::uint64_t, int> acknowledged;
        BootTime now = kNow;
        const auto perform = [&](Answers answers) {
            if (answers.deed != Deed::None && answers.deed != Deed::Confirm) holder.wish(answers.deed);
            if (answers.deed == Deed::Confirm) {
                const Answers more = duty.confirmed("");
                answers.messages.insert(answers.messages.end(), more.messages.begin(), more.messages.end());
            }
            for (const bus::Message& message : answers.messages) {
                const auto* done = std::get_if<bus::VipDone>(&message);
                if (done == nullptr) continue;
                ++acknowledged[done->id];
                if (done->outcome == bus::Outcome::Failed) continue;
                EXPECT_EQ(holder.held(), verbs[done->id] == VipVerb::Take ? 2U : 0U);
            }
        };
        const auto run_holder = [&] {
            const Deed deed = holder.next_wish();
            if (deed == Deed::None) return false;
            for (const VirtualAddress& address : {kA, kB})
                perform(duty.happened(now, address, holder.fulfil(deed, address, duty.mandated())));
            return true;
        };
        for (std::uint64_t step = 1; step <= 60; ++step) {
            now += milliseconds(holder.below(400));
            if (holder.below(4) == 0) {
                verbs[step] = holder.below(2) == 0 ? VipVerb::Take : VipVerb::Release;
                perform(duty.order(now, order(verbs[step], step, 7)));
            }
            if (holder.below(2) == 0) run_holder();
            perform(duty.tick(now, kLong));
        }
        perform(duty.end());
        while (run_holder()) {
        }
        EXPECT_TRUE(duty.is_over());
        EXPECT_EQ(holder.held(), 0U);
        for (const auto& [id, verb] : verbs) EXPECT_EQ(acknowledged[id], 1) << id;
    }
}

}  // namespace
}  // namespace pgpool::vip
