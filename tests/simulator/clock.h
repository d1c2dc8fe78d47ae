// SPDX-License-Identifier: PostgreSQL
#pragma once

// Time in the simulator. Time: true time since the begin of a world, which only the simulator and the auditor
// know. DriftingClock: the clock of one machine, with a rate of its own that changes now and then.

#include <chrono>

#include "common/base/boot_clock.h"

namespace pgpool::simulator {

using Time = std::chrono::nanoseconds;
using std::chrono::milliseconds;

class DriftingClock {
public:
    [[nodiscard]] BootTime read(Time now) const {
        const Time passed = now - begin_;
        return shown_ + passed + passed * ppm_ / 1'000'000;
    }
    // The first true time at which it shows `local` or later.
    [[nodiscard]] Time when(BootTime local, Time now) const {
        if (local == BootTime::max()) return Time::max();
        Time guess = begin_ + (local - shown_) * 1'000'000 / (1'000'000 + ppm_);
        while (read(guess) < local) ++guess;
        return std::max(guess, now);
    }
    void set_rate(Time now, int ppm) {
        shown_ = read(now);
        begin_ = now;
        ppm_ = ppm;
    }
    // After a boot it begins anew.
    void restart(Time now) {
        shown_ = BootTime{};
        begin_ = now;
    }

private:
    Time begin_{};
    BootTime shown_{};
    int ppm_ = 0;
};

}  // namespace pgpool::simulator
