// SPDX-License-Identifier: PostgreSQL
#pragma once

// A small world for routing tests: a primary "p" and standbys "s1", "s2" of weight 1, a standby "idle" of
// weight 0, and catalog facts with one object of every sort.

#include <string>
#include <utility>
#include <vector>

#include "common/cluster/topology.h"
#include "proxy/sql/catalog_facts.h"

namespace pgpool::route::fixture {

inline cluster::NodeStatus node(std::uint16_t id, const char* name, cluster::Role role, double weight = 1) {
    cluster::NodeStatus status;
    status.id = NodeId(id);
    status.name = name;
    status.role = role;
    status.weight = weight;
    status.state = cluster::NodeState::Up;
    status.replay_lsn = role == cluster::Role::Standby ? Lsn(1000) : Lsn(0);
    return status;
}

inline cluster::Topology topology() {
    using cluster::Role;
    cluster::Topology topology;
    topology.nodes = {node(0, "p", Role::Primary), node(1, "s1", Role::Standby), node(2, "s2", Role::Standby),
                      node(3, "idle", Role::Standby, 0)};
    topology.primary = NodeId(0);
    return topology;
}

inline sql::CatalogFacts facts() {
    using sql::Volatility;
    sql::CatalogFacts facts;
    facts.version = 1;
    const auto function = [&](const std::string& schema, const std::string& name, Volatility volatility,
                              bool harmless) {
        const sql::FunctionFacts value{volatility, schema == "pg_catalog", harmless};
        facts.functions[name] = value;
        facts.functions[schema + "." + name] = value;
    };
    for (const char* name : {"now", "current_setting", "to_char"}) {
        function("pg_catalog", name, Volatility::Stable, true);
    }
    for (const char* name : {"count", "max", "lower", "generate_series", "row_number", "json_build_object",
                             "percentile_cont", "date", "timezone", "array_agg"}) {
        function("pg_catalog", name, Volatility::Immutable, true);
    }
    for (const char* name :
         {"random", "nextval", "currval", "clock_timestamp", "pg_sleep", "pg_is_in_recovery",
          "pg_advisory_lock", "pg_advisory_xact_lock", "pg_advisory_unlock_all", "set_config",
          "pg_export_snapshot", "lo_open", "pg_notify", "pg_terminate_backend"}) {
        function("pg_catalog", name, Volatility::Volatile, true);
    }
    function("public", "stable_fine", Volatility::Stable, true);
    function("public", "stable_bad", Volatility::Stable, false);
    function("public", "volatile_fine", Volatility::Volatile, true);
    function("public", "volatile_bad", Volatility::Volatile, false);
    function("app", "price", Volatility::Immutable, true);
    function("app", "audit", Volatility::Volatile, false);

    const auto relation = [&](const std::string& schema, const std::string& name, auto... flags) {
        sql::RelationFacts value;
        ((value.*flags = true), ...);
        facts.relations[name] = value;
        facts.relations[schema + "." + name] = value;
    };
    for (const char* name : {"t", "u", "v", "w"}) relation("public", name);
    relation("app", "orders");
    relation("pg_temp_3", "tmp", &sql::RelationFacts::temporary);
    relation("public", "unlog", &sql::RelationFacts::unlogged);
    relation("pg_catalog", "pg_class", &sql::RelationFacts::system);
    relation("information_schema", "tables", &sql::RelationFacts::system, &sql::RelationFacts::view);
    relation("public", "plain_view", &sql::RelationFacts::view);
    relation("public", "random_view", &sql::RelationFacts::view, &sql::RelationFacts::reads_volatile);
    relation("public", "trapped");
    facts.relations["trapped"].writes_harmless = facts.relations["trapped"].rewrites_harmless = false;
    relation("public", "ruled");
    facts.relations["ruled"].writes_harmless = false;
    facts.operators["###"] = {Volatility::Volatile, false, true};
    facts.operators["##!"] = {Volatility::Stable, false, false};
    facts.operators["+"] = {Volatility::Immutable, false, true};
    facts.row_functions["writes"] = {Volatility::Volatile, false, true};
    facts.row_functions["sets"] = {Volatility::Stable, false, false};
    facts.row_functions["full_name"] = {Volatility::Stable, false, true};
    facts.types["mood"].harmless = true;
    facts.types["app.mood"].harmless = true;
    facts.types["trap"].harmless = false;
    return facts;
}

}  // namespace pgpool::route::fixture
