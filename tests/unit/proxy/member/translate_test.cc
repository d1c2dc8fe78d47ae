// SPDX-License-Identifier: PostgreSQL
#include "proxy/member/translate.h"

#include <gtest/gtest.h>

namespace pgpool::member {
namespace {

net::Address address(const std::string& host) {
    const auto found = net::resolve(host, 5432);
    EXPECT_TRUE(found);
    return found ? found->front() : net::Address();
}

TEST(Translate, RolesAndStates) {
    bus::Topology topology{.epoch = 7, .revision = 2, .nodes = {}};
    using bus::NodeState;
    for (const NodeState state : {NodeState::Unknown, NodeState::Up, NodeState::Down, NodeState::Detached,
                                  NodeState::Recovering, NodeState::Parked}) {
        bus::Node node;
        node.name = "n" + std::to_string(topology.nodes.size());
        node.role = topology.nodes.empty() ? bus::NodeRole::Primary : bus::NodeRole::Standby;
        node.state = state;
        node.reason = "why";
        topology.nodes.push_back(node);
    }
    const cluster::Decision decision = decision_of(topology);
    EXPECT_EQ(decision.revision, (cluster::Revision{7, 2}));
    std::string all;
    for (const auto& node : decision.nodes) all += std::string(to_string(node.standing)) + " ";
    EXPECT_EQ(all, "unknown up down detached recovering parked ");
    EXPECT_EQ(decision.nodes[0].role, cluster::Role::Primary);
    EXPECT_EQ(decision.nodes[1].role, cluster::Role::Standby);
    EXPECT_EQ(decision.nodes[1].reason, "why");
    EXPECT_EQ(decision.withheld, "");
}

TEST(Translate, WhatSessionsAndProbesSaw) {
    EXPECT_EQ(suspicion_of(cluster::Sign::Doubtful), bus::Suspicion::Doubtful);
    EXPECT_EQ(suspicion_of(cluster::Sign::Gone), bus::Suspicion::Gone);
    EXPECT_EQ(suspicion_of(cluster::Sign::Unequal), bus::Suspicion::Unequal);
    EXPECT_EQ(failure_of(cluster::Reach::Refused), bus::FailureClass::Refused);
    EXPECT_EQ(failure_of(cluster::Reach::Timeout), bus::FailureClass::Timeout);
    EXPECT_EQ(failure_of(cluster::Reach::Ok), bus::FailureClass::Other);
}

TEST(Translate, AMembership) {
    cluster::Topology topology;
    topology.epoch = 9;
    for (const char* name : {"n1", "n2", "n3"}) {
        cluster::NodeStatus node;
        node.name = name;
        node.state = cluster::NodeState::Up;
        node.role = cluster::Role::Replica;
        topology.nodes.push_back(node);
    }
    topology.nodes[0].role = cluster::Role::Primary;
    topology.nodes[2].state = cluster::NodeState::Down;
    topology.nodes[2].role = cluster::Role::Unknown;
    topology.nodes[2].is_taken_out = true;
    const bus::Topology told = membership_of(topology);
    EXPECT_EQ(told.epoch, 9U);
    EXPECT_EQ(told.nodes[0].role, bus::NodeRole::Primary);
    EXPECT_EQ(told.nodes[1].role, bus::NodeRole::Replica);
    EXPECT_EQ(told.nodes[1].state, bus::NodeState::Up);
    EXPECT_EQ(told.nodes[2].state, bus::NodeState::Detached);
    EXPECT_EQ(told.nodes[2].id, 2);
}

TEST(Translate, Endpoints) {
    const bus::Endpoint v4 = endpoint_of(address("10.0.0.9"));
    EXPECT_EQ(v4.family, bus::Family::V4);
    EXPECT_EQ(v4.address[0], 10);
    EXPECT_EQ(v4.address[3], 9);
    EXPECT_EQ(v4.port, 5432);
    const bus::Endpoint v6 = endpoint_of(address("fe80::2"));
    EXPECT_EQ(v6.family, bus::Family::V6);
    EXPECT_EQ(v6.address[0], 0xfe);
    EXPECT_EQ(v6.address[15], 2);
    EXPECT_EQ(endpoint_of(address("::ffff:10.0.0.9")), v4);
    EXPECT_EQ(endpoint_of(net::Address()).family, bus::Family::None);
}

}  // namespace
}  // namespace pgpool::member
