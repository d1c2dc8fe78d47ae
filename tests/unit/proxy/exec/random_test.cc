// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/support/session_play.h"

namespace pgpool::support {
namespace {

// The fuzzer's exchanges with fixed seeds. PGPOOL_SEED plays one of them alone and tells its story.
TEST(Random, ExchangesKeepTheRules) {
    const char* only = std::getenv("PGPOOL_SEED");
    const unsigned first = only != nullptr ? static_cast<unsigned>(std::atoi(only)) : 1;
    const unsigned last = only != nullptr ? first : 3000;
    for (unsigned seed = first; seed <= last; ++seed) {
        std::mt19937 random(seed);
        std::string choices(20 + seed / 10, '\0');  // short ones first: they are easier to understand
        for (char& c : choices) c = static_cast<char>(random());
        const Play result = play(choices);
        ASSERT_EQ(result.problem, "") << "seed " << seed << "\n" << result.story;
    }
}

}  // namespace
}  // namespace pgpool::support
