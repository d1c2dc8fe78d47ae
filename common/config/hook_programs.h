// SPDX-License-Identifier: PostgreSQL
#pragma once

// Which programs the hooks of a configuration start. Pure.

#include <string>
#include <vector>

#include "common/config/config.h"

namespace pgpool::config {

struct HookProgram {
    std::string parameter;  // hooks.failover
    std::string program;    // a path, or a name that PATH leads to
    friend bool operator==(const HookProgram&, const HookProgram&) = default;
};

// Of those that are configured.
[[nodiscard]] std::vector<HookProgram> hook_programs(const Hooks& hooks);

}  // namespace pgpool::config
