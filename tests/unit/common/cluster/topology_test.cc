// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/topology.h"

#include <gtest/gtest.h>

namespace pgpool::cluster {
namespace {

NodeStatus node(std::uint16_t id, Role role, NodeState state) {
    NodeStatus status;
    status.id = NodeId(id);
    status.role = role;
    status.state = state;
    return status;
}

TEST(Topology, ThePrimaryAnswersElseTheFirstStandbyThatIsUp) {
    Topology topology;
    EXPECT_EQ(topology.primary_or_standby(), nullptr);
    topology.nodes = {node(0, Role::Standby, NodeState::Down), node(1, Role::Standby, NodeState::Up),
                      node(2, Role::Standby, NodeState::Up), node(3, Role::Primary, NodeState::Up)};
    topology.primary = NodeId(3);
    EXPECT_EQ(topology.primary_or_standby(), &topology.nodes[3]);
    topology.primary.reset();
    EXPECT_EQ(topology.primary_or_standby(), &topology.nodes[1]);
    topology.nodes[1].state = topology.nodes[2].state = NodeState::Unknown;
    EXPECT_EQ(topology.primary_or_standby(), nullptr);
}

}  // namespace
}  // namespace pgpool::cluster
