// SPDX-License-Identifier: PostgreSQL
#pragma once

// Fences: those that this process has drawn, so that it knows when somebody else has raised the epoch:
// another proxy with a membership of its own has taken over. Two that raise it in turn would each let
// transactions commit by what it believes to be in. Of the keeper's thread.

#include <cstdint>
#include <vector>

#include "common/cluster/membership.h"

namespace pgpool::keeper {

class Fences {
public:
    // Random, so that nobody can guess it. Throws std::system_error.
    [[nodiscard]] cluster::Fence draw();
    // Since the last one that came into force, and that one; a node may know any of them.
    [[nodiscard]] const std::vector<std::int64_t>& tokens() const { return tokens_; }
    void in_force(cluster::Fence fence) { tokens_ = {fence.token}; }

private:
    std::vector<std::int64_t> tokens_;
};

}  // namespace pgpool::keeper
