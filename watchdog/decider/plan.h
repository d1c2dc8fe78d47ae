// SPDX-License-Identifier: PostgreSQL
#pragma once

// From the actions of a decision to the orders at nodes. Pure.
//
// The actions that are none at a node (parking, messages) are left to the caller; so is what only the cluster
// state shows (RaiseEpoch, ChooseTarget, DropTarget, Install, Publish).

#include <map>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "watchdog/decide/cluster_state.h"
#include "watchdog/decide/failover.h"
#include "watchdog/decider/work.h"

namespace pgpool::decider {

// What is needed to give orders.
struct Site {
    std::vector<config::Node> nodes;
    config::Health login;
    // The last connection string with which each standby was seen to follow somebody, by its place.
    std::map<std::size_t, std::string> conninfos;

    [[nodiscard]] std::size_t place_of(const std::string& name) const;  // nodes.size(): no such node
};

// `state`: with what the decision has changed. `sights`: as in decide::World.
[[nodiscard]] Work plan_work(decide::ActionSet actions, const decide::ClusterState& state,
                             const std::vector<decide::NodeSight>& sights, const Probes& probes,
                             const Site& site, TimePoint now);

}  // namespace pgpool::decider
