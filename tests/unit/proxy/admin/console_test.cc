// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/console.h"

#include <gtest/gtest.h>

#include "tests/unit/proxy/admin/fixture.h"

namespace pgpool::admin {
namespace {

Reports two_workers() {
    Reports reports;
    for (int worker = 0; worker < 2; ++worker) {
        PoolReport pool = pool_report("amy", "shop");
        pool.clients = 5;
        pool.waiting = 2;
        pool.longest_wait = milliseconds(1'500 + worker);
        pool.active = 3;
        pool.idle = 1;
        pool.opening = 1;
        pool.total.transactions = 1'000;
        pool.total.wait_time = milliseconds(20);
        pool.period.to.counted.transactions = 600;
        pool.period.to.counted.transaction_time = seconds(6);
        pool.period.to.counted.queries = 1'200;
        pool.period.to.counted.query_time = seconds(3);
        pool.period.to.counted.wait_time = seconds(12);
        reports.pools.push_back(pool);
    }
    reports.pools.push_back(pool_report("bob", "shop"));
    reports.pools.push_back(pool_report("root", "pgpool"));
    return reports;
}

TEST(Console, PoolsAreSummedOverWorkers) {
    const Asked asked;
    const auto result = console_pools(asked.context, two_workers());
    expect_well_typed(result);
    ASSERT_EQ(result.rows.size(), 3U);
    EXPECT_EQ(cell(result, 0, "pool_mode"), "console");
    EXPECT_EQ(cell(result, 1, "user"), "amy");
    EXPECT_EQ(cell(result, 1, "cl_active"), "6");
    EXPECT_EQ(cell(result, 1, "cl_waiting"), "4");
    EXPECT_EQ(cell(result, 1, "sv_active"), "6");
    EXPECT_EQ(cell(result, 1, "sv_login"), "2");
    EXPECT_EQ(cell(result, 1, "maxwait"), "1");
    EXPECT_EQ(cell(result, 1, "maxwait_us"), "501000");
    EXPECT_EQ(cell(result, 1, "pool_mode"), "auto");
}

TEST(Console, AveragesArePerSecondAndPerPiece) {
    const Asked asked;
    const auto result = console_stats(asked.context, two_workers());
    expect_well_typed(result);
    ASSERT_EQ(result.rows.size(), 1U) << "the console is no database";
    EXPECT_EQ(cell(result, 0, "total_xact_count"), "2000");
    EXPECT_EQ(cell(result, 0, "total_wait_time"), "40000");
    EXPECT_EQ(cell(result, 0, "avg_xact_count"), "20");  // 1200 in 60 s
    EXPECT_EQ(cell(result, 0, "avg_query_count"), "40");
    EXPECT_EQ(cell(result, 0, "avg_xact_time"), "10000");  // 12 s for 1200
    EXPECT_EQ(cell(result, 0, "avg_query_time"), "2500");
    EXPECT_EQ(cell(result, 0, "avg_wait_time"), "400000");  // 24 s in 60 s
    EXPECT_EQ(cell(result, 0, "avg_recv"), "0");
}

TEST(Console, ClientsAndServersNameEachOther) {
    const Asked asked;
    Reports reports;
    ClientReport client = client_report(77, "amy", "active");
    client.server = {NodeId(1), 4242, kWallNow, 9};
    client.pinned = "listen";
    reports.clients.push_back(client);
    ClientReport waiting = client_report(78, "amy", "waiting");
    waiting.waiting = milliseconds(2'250);
    reports.clients.push_back(waiting);
    ServerReport server;
    server.node = NodeId(1);
    server.pid = 4242;
    server.state = ServerState::Lent;
    server.client = client;
    reports.servers.push_back(server);
    ServerReport of_removed_node;
    of_removed_node.node = NodeId(9);
    reports.servers.push_back(of_removed_node);

    const auto clients = console_clients(asked.context, reports);
    const auto servers = console_servers(asked.context, reports);
    expect_well_typed(clients);
    expect_well_typed(servers);
    EXPECT_EQ(cell(clients, 0, "link"), cell(servers, 0, "ptr"));
    EXPECT_EQ(cell(servers, 0, "link"), cell(clients, 0, "ptr"));
    EXPECT_EQ(cell(clients, 0, "pinned"), "listen");
    EXPECT_EQ(cell(clients, 1, "pinned"), "NULL");
    EXPECT_EQ(cell(clients, 1, "link"), "NULL");
    EXPECT_EQ(cell(clients, 1, "wait"), "2");
    EXPECT_EQ(cell(clients, 1, "wait_us"), "250000");
    EXPECT_EQ(cell(servers, 0, "addr"), "10.0.0.1");
    EXPECT_EQ(cell(servers, 1, "addr"), "NULL");
    EXPECT_EQ(cell(servers, 1, "close_needed"), "1");
}

TEST(Console, DatabasesAndUsers) {
    const Asked asked;
    const auto databases = console_databases(asked.context, two_workers());
    expect_well_typed(databases);
    ASSERT_EQ(databases.rows.size(), 1U);
    EXPECT_EQ(cell(databases, 0, "current_connections"), "10");
    EXPECT_EQ(cell(databases, 0, "max_connections"), "7");
    EXPECT_EQ(cell(databases, 0, "host"), "10.0.0.0");
    const auto users = console_users(asked.context, two_workers());
    expect_well_typed(users);
    ASSERT_EQ(users.rows.size(), 3U);
    EXPECT_EQ(cell(users, 0, "current_clients"), "10");
    EXPECT_EQ(cell(users, 0, "is_admin"), "f");
    EXPECT_EQ(cell(users, 2, "is_admin"), "t");
}

}  // namespace
}  // namespace pgpool::admin
