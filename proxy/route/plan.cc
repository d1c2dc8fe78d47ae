// SPDX-License-Identifier: PostgreSQL
#include "proxy/route/plan.h"

#include <fmt/format.h>

#include <array>

#include "common/cluster/role_name.h"

namespace pgpool::route {
namespace {

std::string name_of(NodeId id, const cluster::Topology& topology) {
    const cluster::NodeStatus* node = topology.find(id);
    return node != nullptr ? node->name : fmt::format("node {}", id.value);
}

struct Describer {
    const cluster::Topology& topology;

    std::string operator()(const Forward& forward) const {
        std::string to = cluster::primary_name(topology);
        if (!forward.target.is_primary()) to = name_of(forward.target.node, topology);
        if (forward.target.is_primary() && !topology.primary) to += " (none now: wait for one)";
        constexpr auto kStick =
            std::to_array<const char*>({"", ", for the transaction", ", for the session"});
        return fmt::format("forward to {}: {}{}{}", to, to_string(forward.why),
                           kStick.at(static_cast<std::size_t>(forward.stick)),
                           forward.retryable ? ", repeatable" : "");
    }

    std::string operator()(const WaitForReplay& wait) const {
        std::string names;
        for (const cluster::NodeStatus& node : topology.nodes) {
            if (!wait.nodes.contains(node.id)) continue;
            names += (names.empty() ? "" : ",") + node.name;
        }
        const std::string position =
            wait.lsn == kPositionUnknown
                ? "the position of the last write"
                : fmt::format("{:X}/{:X}", wait.lsn.value >> 32U, wait.lsn.value & 0xffffffffU);
        return fmt::format("wait for {} on {} up to {} ms", position, names, wait.at_most.count());
    }

    std::string operator()(const Local& local) const {
        return std::string("local: ") + to_string(local.what);
    }

    std::string operator()(const Refuse& refuse) const {
        return fmt::format("refuse {}: {}", refuse.sqlstate.view(), refuse.message);
    }
};

}  // namespace

const char* to_string(Why why) {
    constexpr auto kNames = std::to_array<const char*>({
        "its connection is there",
        "needs the primary",
        "read/write split is off",
        "in a transaction that may write",
        "serializable",
        "read-only transaction",
        "hint",
        "rule",
        "choice of the session",
        "balanced",
        "must not leave the primary",
        "may leave session state",
        "no node for reads",
        "no standby has caught up",
    });
    static_assert(kNames.size() == static_cast<std::size_t>(Why::NotCaughtUp) + 1);
    return kNames.at(static_cast<std::size_t>(why));
}

const char* to_string(Local::What what) {
    constexpr auto kNames =
        std::to_array<const char*>({"empty query", "begin", "end of a transaction not begun", "own command"});
    static_assert(kNames.size() == static_cast<std::size_t>(Local::What::Own) + 1);
    return kNames.at(static_cast<std::size_t>(what));
}

std::string describe(const ExecutionPlan& plan, const cluster::Topology& topology) {
    return std::visit(Describer{topology}, plan);
}

}  // namespace pgpool::route
