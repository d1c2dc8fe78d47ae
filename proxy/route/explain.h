// SPDX-License-Identifier: PostgreSQL
#pragma once

// SHOW ROUTE FOR <sql>: what the analyzer saw, what the classifier made of it, and where it would go, as
// lines for people. Nothing is executed.

#include <string>
#include <vector>

#include "proxy/route/planner.h"

namespace pgpool::route {

[[nodiscard]] std::vector<std::string> explain(const Verdict& verdict, const sql::StatementInfo& info,
                                               const SessionRoute& session, const cluster::Topology& topology,
                                               const config::Routing& routing, std::uint64_t random);

}  // namespace pgpool::route
