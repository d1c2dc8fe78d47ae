// SPDX-License-Identifier: PostgreSQL
#pragma once

// What pgbench tells of its transactions, in its form: a line of progress each second (-P 1), and a line of
// the log for each transaction of a sample (-l, --sampling-rate).

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <random>

#include "tests/bench/floor/arguments.h"

namespace pgpool::floor {

using Clock = std::chrono::steady_clock;

class Meter {
public:
    explicit Meter(const Arguments& arguments);
    ~Meter();
    Meter(const Meter&) = delete;
    Meter& operator=(const Meter&) = delete;

    void count(int client, Clock::duration latency);
    void tell_progress(Clock::time_point now);  // if a second is over

private:
    Clock::time_point began_ = Clock::now();
    Clock::time_point told_ = began_;
    std::uint64_t transactions_ = 0;  // since then
    double sampling_;
    std::minstd_rand random_{42};
    std::FILE* log_ = nullptr;
};

}  // namespace pgpool::floor
