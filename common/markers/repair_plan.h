// SPDX-License-Identifier: PostgreSQL
#pragma once

// From the sequence numbers in the slots of all nodes to what has to be done again, and where. Pure.
//
// A slot belongs to one transaction in flight, so nodes differ by its last one at most: the node with the
// higher number has it. REQUIRES: no transaction is about to commit (the epoch was raised on every node).

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pgpool::markers {

using Sequences = std::map<std::int32_t, std::int64_t>;     // by slot
using NodeSequences = std::map<std::string, Sequences>;     // by database
using AllSequences = std::map<std::string, NodeSequences>;  // by node

// The transaction that is the last one of this slot has to be run on `to`, with the redo that lies on `from`.
struct Repair {
    std::string database;
    std::int32_t slot = 0;
    std::int64_t sequence = 0;
    std::string from;
    std::string to;
    friend bool operator==(const Repair&, const Repair&) = default;
};

// What the main node lacks comes first: it is the source of the rest. A database that a node does not have is
// not compared there.
[[nodiscard]] std::vector<Repair> plan_repairs(const AllSequences& nodes, std::string_view main);

[[nodiscard]] std::int64_t highest_sequence(const AllSequences& nodes);

}  // namespace pgpool::markers
