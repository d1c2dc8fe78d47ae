// SPDX-License-Identifier: PostgreSQL
#include "proxy/route/explain.h"

#include <fmt/format.h>

#include "common/cluster/role_name.h"

namespace pgpool::route {
namespace {

void add_text(std::vector<std::string>& lines, const std::string& label, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        lines.push_back(label + text.substr(at, end - at));
        if (end == std::string::npos) return;
        at = end + 1;
    }
}

std::string lag(const cluster::NodeStatus& node) {
    if (node.lag_bytes == cluster::kLagUnknown) return "lag unknown";
    std::string out = fmt::format("lag {} bytes", node.lag_bytes);
    if (node.lag_time) out += fmt::format(" {} ms", std::chrono::floor<milliseconds>(*node.lag_time).count());
    return out;
}

std::string candidate(const cluster::NodeStatus& node, const SessionRoute& session,
                      const cluster::Topology& topology, const config::Routing& routing) {
    const Eligibility result = eligibility(node, topology, routing);
    const bool is_primary = topology.primary == node.id;
    std::string out =
        fmt::format("node: {}, {}, {}, weight {}", node.name, cluster::role_name(topology, node),
                    cluster::to_string(node.state), node.weight);
    if (!is_primary) out += ", " + lag(node);
    out += std::string(", ") + to_string(result);
    if (!is_primary && node.replay_lsn < session.must_see)
        out += ", not known to have replayed what the session must see";
    return out;
}

}  // namespace

std::vector<std::string> explain(const Verdict& verdict, const sql::StatementInfo& info,
                                 const SessionRoute& session, const cluster::Topology& topology,
                                 const config::Routing& routing, std::uint64_t random) {
    std::vector<std::string> lines;
    add_text(lines, "statement: ", sql::describe(info));
    lines.push_back("verdict: " + describe(verdict));
    lines.push_back("leaves: " + sql::to_string(verdict.leaves));
    for (const cluster::NodeStatus& node : topology.nodes) {
        lines.push_back(candidate(node, session, topology, routing));
    }
    lines.push_back("plan: " + describe(plan(verdict, info, session, topology, routing, random), topology));
    return lines;
}

}  // namespace pgpool::route
