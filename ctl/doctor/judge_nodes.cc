// SPDX-License-Identifier: PostgreSQL
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <cmath>
#include <set>

#include "ctl/doctor/judge.h"

namespace pgpool::ctl {

namespace {

constexpr int kOldestVersion = 140000;  // idle_session_timeout
constexpr double kClockSeconds = 1;     // logs of several hosts are read side by side

Finding judge_rights(const NodeLook& node) {
    if (node.version < kOldestVersion)
        return {Level::Fail, "node",
                node.name +
                    ": PostgreSQL 14 or later is needed: older servers have no idle_session_timeout, and "
                    "keep the vote of who is gone",
                "upgrade it"};
    if (node.is_superuser) return well("node", node.name + " is reached, as a superuser");
    if (node.version < kGrantableVersion)
        return {Level::Fail, "node",
                node.name + ": PostgreSQL 14 lets only a superuser use ALTER SYSTEM, which the lease needs",
                "make health.user a superuser there"};
    if (!node.missing_for_lease.empty())
        return {Level::Fail, "node", node.name + ": health.user may not do what the lease needs",
                node.missing_for_lease};
    if (!node.missing_for_orders.empty())
        return {Level::Fail, "node", node.name + ": health.user may not do what a failover needs",
                node.missing_for_orders};
    return well("node", node.name + " is reached, with the rights that are needed");
}

Findings judge_node(const NodeLook& node, const config::Config& config) {
    if (!node.error.empty())
        return {{Level::Fail, "node", fmt::format("{}: {}", node.name, node.error),
                 "is it running? then look at its address, pg_hba.conf, health.user, health.password"}};
    Findings found{config.watchdog.enabled ? judge_rights(node) : well("node", node.name + " is reached")};
    if (node.idle_timeout != "0")
        found.push_back({Level::Warn, "node",
                         fmt::format("{}: idle_session_timeout is {}: it ends connections of the pool",
                                     node.name, node.idle_timeout),
                         "set it to 0 there; the lease sets its own"});
    if (std::abs(node.clock_ahead) > kClockSeconds)
        found.push_back({Level::Warn, "clock",
                         fmt::format("{} is {:.1f} s {} this member", node.name, std::abs(node.clock_ahead),
                                     node.clock_ahead > 0 ? "ahead of" : "behind"),
                         "chrony or another NTP client, there and here"});
    return found;
}

Finding judge_versions(const std::vector<const NodeLook*>& nodes) {
    std::set<int> majors;
    for (const NodeLook* node : nodes) majors.insert(node->version / 10'000);
    if (majors.size() == 1) return well("nodes", fmt::format("PostgreSQL {}", *majors.begin()));
    return {Level::Fail, "nodes", fmt::format("PostgreSQL {} beside each other", fmt::join(majors, ", ")),
            "all nodes need the same major version"};
}

// What zero loss rests on: a commit is acknowledged once a standby has it.
Finding judge_durability(const NodeLook& primary) {
    if (primary.sync_commit == "off" || primary.sync_commit == "local")
        return {Level::Warn, "durability",
                fmt::format("{}: synchronous_commit is {}: commits wait for no standby, and a failover may "
                            "lose them",
                            primary.name, primary.sync_commit),
                "set it to on there, or watchdog.durability: available"};
    if (primary.sync_names.empty())
        return {Level::Warn, "durability",
                primary.name +
                    ": synchronous_standby_names is empty: commits wait for no standby, and none "
                    "may be promoted without loss",
                "the watchdog sets it once a standby is in service and follows: pgpool-ctl status"};
    return well("durability", fmt::format("commits at {} wait for {}", primary.name, primary.sync_names));
}

// The watchdog says who is right: whoever stops the wrong one ends service.
Finding judge_claims(std::vector<std::string> primaries, const std::string& primary) {
    if (std::erase(primaries, primary) == 0)
        return {Level::Fail, "nodes",
                fmt::format("{} runs as a primary; the primary is {}, which is not reached as such",
                            fmt::join(primaries, " and "), primary),
                "stop nothing yet: pgpool-ctl status and why tell whether a failover is under way"};
    if (primaries.empty()) return well("nodes", primary + " is the primary");
    return {Level::Fail, "nodes",
            fmt::format("{} runs as a primary; the primary is {}", fmt::join(primaries, " and "), primary),
            fmt::format(
                "leave {} alone; make {} a standby of it: docs/ctl.md, \"How a former primary comes back\"",
                primary, fmt::join(primaries, " and "))};
}

Finding judge_roles(const std::vector<const NodeLook*>& nodes, const std::string& primary) {
    std::vector<std::string> primaries;
    for (const NodeLook* node : nodes) {
        if (!node->is_standby) primaries.push_back(node->name);
    }
    if (!primaries.empty() && !primary.empty()) return judge_claims(std::move(primaries), primary);
    if (primaries.size() == 1) return well("nodes", primaries.front() + " is the primary");
    if (primaries.empty())
        return {Level::Fail, "nodes", "none that is reached is a primary", "pgpool-ctl status tells why"};
    return {Level::Fail, "nodes", fmt::format("{} are primaries", fmt::join(primaries, " and ")),
            "only one may be, and which is not known here: stop none before pgpool-ctl status has told it, "
            "on any "
            "member"};
}

}  // namespace

Findings judge_nodes(const std::vector<NodeLook>& nodes, const config::Config& config,
                     const std::string& primary) {
    Findings found;
    std::vector<const NodeLook*> reached;
    for (const NodeLook& node : nodes) {
        if (node.error.empty()) reached.push_back(&node);
        const Findings more = judge_node(node, config);
        found.insert(found.end(), more.begin(), more.end());
    }
    if (reached.empty()) return found;
    found.push_back(judge_versions(reached));
    if (config.mode != config::ClusterMode::Streaming) return found;
    found.push_back(judge_roles(reached, primary));
    const bool loses_nothing = config.watchdog.enabled && nodes.size() > 1 &&
                               config.watchdog.durability == config::Durability::Strict;
    for (const NodeLook* node : reached) {
        const bool is_it = !node->is_standby && (primary.empty() || node->name == primary);
        if (loses_nothing && is_it) found.push_back(judge_durability(*node));
    }
    return found;
}

}  // namespace pgpool::ctl
