// SPDX-License-Identifier: PostgreSQL
#include "common/nodecheck/durability.h"

namespace pgpool::nodecheck {

std::vector<std::string> durability_warnings(const NodeFacts& facts) {
    std::vector<std::string> warnings;
    for (const char* name : {"fsync", "full_page_writes"}) {
        const auto found = facts.settings.find(name);
        if (found == facts.settings.end() || found->second != "off") continue;
        warnings.push_back("node " + facts.node + ": " + name +
                           " is off: after a crash of its machine it may lack transactions that clients were "
                           "told of, and nothing tells that it does");
    }
    return warnings;
}

}  // namespace pgpool::nodecheck
