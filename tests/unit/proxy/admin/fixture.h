// SPDX-License-Identifier: PostgreSQL
#pragma once

// A cluster of two nodes, the reports of two workers, and rows as text by the names of their columns.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy/admin/reports.h"

namespace pgpool::admin {

inline constexpr TimePoint kNow{seconds(1'000)};
inline constexpr WallTime kWallNow{seconds(1'000'000'000)};

inline cluster::NodeStatus node_status(std::uint16_t id, cluster::Role role) {
    cluster::NodeStatus node;
    node.id = NodeId(id);
    node.name = "node" + std::to_string(id);
    node.host = "10.0.0." + std::to_string(id);
    node.port = 5432;
    node.role = role;
    node.state = cluster::NodeState::Up;
    node.last_change = kWallNow;
    return node;
}

struct Asked {
    Asked() {
        auto topology = std::make_shared<cluster::Topology>();
        topology->nodes = {node_status(0, cluster::Role::Primary), node_status(1, cluster::Role::Standby)};
        topology->nodes[1].weight = 3;
        topology->primary = NodeId(0);
        auto config = std::make_shared<config::Config>();
        config->admin.users = {"root"};
        config->pool.max_database_connections = 7;
        context.config = config;
        context.topology = topology;
        context.statistics = &totals;
        context.user = "amy";
        context.now = kNow;
        context.wall_now = kWallNow;
    }
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;

    session::NodeTotals totals;
    Context context;
};

// What stands in a column of a row; "NULL" for NULL. Fails for a column that is not there.
inline std::string cell(const exec::OwnResult& result, std::size_t row, std::string_view column) {
    for (std::size_t i = 0; i < result.columns.size(); ++i) {
        if (result.columns[i].name != column) continue;
        const exec::Value& value = result.rows.at(row).at(i);
        return std::holds_alternative<std::monostate>(value) ? "NULL" : exec::to_text(value);
    }
    ADD_FAILURE() << "no column " << column;
    return "";
}

// Every row has a value of its column's type, or NULL, in every column.
inline void expect_well_typed(const exec::OwnResult& result) {
    using wire::ColumnType;
    for (const exec::Row& row : result.rows) {
        ASSERT_EQ(row.size(), result.columns.size());
        for (std::size_t i = 0; i < row.size(); ++i) {
            const ColumnType type = result.columns[i].type;
            const bool fits = std::holds_alternative<std::monostate>(row[i]) ||
                              (std::holds_alternative<bool>(row[i]) && type == ColumnType::Bool) ||
                              (std::holds_alternative<double>(row[i]) && type == ColumnType::Float8) ||
                              (std::holds_alternative<std::string>(row[i]) && type == ColumnType::Text) ||
                              (std::holds_alternative<WallTime>(row[i]) && type == ColumnType::Timestamptz) ||
                              (std::holds_alternative<std::int64_t>(row[i]) &&
                               (type == ColumnType::Int4 || type == ColumnType::Int8));
            EXPECT_TRUE(fits) << result.columns[i].name;
        }
    }
}

inline ClientReport client_report(std::uint32_t pid, std::string user, std::string_view state) {
    ClientReport client;
    client.pid = pid;
    client.user = std::move(user);
    client.database = "shop";
    client.state = state;
    client.from = {"192.0.2.1", 40'000};
    client.to = {"192.0.2.9", 9999};
    client.connected = kWallNow - seconds(60);
    client.pinned = "-";
    return client;
}

inline PoolReport pool_report(std::string user, std::string database) {
    PoolReport pool;
    pool.user = std::move(user);
    pool.database = std::move(database);
    pool.period.from.at = kNow - seconds(60);
    pool.period.to.at = kNow;
    return pool;
}

}  // namespace pgpool::admin
