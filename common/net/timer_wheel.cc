// SPDX-License-Identifier: PostgreSQL
#include "common/net/timer_wheel.h"

#include <algorithm>

namespace pgpool::net {

namespace {
// End of every list, so that an armed timer always has a next one: armed() needs no flag.
struct EndTarget final : TimerTarget {
    void on_timer(Timer& /*timer*/) override {}
};
Timer* list_end() {
    static EndTarget target;
    static Timer end(target);
    return &end;
}
}  // namespace

void Timer::disarm() {
    if (next_ == nullptr) return;
    *link_ = next_;
    if (next_ != list_end()) next_->link_ = link_;
    next_ = nullptr;
    link_ = nullptr;
}

void TimerWheel::arm(Timer& timer, TimePoint now, Duration after) {
    timer.disarm();
    timer.due_ = std::max(grain_of(now + after) + 1, done_ + 1);
    next_ = std::min(next_, timer.due_);
    Timer*& head = slots_[timer.due_ % kSlots];
    timer.next_ = head == nullptr ? list_end() : head;
    if (timer.next_ != list_end()) timer.next_->link_ = &timer.next_;
    timer.link_ = &head;
    head = &timer;
}

void TimerWheel::advance(TimePoint now) {
    const std::uint64_t now_grain = grain_of(now);
    if (now_grain < next_) return;
    const std::uint64_t first = std::max(done_ + 1, now_grain >= kSlots ? now_grain - kSlots + 1 : 0);
    done_ = now_grain;
    for (std::uint64_t grain = first; grain <= now_grain; ++grain) fire_slot(grain % kSlots, now_grain);
    next_ = next_used_grain();
}

void TimerWheel::fire_slot(std::size_t slot, std::uint64_t now_grain) {
    // A handler may change the list: start over after each shot. What a handler arms is due later than
    // now_grain.
    for (Timer* timer = slots_[slot]; timer != nullptr && timer != list_end();) {
        if (timer->due_ > now_grain) {
            timer = timer->next_;
            continue;
        }
        timer->disarm();
        timer->target_->on_timer(*timer);
        timer = slots_[slot];
    }
}

std::uint64_t TimerWheel::next_used_grain() const {
    for (std::uint64_t grain = done_ + 1; grain <= done_ + kSlots; ++grain) {
        const Timer* head = slots_[grain % kSlots];
        if (head != nullptr && head != list_end()) return grain;
    }
    return kNever;
}

std::optional<TimePoint> TimerWheel::next_due() const {
    if (next_ == kNever) return std::nullopt;
    return start_ + kGrain * static_cast<std::int64_t>(next_);
}

}  // namespace pgpool::net
