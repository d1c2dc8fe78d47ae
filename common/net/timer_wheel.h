// SPDX-License-Identifier: PostgreSQL
#pragma once

// Timers with a grain of 8 ms: arming and disarming are O(1), take no memory and make no system call (hashed
// timing wheel, Varghese and Lauck 1987, scheme 6). A timer fires at its time or up to one grain later, never
// before.
//
// Threads: one worker only. A Timer disarms itself when it is destroyed.

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/clock.h"

namespace pgpool::net {

class Timer;
class TimerWheel;

class TimerTarget {
public:
    virtual void on_timer(Timer& timer) = 0;

protected:
    ~TimerTarget() = default;
};

class Timer {
public:
    explicit Timer(TimerTarget& target) : target_(&target) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { disarm(); }

    [[nodiscard]] bool armed() const { return next_ != nullptr; }
    void disarm();

private:
    friend class TimerWheel;
    TimerTarget* target_;
    Timer* next_ = nullptr;
    Timer** link_ = nullptr;  // what points at this timer
    std::uint64_t due_ = 0;   // in grains
};

class TimerWheel {
public:
    static constexpr milliseconds kGrain{8};

    explicit TimerWheel(TimePoint start) : start_(start) {}

    void arm(Timer& timer, TimePoint now, Duration after);  // again: moves it
    void advance(TimePoint now);  // fires what is due; handlers may arm and disarm any timer
    // When advance() should be called next, perhaps too early where timers were disarmed; nothing: no timer
    // is armed.
    [[nodiscard]] std::optional<TimePoint> next_due() const;

private:
    static constexpr std::size_t kSlots = 1024;

    [[nodiscard]] std::uint64_t grain_of(TimePoint time) const {
        return time <= start_ ? 0 : static_cast<std::uint64_t>((time - start_) / kGrain);
    }
    void fire_slot(std::size_t slot, std::uint64_t now_grain);
    [[nodiscard]] std::uint64_t next_used_grain() const;

    static constexpr std::uint64_t kNever = UINT64_MAX;

    TimePoint start_;
    std::uint64_t done_ = 0;       // grains up to which everything has fired
    std::uint64_t next_ = kNever;  // no timer is due before this grain
    std::array<Timer*, kSlots> slots_{};
};

}  // namespace pgpool::net
