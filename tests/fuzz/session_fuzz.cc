// SPDX-License-Identifier: PostgreSQL

// Input: choices of an exchange of clients, sessions and fake servers, read as tests/support/session_play.h
// says. A finding tells the story of the exchange before it aborts.

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/support/session_play.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const auto result = pgpool::support::play({reinterpret_cast<const char*>(bytes), size});
    if (result.problem.empty()) return 0;
    std::fprintf(stderr, "%s\nproblem: %s\n", result.story.c_str(), result.problem.c_str());
    std::abort();
}
