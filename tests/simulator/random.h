// SPDX-License-Identifier: PostgreSQL
#pragma once

// Random: the one source of chance of a world. The same seed gives the same numbers with every standard
// library.

#include <cstdint>
#include <random>

#include "tests/simulator/clock.h"

namespace pgpool::simulator {

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    // 0 .. bound-1
    [[nodiscard]] std::size_t below(std::size_t bound) { return engine_() % bound; }
    [[nodiscard]] bool chance(double share) { return static_cast<double>(engine_() >> 11) * 0x1p-53 < share; }
    [[nodiscard]] Time between(Time from, Time to) {
        return from + Time(static_cast<std::int64_t>(engine_() %
                                                     static_cast<std::uint64_t>((to - from).count() + 1)));
    }
    [[nodiscard]] std::uint32_t seed() { return static_cast<std::uint32_t>(engine_()) | 1U; }

private:
    std::mt19937_64 engine_;
};

}  // namespace pgpool::simulator
