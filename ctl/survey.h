// SPDX-License-Identifier: PostgreSQL
#pragma once

// Asks every node for the facts that common/nodecheck compares.

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/nodecheck/compare.h"
#include "ctl/node_access.h"

namespace pgpool::ctl {

struct Survey {
    std::vector<nodecheck::NodeFacts> facts;  // of the nodes that answered, in the order of the configuration
    std::vector<Unreachable> unreachable;
    std::vector<nodecheck::Difference> differences;
    std::vector<std::string> unable;  // why nodes cannot do what the configuration wants, one sentence each
    bool is_usable = true;            // even so
};

[[nodiscard]] Survey survey(const config::Config& config);

}  // namespace pgpool::ctl
