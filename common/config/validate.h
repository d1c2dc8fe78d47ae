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

[[nodiscard]] std::vector<Finding> validate(const Config& config);

}  // namespace pgpool::config
