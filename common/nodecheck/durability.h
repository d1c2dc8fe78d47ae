// SPDX-License-Identifier: PostgreSQL
#pragma once

// Settings of a node with which it may forget what it has committed. Pure.

#include <string>
#include <vector>

#include "common/nodecheck/facts.h"

namespace pgpool::nodecheck {

// In words, one for each; no refusal, since a node for tests may be meant to be like that.
[[nodiscard]] std::vector<std::string> durability_warnings(const NodeFacts& facts);

}  // namespace pgpool::nodecheck
