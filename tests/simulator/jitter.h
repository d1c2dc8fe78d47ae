// SPDX-License-Identifier: PostgreSQL
#pragma once

// Jitter: machines of which everything works, but what members tell each other comes late, twice or not at
// all, and their programs stand still for a moment. The holder must stay the holder.

#include "tests/simulator/machines.h"

namespace pgpool::simulator {

class Jitter : public Machines {
public:
    static constexpr double kLoss = 0.3;

    // `longest`: of a message between members, and of a program that stands still.
    Jitter(std::uint64_t seed, const Setting& setting, Time longest);

    // Until the lease has made so many steps more, or something is wrong.
    void run(std::uint64_t steps);

private:
    void begin();
    void stand_still();
    void look();

    Time longest_;
    Epoch epoch_{};  // of the one that must stay
};

}  // namespace pgpool::simulator
