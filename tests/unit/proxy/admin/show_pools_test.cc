// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/show_pools.h"

#include <gtest/gtest.h>

#include "tests/unit/proxy/admin/fixture.h"

namespace pgpool::admin {
namespace {

ServerReport server_of(const ClientReport& client) {
    ServerReport server;
    server.node = NodeId(1);
    server.pid = 4242;
    server.user = client.user;
    server.database = client.database;
    server.state = ServerState::Lent;
    server.connected = kWallNow - seconds(90);
    server.client = client;
    return server;
}

TEST(ShowPools, AServerInUseShowsItsClient) {
    const Asked asked;
    Reports reports;
    ClientReport client = client_report(77, "amy", "idle in transaction");
    client.reads_at = NodeId(1);
    reports.servers.push_back(server_of(client));
    const auto result = pool_pools(asked.context, reports);
    expect_well_typed(result);
    EXPECT_EQ(cell(result, 0, "pool_pid"), "77");
    EXPECT_EQ(cell(result, 0, "pool_connected"), "t");
    EXPECT_EQ(cell(result, 0, "status"), "Idle in transaction");
    EXPECT_EQ(cell(result, 0, "load_balance_node"), "t");
    EXPECT_EQ(cell(result, 0, "client_host"), "192.0.2.1");
    EXPECT_EQ(cell(result, 0, "client_disconnection_time"), "NULL");
}

TEST(ShowPools, AWalsenderReplicates) {
    const Asked asked;
    Reports reports;
    reports.servers.push_back(server_of(client_report(77, "amy", kReplicates)));
    EXPECT_EQ(cell(pool_pools(asked.context, reports), 0, "status"), "Replication");
}

TEST(ShowPools, AnIdleServerHasNone) {
    const Asked asked;
    Reports reports;
    ServerReport server;
    server.idle_since = kWallNow - seconds(30);
    reports.servers.push_back(server);
    const auto result = pool_pools(asked.context, reports);
    expect_well_typed(result);
    EXPECT_EQ(cell(result, 0, "pool_pid"), "NULL");
    EXPECT_EQ(cell(result, 0, "client_idle_duration"), "30");
    EXPECT_EQ(cell(result, 0, "status"), "Idle");
}

TEST(ShowPools, AddressesOfOthersAreForAdministrators) {
    Asked asked;
    Reports reports;
    reports.servers.push_back(server_of(client_report(77, "bob", "active")));
    EXPECT_EQ(cell(pool_pools(asked.context, reports), 0, "client_host"), "NULL");
    EXPECT_EQ(cell(pool_pools(asked.context, reports), 0, "client_port"), "NULL");
    asked.context.is_admin = true;
    EXPECT_EQ(cell(pool_pools(asked.context, reports), 0, "client_host"), "192.0.2.1");
}

TEST(ShowPools, ProcessesAreClients) {
    const Asked asked;
    Reports reports;
    reports.clients.push_back(client_report(2, "amy", "waiting"));
    reports.clients.push_back(client_report(1, "bob", "active"));
    reports.clients.back().server = {NodeId(0), 5, kWallNow, 12};
    put_in_order(reports);
    const auto result = pool_processes(asked.context, reports);
    expect_well_typed(result);
    EXPECT_EQ(cell(result, 0, "pool_pid"), "1");
    EXPECT_EQ(cell(result, 0, "pool_counter"), "12");
    EXPECT_EQ(cell(result, 0, "status"), "Execute command");
    EXPECT_EQ(cell(result, 1, "status"), "Wait for connection");
    EXPECT_EQ(cell(result, 1, "backend_connection_time"), "NULL");
}

}  // namespace
}  // namespace pgpool::admin
