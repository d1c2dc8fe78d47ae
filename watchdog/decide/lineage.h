// SPDX-License-Identifier: PostgreSQL
#pragma once

// Lineage: a timeline and those that it came from, as PostgreSQL's timeline history file lists them. Pure.
// Source: PostgreSQL documentation, "Timelines", and what a standby that follows another timeline demands:
// that its own WAL ends before the other left its timeline.

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/ids.h"

namespace pgpool::decide {

struct Ancestor {
    std::uint32_t timeline = 0;
    Lsn end;  // where its child left it
    friend bool operator==(const Ancestor&, const Ancestor&) = default;
};

struct Lineage {
    std::uint32_t timeline = 0;       // 0: not known
    std::vector<Ancestor> ancestors;  // oldest first
    [[nodiscard]] const Ancestor* find(std::uint32_t ancestor) const;
    [[nodiscard]] bool descends_from(const Lineage& other) const;  // the same history up to the other's end
    friend bool operator==(const Lineage&, const Lineage&) = default;
};

enum class Kinship : std::uint8_t {
    Unknown,   // one of both timelines is not known
    Same,      // on the cluster's timeline
    Behind,    // on an ancestor, and not past the fork: can follow
    Diverged,  // on an ancestor, past the fork: needs a rewind
    Promoted,  // on a child of the cluster's timeline: somebody promoted it
    Foreign,   // on a timeline that neither came from the cluster's nor led to it, or on another of the same
               // number
};

// How a node that has flushed up to `flushed` is related to the cluster.
[[nodiscard]] Kinship kinship(const Lineage& node, Lsn flushed, const Lineage& cluster);

[[nodiscard]] bool can_follow(Kinship kinship);
[[nodiscard]] std::string describe(Kinship kinship, const Lineage& node, const Lineage& cluster);

}  // namespace pgpool::decide
