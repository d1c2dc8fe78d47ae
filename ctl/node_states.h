// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the running proxy says of the nodes: the rows of SHOW POOL_NODES, with the names that commands take.
// Pure.

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/pg/rows.h"
#include "ctl/output.h"

namespace pgpool::ctl {

struct NodeState {
    std::string name;  // empty where the file and the running proxy differ
    std::string host;
    std::string port;
    std::string status;
    std::string role;
    std::string weight;
    std::string reason;  // empty: none

    // Why it was taken out by decision, mode replication: it does not come back by itself.
    [[nodiscard]] bool is_taken_out() const;
};

[[nodiscard]] std::vector<NodeState> node_states(const config::Config& config, const pg::Rows& rows);

// For people: what fits a terminal, the longest last, and shortened.
[[nodiscard]] Table table_of(const std::vector<NodeState>& states);

// A line for each node that was taken out: why, and how it comes back. Empty: there is none.
[[nodiscard]] std::string notes_on(const std::vector<NodeState>& states);

// The rows with a first column `name`.
[[nodiscard]] pg::Rows with_names(const config::Config& config, const pg::Rows& rows);

}  // namespace pgpool::ctl
