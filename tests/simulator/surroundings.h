// SPDX-License-Identifier: PostgreSQL
#pragma once

// Surroundings: what everything in a world shares.

#include <fmt/format.h>

#include <string_view>

#include "tests/simulator/auditor.h"
#include "tests/simulator/network.h"
#include "watchdog/lease/votes.h"

namespace pgpool::simulator {

struct Surroundings {
    Surroundings(std::uint64_t seed, const lease::Votes& votes_of_all, const lease::Parameters& times)
        : parameters(times),
          random(seed),
          votes(votes_of_all),
          network(votes.size(), queue, random),
          auditor(parameters) {}

    lease::Parameters parameters;
    Random random;
    lease::Votes votes;
    Queue queue;
    Network network;
    Auditor auditor;
    bool is_calm = false;  // nothing goes wrong
    bool is_traced = false;

    template <typename... Values>
    void trace(std::string_view format, const Values&... values) const {
        if (!is_traced) return;
        const double seconds = std::chrono::duration<double>(queue.now()).count();
        fmt::print("{:12.6f} {}\n", seconds, fmt::vformat(format, fmt::make_format_args(values...)));
    }
};

}  // namespace pgpool::simulator
