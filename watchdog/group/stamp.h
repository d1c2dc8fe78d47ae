// SPDX-License-Identifier: PostgreSQL
#pragma once

// Stamp: which of two cluster states is the later one. The epoch is that of the lease under which a decider
// wrote it, the revision counts what that decider wrote: so no two states that differ have the same stamp.

#include <compare>
#include <cstdint>
#include <string>

namespace pgpool::group {

struct Stamp {
    std::uint64_t epoch = 0;  // 0 = nothing was ever written
    std::uint64_t revision = 0;
    friend constexpr auto operator<=>(const Stamp&, const Stamp&) = default;
};

// A cluster state, whose text only the decider reads.
struct Record {
    Stamp stamp;
    std::string text;
    friend bool operator==(const Record&, const Record&) = default;
};

}  // namespace pgpool::group
