// SPDX-License-Identifier: PostgreSQL
#include "common/pg/own_session.h"

#include <gtest/gtest.h>

#include <set>

#include "common/cluster/topology.h"

namespace pgpool::pg {
namespace {

TEST(OwnSession, EachHasAName) {
    std::set<std::string_view> names;
    for (const OwnSession session : kOwnSessions) {
        EXPECT_TRUE(name_of(session).starts_with("pgpool-")) << name_of(session);
        names.insert(name_of(session));
    }
    EXPECT_EQ(names.size(), kOwnSessions.size());
}

TEST(OwnSession, LogsInAsTheConfigurationSays) {
    config::Health health;
    health.user = "admin";
    health.password = "secret";
    health.database = "main";
    config::Node node;
    node.host = "10.0.0.1";
    node.port = 5433;
    const ConnectParams params = own_params(node, own_login(health, OwnSession::Keeper));
    EXPECT_EQ(params.host, "10.0.0.1");
    EXPECT_EQ(params.port, 5433);
    EXPECT_EQ(params.user, "admin");
    EXPECT_EQ(params.password, "secret");
    EXPECT_EQ(params.database, "main");
    EXPECT_EQ(params.application_name, "pgpool-keeper");
    EXPECT_EQ(params.settings, SessionSettings::Fixed);
    cluster::NodeStatus status;
    status.host = "/run";
    const ConnectParams other = own_params(status, own_login(health, OwnSession::Catalog, "shop"));
    EXPECT_EQ(other.host, "/run");
    EXPECT_EQ(other.database, "shop");
}

}  // namespace
}  // namespace pgpool::pg
