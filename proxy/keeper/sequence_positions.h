// SPDX-License-Identifier: PostgreSQL
#pragma once

// Where the sequences of one database stand on a node, and which of them are behind another node's. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pgpool::keeper {

struct SequencePosition {
    std::optional<std::int64_t> last;  // the value that was given last; none: none was
    bool falls = false;                // it counts down
};
using SequencePositions = std::map<std::string, SequencePosition>;  // by name, as SQL

// What `main` has and `other` has too, but further back.
[[nodiscard]] std::vector<std::string> sequences_behind(const SequencePositions& main,
                                                        const SequencePositions& other);

}  // namespace pgpool::keeper
