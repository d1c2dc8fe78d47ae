// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/support/session_play.h"

namespace pgpool::support {
namespace {

struct Seeds {
    unsigned first = 1;
    unsigned last = 3000;
};

// PGPOOL_SEED: "N" for one seed, "N-M" for a range.
Seeds seeds() {
    const char* wanted = std::getenv("PGPOOL_SEED");
    if (wanted == nullptr) return {};
    char* end = nullptr;
    Seeds seeds;
    seeds.first = seeds.last = static_cast<unsigned>(std::strtoul(wanted, &end, 10));
    if (*end == '-') seeds.last = static_cast<unsigned>(std::strtoul(end + 1, nullptr, 10));
    return seeds;
}

// The fuzzer's exchanges with fixed seeds. PGPOOL_SEED plays others, and every one that fails tells its
// story.
TEST(Random, ExchangesKeepTheRules) {
    const auto [first, last] = seeds();
    ASSERT_LE(first, last);
    for (unsigned seed = first; seed <= last; ++seed) {
        std::mt19937 random(seed);
        std::string choices(20 + seed / 10, '\0');  // short ones first: they are easier to understand
        for (char& c : choices) c = static_cast<char>(random());
        const Play result = play(choices);
        if (result.problem.empty()) continue;
        const Play shortest = shortest_with_problem(choices);
        ADD_FAILURE() << "seed " << seed << "\n" << shortest.problem << "\n" << shortest.story;
    }
}

}  // namespace
}  // namespace pgpool::support
