// SPDX-License-Identifier: PostgreSQL
#pragma once

// In what nodes differ that have to be alike. Pure.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/nodecheck/facts.h"

namespace pgpool::nodecheck {

struct NodeValue {
    std::string node;
    std::optional<std::string> value;  // none: the node does not have it
    friend bool operator==(const NodeValue&, const NodeValue&) = default;
};

struct Difference {
    std::string database;           // empty: of the server
    std::string setting;            // "timezone", "collation", "extension hstore", "database"
    std::vector<NodeValue> values;  // of every node, in their order
    friend bool operator==(const Difference&, const Difference&) = default;
};

// By database and setting, those of the server first. A database that only some have is one difference,
// whatever is in it; extensions are compared where they are known of every node.
[[nodiscard]] std::vector<Difference> compare(std::span<const NodeFacts> nodes);

// `database app: collation: n1 "C", n2 "de_DE.UTF-8", n3 (none)`
[[nodiscard]] std::string describe(const Difference& difference);

}  // namespace pgpool::nodecheck
