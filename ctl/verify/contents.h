// SPDX-License-Identifier: PostgreSQL
#pragma once

// What nodes hold, as keys with a digest each, and the keys in which they differ. Pure.
//
// Nodes are read at nearly, not exactly, the same moment, and service runs: a key differs only if it does so
// each time it is looked at. Rows that writers touch in between differ now and then, but seldom every time.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pgpool::ctl::verify {

using Key = std::vector<std::string>;
using Contents = std::map<Key, std::string>;  // of one node

struct Suspect {
    Key key;
    std::vector<std::optional<std::string>> values;  // of each node, in their order; none: not there
    friend bool operator==(const Suspect&, const Suspect&) = default;
};

// In the order of the keys, whole numbers by their value.
[[nodiscard]] std::vector<Suspect> differing(std::span<const Contents> nodes);

// Those of `now` that were suspect before.
[[nodiscard]] std::vector<Suspect> still_suspect(const std::vector<Suspect>& before,
                                                 std::vector<Suspect> now);

// Of values that are numbers: between two looks each node has come to where any of them was before. That is
// how nodes look that follow each other closely and are never seen at the same place. Nothing moved: false.
[[nodiscard]] bool moves_in_step(const Suspect& before, const Suspect& now);

// How the second of two values differs from the first: "missing", "extra", "other contents"; empty if it does
// not.
[[nodiscard]] std::string verdict(const std::optional<std::string>& first,
                                  const std::optional<std::string>& second);

// `a=1 b=x`, or the parts alone where there are no names.
[[nodiscard]] std::string to_string(const Key& key, std::span<const std::string> names);

}  // namespace pgpool::ctl::verify
