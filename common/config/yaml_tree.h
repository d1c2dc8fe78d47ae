// SPDX-License-Identifier: PostgreSQL
#pragma once

// YAML text as a tree with places. The only file that knows yaml-cpp.
//
// Invariants: (1) never throws but bad_alloc, whatever the text; (2) the tree is at most kMaxDepth deep and
// has no cycles, an alias is the index of the node it names; (3) pairs of a map are in the order of the text,
// also those whose keys are equal. Bounds are checked before yaml-cpp could recurse on them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace pgpool::config {

inline constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxDepth = 16;

// In the file, from 1; 0 = unknown.
struct Place {
    int line = 0;
    int column = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
};

struct YamlNode {
    enum class Kind : std::uint8_t { Null, Scalar, List, Map };
    Kind kind = Kind::Null;
    Place place;
    bool is_quoted = false;          // Scalar
    std::string text;                // Scalar
    std::vector<std::size_t> items;  // List: elements; Map: key, value, key, value…
};

struct YamlTree {
    std::vector<YamlNode> nodes;
    std::size_t root = 0;  // an empty file has a Null there
    [[nodiscard]] const YamlNode& operator[](std::size_t index) const { return nodes[index]; }
};

struct YamlError {
    Place place;
    std::string message;
};

[[nodiscard]] tl::expected<YamlTree, YamlError> read_yaml(std::string_view text);

}  // namespace pgpool::config
