// SPDX-License-Identifier: PostgreSQL
#pragma once

// What must hold between parameters; each for itself was checked against its type before.

#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"

namespace pgpool::config {

struct Finding {
    std::string parameter;  // "pool.min_size", "nodes[1].name"
    std::string message;
    std::string_view other_section;  // that the finding also depends on; empty: none
};

// The longest vip.lifetime that the lease of a profile can carry, in whole seconds: with 0.3 s for the kernel
// it must fit into a lease that has just been renewed (1.58 s; wan: 5.94 s). Nothing is ever held otherwise.
[[nodiscard]] milliseconds longest_vip_lifetime(TimerProfile profile);

[[nodiscard]] std::vector<Finding> validate(const Config& config);

}  // namespace pgpool::config
