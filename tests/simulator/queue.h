// SPDX-License-Identifier: PostgreSQL
#pragma once

// Queue: what happens when, in true time. One step of the simulator is one entry. Entries of the same time
// run in the order in which they were put in, so that a seed gives the same run again.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/simulator/clock.h"

namespace pgpool::simulator {

class Queue {
public:
    using Task = std::function<void()>;

    [[nodiscard]] Time now() const { return now_; }

    void at(Time when, Task task) {
        entries_.push_back({std::max(when, now_), next_++, std::move(task)});
        std::push_heap(entries_.begin(), entries_.end(), is_later);
    }
    void after(Time delay, Task task) { at(now_ + delay, std::move(task)); }

    void run_one() {
        std::pop_heap(entries_.begin(), entries_.end(), is_later);
        Entry entry = std::move(entries_.back());
        entries_.pop_back();
        now_ = entry.when;
        entry.task();
    }

private:
    struct Entry {
        Time when;
        std::uint64_t number;
        Task task;
    };
    static bool is_later(const Entry& a, const Entry& b) {
        return a.when != b.when ? a.when > b.when : a.number > b.number;
    }

    Time now_{};
    std::uint64_t next_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace pgpool::simulator
