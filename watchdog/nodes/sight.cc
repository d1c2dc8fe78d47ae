// SPDX-License-Identifier: PostgreSQL
#include "watchdog/nodes/sight.h"

#include "watchdog/nodes/conninfo.h"
#include "watchdog/nodes/orders.h"

namespace pgpool::nodes {

namespace {

std::string value_of(const Conninfo& conninfo, const std::string& keyword, const std::string& otherwise) {
    const auto found = conninfo.find(keyword);
    return found != conninfo.end() ? found->second : otherwise;
}

}  // namespace

decide::Report report_of(const Probe& probe, const std::string& member, const std::string& node,
                         bool is_primary) {
    decide::Report report{member, node, probe.finding, probe.detail};
    if (!is_primary || !probe.facts) return report;
    if (probe.facts->is_standby) {
        report.finding = decide::Finding::Query;
        report.detail = "it is in recovery although it is the primary";
    } else if (probe.facts->sync_names == kStoppedSync) {
        report.finding = decide::Finding::Query;
        report.detail = "it was stopped for a switchover";
    }
    return report;
}

std::string upstream_of(const std::string& conninfo, std::span<const config::Node> nodes) {
    const Conninfo parsed = parse_conninfo(conninfo);
    const std::string host = value_of(parsed, "host", "");
    const std::string address = value_of(parsed, "hostaddr", host);
    const std::string port = value_of(parsed, "port", "5432");
    for (const config::Node& node : nodes) {
        const bool is_host = !node.host.empty() && (node.host == host || node.host == address);
        if (is_host && std::to_string(node.port) == port) return node.name;
    }
    return {};
}

decide::NodeSight sight_of(const NodeFacts& facts, const config::Node& node,
                           std::span<const config::Node> nodes) {
    decide::NodeSight sight;
    sight.name = node.name;
    sight.is_reached = true;
    sight.is_standby = facts.is_standby;
    sight.is_cut_off = facts.is_standby && facts.follows_nobody();
    sight.is_appointed = !facts.is_standby && facts.primary_conninfo.empty();
    sight.is_stopped = !facts.is_standby && facts.sync_names == kStoppedSync;
    sight.upstream = facts.is_standby ? upstream_of(facts.primary_conninfo, nodes) : "";
    sight.lineage = facts.lineage;
    sight.flushed = facts.flushed;
    sight.replayed = facts.replayed;
    return sight;
}

}  // namespace pgpool::nodes
