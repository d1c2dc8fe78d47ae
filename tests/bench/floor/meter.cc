// SPDX-License-Identifier: PostgreSQL
#include "tests/bench/floor/meter.h"

#include <fmt/core.h>
#include <unistd.h>

#include <stdexcept>

namespace pgpool::floor {

namespace {

double seconds_of(Clock::duration duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

Meter::Meter(const Arguments& arguments) : sampling_(arguments.sampling) {
    if (arguments.log_prefix.empty()) return;
    const std::string path = fmt::format("{}.{}", arguments.log_prefix, ::getpid());
    log_ = std::fopen(path.c_str(), "w");
    if (log_ == nullptr) throw std::runtime_error("cannot write " + path);
}

Meter::~Meter() {
    if (log_ != nullptr) std::fclose(log_);
}

void Meter::count(int client, Clock::duration latency) {
    ++transactions_;
    if (log_ == nullptr || std::uniform_real_distribution<>(0, 1)(random_) > sampling_) return;
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    fmt::print(log_, "{} 0 {} 0 {} {}\n", client, micros, now / 1'000'000, now % 1'000'000);
}

void Meter::tell_progress(Clock::time_point now) {
    if (now - told_ < std::chrono::seconds(1)) return;
    fmt::print(stderr, "progress: {:.1f} s, {:.1f} tps\n", seconds_of(now - began_),
               static_cast<double>(transactions_) / seconds_of(now - told_));
    transactions_ = 0;
    told_ = now;
}

}  // namespace pgpool::floor
