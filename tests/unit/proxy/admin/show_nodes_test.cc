// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/show_nodes.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/proxy/admin/fixture.h"

namespace pgpool::admin {
namespace {

TEST(ShowNodes, WeightsAreShares) {
    Asked asked;
    asked.context.reads_at = NodeId(1);
    const auto result = pool_nodes(asked.context);
    expect_well_typed(result);
    EXPECT_EQ(cell(result, 0, "lb_weight"), "0.25");
    EXPECT_EQ(cell(result, 1, "lb_weight"), "0.75");
    EXPECT_EQ(cell(result, 0, "load_balance_node"), "f");
    EXPECT_EQ(cell(result, 1, "load_balance_node"), "t");
    EXPECT_EQ(cell(result, 1, "role"), "standby");
}

TEST(ShowNodes, WhatIsUnknownIsNull) {
    Asked asked;
    cluster::Topology topology = *asked.context.topology;
    topology.nodes[1].lag_bytes = cluster::kLagUnknown;
    topology.nodes[1].last_change = {};
    asked.context.topology = std::make_shared<const cluster::Topology>(topology);
    const auto result = pool_nodes(asked.context);
    EXPECT_EQ(cell(result, 1, "replication_delay"), "NULL");
    EXPECT_EQ(cell(result, 1, "replication_state"), "NULL");
    EXPECT_EQ(cell(result, 1, "replication_sync_state"), "NULL");
    EXPECT_EQ(cell(result, 1, "last_status_change"), "NULL");
}

TEST(ShowNodes, CountsOfAllWorkersAreAdded) {
    Asked asked;
    exec::NodeStatistics one;
    exec::NodeStatistics two;
    one.count(NodeId(1), exec::Counted::Select);
    two.count(NodeId(1), exec::Counted::Select);
    two.count(NodeId(0), exec::Counted::Panic);
    two.count(NodeId(64), exec::Counted::Select);  // beyond what is counted
    asked.totals.add(one);
    asked.totals.add(two);
    const auto result = pool_backend_stats(asked.context);
    expect_well_typed(result);
    EXPECT_EQ(cell(result, 1, "select_cnt"), "2");
    EXPECT_EQ(cell(result, 0, "select_cnt"), "0");
    EXPECT_EQ(cell(result, 0, "panic_cnt"), "1");
    EXPECT_EQ(asked.totals.get(NodeId(64), exec::Counted::Select), 0U);
}

TEST(ShowNodes, KindsOfStatements) {
    const auto counted = [](sql::Kind kind) {
        sql::Statement statement;
        statement.kind = kind;
        return exec::counted_as(statement);
    };
    EXPECT_EQ(counted(sql::Kind::Select), exec::Counted::Select);
    EXPECT_EQ(counted(sql::Kind::Truncate), exec::Counted::Ddl);
    EXPECT_EQ(counted(sql::Kind::Begin), exec::Counted::Other);
    EXPECT_EQ(counted(sql::Kind::Unknown), exec::Counted::Other);
    sql::Statement explained;
    explained.kind = sql::Kind::Insert;
    explained.explained = true;
    EXPECT_EQ(exec::counted_as(explained), exec::Counted::Other);
}

TEST(ShowNodes, HealthChecks) {
    Asked asked;
    cluster::Topology topology = *asked.context.topology;
    cluster::NodeStatus& node = topology.nodes[0];
    node.probes = 4;
    node.failed_probes = 1;
    node.probe_times.after_failure = 2;
    node.probe_times.total = milliseconds(10);
    node.probe_times.longest = milliseconds(7);
    node.probe_times.last = kNow - seconds(5);
    asked.context.topology = std::make_shared<const cluster::Topology>(topology);
    const auto result = pool_health_check_stats(asked.context);
    expect_well_typed(result);
    EXPECT_EQ(cell(result, 0, "success_count"), "3");
    EXPECT_EQ(cell(result, 0, "average_retry_count"), "0.5");
    EXPECT_EQ(cell(result, 0, "average_duration"), "2.5");
    EXPECT_EQ(cell(result, 0, "max_duration"), "7");
    EXPECT_EQ(cell(result, 0, "last_health_check"), "2001-09-09 01:46:35.000000+00");
    EXPECT_EQ(cell(result, 0, "last_failed_health_check"), "NULL");
    EXPECT_EQ(cell(result, 1, "average_duration"), "0") << "never probed";
}

}  // namespace
}  // namespace pgpool::admin
