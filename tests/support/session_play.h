// SPDX-License-Identifier: PostgreSQL
#pragma once

// Random exchanges: bytes choose how many clients there are, what they send, legal or not, and what happens
// to the servers meanwhile. For the session fuzzer, and for a unit test with a fixed number of seeds.
//
// Checked: everything that scripted_exchange.h checks; no client sees another's rows; and where nothing is
// lost or cancelled, each client receives what a PostgreSQL of its own would have sent it.

#include <set>
#include <string>

#include "common/base/bytes.h"

namespace pgpool::support {

struct Play {
    std::string problem;  // empty: none
    std::string story;    // what was done, line by line
    int steps = 0;        // that were chosen
};
[[nodiscard]] Play play(ByteView choices, const std::set<int>& left_out = {});  // without these steps
// The shortest part of an exchange with a problem that still has one.
[[nodiscard]] Play shortest_with_problem(ByteView choices);

}  // namespace pgpool::support
