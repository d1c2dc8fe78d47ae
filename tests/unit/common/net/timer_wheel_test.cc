// SPDX-License-Identifier: PostgreSQL
#include "common/net/timer_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace pgpool::net {
namespace {

struct Recorder final : TimerTarget {
    void on_timer(Timer& timer) override {
        fired.push_back(&timer);
        if (again != nullptr) again->arm(timer, now, milliseconds(1));
    }
    std::vector<Timer*> fired;
    TimerWheel* again = nullptr;
    TimePoint now;
};

TEST(TimerWheel, FiresInTimeNeverBefore) {
    const TimePoint start{};
    TimerWheel wheel(start);
    Recorder recorder;
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        Timer timer(recorder);
        const milliseconds after(random() % 30'000);
        const TimePoint begin = start + milliseconds(round * 100'000);
        wheel.advance(begin);
        wheel.arm(timer, begin, after);
        recorder.fired.clear();
        TimePoint now = begin;
        while (recorder.fired.empty()) {
            const auto due = wheel.next_due();
            ASSERT_TRUE(due);
            ASSERT_GT(*due, now);
            now = *due;
            wheel.advance(now);
        }
        EXPECT_GE(now, begin + after);
        EXPECT_LE(now, begin + after + 2 * TimerWheel::kGrain);
        EXPECT_FALSE(timer.armed());
        EXPECT_FALSE(wheel.next_due());
    }
}

TEST(TimerWheel, DisarmedAndDestroyedTimersDoNotFire) {
    TimerWheel wheel(TimePoint{});
    Recorder recorder;
    Timer kept(recorder);
    Timer disarmed(recorder);
    auto destroyed = std::make_unique<Timer>(recorder);
    for (Timer* timer : {&kept, &disarmed, destroyed.get()}) wheel.arm(*timer, TimePoint{}, milliseconds(16));
    disarmed.disarm();
    destroyed.reset();
    wheel.advance(TimePoint{} + seconds(1));
    EXPECT_EQ(recorder.fired, std::vector<Timer*>{&kept});
}

TEST(TimerWheel, AskedTooEarlyAfterDisarmingItKnowsBetter) {
    TimerWheel wheel(TimePoint{});
    Recorder recorder;
    Timer kept(recorder);
    Timer disarmed(recorder);
    wheel.arm(kept, TimePoint{}, seconds(1));
    wheel.arm(disarmed, TimePoint{}, milliseconds(100));
    disarmed.disarm();
    for (int calls = 0; calls < 2 && recorder.fired.empty(); ++calls) {
        const auto due = wheel.next_due();
        ASSERT_TRUE(due);
        wheel.advance(*due);
    }
    EXPECT_EQ(recorder.fired, std::vector<Timer*>{&kept});
    EXPECT_FALSE(wheel.next_due());
}

TEST(TimerWheel, HandlerMayArmAgain) {
    TimerWheel wheel(TimePoint{});
    Recorder recorder;
    recorder.again = &wheel;
    Timer timer(recorder);
    wheel.arm(timer, TimePoint{}, milliseconds(1));
    for (int i = 1; i <= 50; ++i) {
        recorder.now = TimePoint{} + milliseconds(20 * i);
        wheel.advance(recorder.now);
    }
    EXPECT_EQ(recorder.fired.size(), 50U);
    EXPECT_TRUE(timer.armed());
}

TEST(TimerWheel, ALongGapFiresEverythingOnce) {
    TimerWheel wheel(TimePoint{});
    Recorder recorder;
    std::vector<std::unique_ptr<Timer>> timers;
    for (int i = 0; i < 3000; ++i) {
        timers.push_back(std::make_unique<Timer>(recorder));
        wheel.arm(*timers.back(), TimePoint{}, milliseconds(i * 7));
    }
    wheel.advance(TimePoint{} + seconds(100));
    EXPECT_EQ(recorder.fired.size(), 3000U);
}

}  // namespace
}  // namespace pgpool::net
