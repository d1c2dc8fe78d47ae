// SPDX-License-Identifier: PostgreSQL
#include "common/config/diff.h"

#include <gtest/gtest.h>

#include "common/config/parameters.h"

namespace pgpool::config {
namespace {

Config base() {
    Config config;
    config.nodes = {{"n1", "h1", 5432, 1.0}, {"n2", "h2", 5432, 1.0}};
    return config;
}

TEST(Diff, NothingChanged) {
    const ReloadPlan plan = reload_plan(base(), base());
    EXPECT_TRUE(plan.changes.empty());
    EXPECT_TRUE(plan.conflicts.empty());
    EXPECT_EQ(plan.effective, base());
}

TEST(Diff, EachClassOfPlainParameter) {
    Config wanted = base();
    wanted.listen.port = 5433;
    wanted.pool.size = 30;
    wanted.pool.mode = PoolMode::Session;
    wanted.health.password = "hunter2";
    const ReloadPlan plan = reload_plan(base(), wanted);
    EXPECT_EQ(plan.changes, (std::vector<Change>{
                                {"listen.port", Reload::Restart, "9999", "5433"},
                                {"pool.mode", Reload::NewConnections, "auto", "session"},
                                {"pool.size", Reload::Live, "20", "30"},
                                {"health.password", Reload::Live, "", "***"},
                            }));
    Config expected = wanted;
    expected.listen.port = 9999;
    EXPECT_EQ(plan.effective, expected);
    EXPECT_EQ(to_string(plan.changes[0]),
              "listen.port: 9999 -> 5433 (needs a restart; the old value stays in force)");
    EXPECT_EQ(to_string(plan.changes[1]), "pool.mode: auto -> session (for new connections)");
    EXPECT_EQ(to_string(plan.changes[3]), "health.password: (none) -> *** (live)");
}

TEST(Diff, NodesAreComparedByName) {
    Config wanted = base();
    wanted.nodes = {{"n3", "h3", 5432, 1.0}, {"n2", "h9", 5432, 0.5}};
    const ReloadPlan plan = reload_plan(base(), wanted);
    EXPECT_EQ(plan.changes, (std::vector<Change>{
                                {"nodes[n1]", Reload::Live, "{name: n1, host: h1}", ""},
                                {"nodes[n2].host", Reload::Live, "h2", "h9"},
                                {"nodes[n2].weight", Reload::Live, "1", "0.5"},
                                {"nodes[n3]", Reload::Live, "", "{name: n3, host: h3}"},
                            }));
    EXPECT_EQ(plan.effective, wanted);
    EXPECT_EQ(to_string(plan.changes[3]), "nodes[n3]: (none) -> {name: n3, host: h3} (live)");
}

TEST(Diff, OrderedListsAreComparedAsAWhole) {
    Config running = base();
    running.routing.rules = {{"alice", "", "", "primary"}};
    Config wanted = base();
    wanted.routing.rules = {{"", "", "", "any"}, {"alice", "", "", "primary"}};
    const ReloadPlan plan = reload_plan(running, wanted);
    EXPECT_EQ(plan.changes,
              (std::vector<Change>{{"routing.rules", Reload::Live, "[{user: alice, target: primary}]",
                                    "[{target: any}, {user: alice, target: primary}]"}}));
    EXPECT_EQ(plan.effective, wanted);
}

TEST(Diff, WhatDoesNotFitTogetherIsAConflict) {
    Config running = base();
    running.mode = ClusterMode::Single;
    running.nodes.resize(1);
    EXPECT_TRUE(validate(base()).empty());
    const ReloadPlan plan = reload_plan(running, base());  // the mode needs a restart, the nodes do not
    ASSERT_EQ(plan.conflicts.size(), 1U);
    EXPECT_EQ(plan.conflicts[0].parameter, "nodes");
}

TEST(Diff, AListNeedsARestartAsAWholeOrNotAtAll) {
    for (const List& list : lists()) {
        for (const Parameter& field : list.fields)
            EXPECT_EQ(field.reload == Reload::Restart, list.reload == Reload::Restart)
                << list.name << " " << field.name;
    }
}

TEST(Diff, AListThatNeedsARestartStaysAsItIs) {
    Config running;
    running.watchdog.members = {{"a", "10.1.0.1"}, {"b", "10.1.0.2"}};
    Config wanted = running;
    wanted.watchdog.members[1].address = "10.1.0.3";
    const std::vector<Change> found = changes(running, wanted);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(
        to_string(found[0]),
        "watchdog.members[b].address: 10.1.0.2 -> 10.1.0.3 (needs a restart; the old value stays in force)");
    EXPECT_EQ(effective_config(running, wanted).watchdog, running.watchdog);
}

}  // namespace
}  // namespace pgpool::config
