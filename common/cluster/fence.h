// SPDX-License-Identifier: PostgreSQL
#pragma once

// Fence: what a proxy and the nodes know of an epoch besides its number, and no client. Drawn at random
// whenever the epoch is raised; never logged, shown or written to a file.

#include <cstdint>

namespace pgpool::cluster {

struct Fence {
    std::int64_t token = 0;   // who says it may mark
    std::int64_t answer = 0;  // by which a node shows that it was its own mark that was made
    friend bool operator==(const Fence&, const Fence&) = default;
};

}  // namespace pgpool::cluster
