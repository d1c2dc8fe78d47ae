// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/show_watchdog.h"

#include <gtest/gtest.h>

#include "tests/unit/proxy/admin/fixture.h"

namespace pgpool::admin {
namespace {

TEST(ShowWatchdog, WithoutOneTheProxyDecides) {
    Asked asked;
    const auto result = pool_watchdog(asked.context);
    expect_well_typed(result);
    EXPECT_EQ(cell(result, 0, "decided_by"), "proxy");
    EXPECT_EQ(cell(result, 0, "hub"), "none");
    EXPECT_EQ(cell(result, 0, "epoch"), "NULL");
    EXPECT_EQ(cell(result, 0, "parked_because"), "NULL");
}

TEST(ShowWatchdog, TellsTheDecisionInForceAndTheHub) {
    Asked asked;
    cluster::Topology topology = *asked.context.topology;
    topology.parked_because = "the role of node0 moves to another node";
    asked.context.topology = std::make_shared<const cluster::Topology>(topology);
    asked.context.watchdog = member::WatchdogStatus{.is_up = false,
                                                    .member = "m1",
                                                    .away = "Connection refused",
                                                    .epoch = 7,
                                                    .revision = 3,
                                                    .lease_holder = "m2",
                                                    .lease_left_ms = 40,
                                                    .ignored = 1,
                                                    .observed = 12,
                                                    .suppressed = 5};
    const auto result = pool_watchdog(asked.context);
    expect_well_typed(result);
    EXPECT_EQ(cell(result, 0, "decided_by"), "watchdog");
    EXPECT_EQ(cell(result, 0, "hub"), "away");
    EXPECT_EQ(cell(result, 0, "hub_reason"), "Connection refused");
    EXPECT_EQ(cell(result, 0, "epoch"), "7");
    EXPECT_EQ(cell(result, 0, "lease_holder"), "m2");
    EXPECT_EQ(cell(result, 0, "lease_left_ms"), "40");
    EXPECT_EQ(cell(result, 0, "observations"), "12");
    EXPECT_EQ(cell(result, 0, "parked_because"), "the role of node0 moves to another node");
}

TEST(ShowWatchdog, InModeReplicationTheKeeperDecides) {
    Asked asked;
    config::Config config = *asked.context.config;
    config.mode = config::ClusterMode::Replication;
    asked.context.config = std::make_shared<const config::Config>(config);
    asked.context.watchdog.emplace().is_up = true;
    const auto result = pool_watchdog(asked.context);
    EXPECT_EQ(cell(result, 0, "decided_by"), "keeper");
    EXPECT_EQ(cell(result, 0, "hub"), "connected");
}

}  // namespace
}  // namespace pgpool::admin
