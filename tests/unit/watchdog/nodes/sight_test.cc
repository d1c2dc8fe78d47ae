// SPDX-License-Identifier: PostgreSQL
#include "watchdog/nodes/sight.h"

#include <gtest/gtest.h>

#include "watchdog/nodes/conninfo.h"
#include "watchdog/nodes/orders.h"

namespace pgpool::nodes {
namespace {

using decide::Finding;

const std::vector<config::Node> kNodes{{.name = "a", .host = "10.0.0.1", .port = 5432},
                                       {.name = "b", .host = "db-b", .port = 5433}};

Probe well(NodeFacts facts) {
    return {.node = 0, .begun = {}, .ended = {}, .finding = Finding::Well, .detail = {}, .facts = facts};
}

TEST(Sight, APrimaryInRecoveryOrStoppedIsNoPrimary) {
    NodeFacts facts;
    EXPECT_EQ(report_of(well(facts), "m1", "a", true).finding, Finding::Well);
    facts.sync_names = kStoppedSync;
    EXPECT_EQ(report_of(well(facts), "m1", "a", true).finding, Finding::Query);
    EXPECT_EQ(report_of(well(facts), "m1", "a", false).finding, Finding::Well);
    facts = {};
    facts.is_standby = true;
    const auto report = report_of(well(facts), "m1", "a", true);
    EXPECT_EQ(report.finding, Finding::Query);
    EXPECT_EQ(report.detail, "it is in recovery although it is the primary");
    EXPECT_EQ(report_of(well(facts), "m1", "a", false).finding, Finding::Well);
}

TEST(Sight, WhatAProbeFoundIsReportedAsItIs) {
    const Probe probe{
        .node = 0, .begun = {}, .ended = {}, .finding = Finding::Refused, .detail = "no", .facts = {}};
    const auto report = report_of(probe, "m1", "a", true);
    EXPECT_EQ(report.member, "m1");
    EXPECT_EQ(report.node, "a");
    EXPECT_EQ(report.finding, Finding::Refused);
    EXPECT_EQ(report.detail, "no");
}

TEST(Sight, TheUpstreamIsTheNodeThatTheConnectionStringLeadsTo) {
    EXPECT_EQ(upstream_of("host=10.0.0.1 user=x", kNodes), "a");
    EXPECT_EQ(upstream_of("host=db-b port=5433", kNodes), "b");
    EXPECT_EQ(upstream_of("host=other hostaddr=10.0.0.1 port=5432", kNodes), "a");
    EXPECT_EQ(upstream_of("host=db-b", kNodes), "") << "another port";
    EXPECT_EQ(upstream_of("", kNodes), "");
    EXPECT_EQ(upstream_of("nonsense", kNodes), "");
}

TEST(Sight, AStandbyIsCutOffOnceItsReceiverHasEnded) {
    NodeFacts facts;
    facts.is_standby = true;
    facts.has_receiver = true;
    EXPECT_FALSE(sight_of(facts, kNodes[1], kNodes).is_cut_off);
    facts.has_receiver = false;
    EXPECT_TRUE(sight_of(facts, kNodes[1], kNodes).is_cut_off);
    facts.is_final = false;
    EXPECT_FALSE(sight_of(facts, kNodes[1], kNodes).is_cut_off) << "it has more than it can tell";
    facts.is_final = true;
    facts.primary_conninfo = "host=10.0.0.1";
    const auto sight = sight_of(facts, kNodes[1], kNodes);
    EXPECT_FALSE(sight.is_cut_off) << "the next attempt may succeed";
    EXPECT_EQ(sight.upstream, "a");
    EXPECT_TRUE(sight.is_reached && sight.is_standby);
}

TEST(Conninfo, WhatTheOperatorHasSetStays) {
    const std::string before =
        "host=old hostaddr=1.2.3.4 port=1 user=repl password='it''s' sslmode=verify-full";
    EXPECT_EQ(parse_conninfo(before).size(), 0U) << "libpq quotes by backslash";
    const std::string well =
        "host=old hostaddr=1.2.3.4 port=1 user=repl password='it\\'s' sslmode=verify-full";
    const Conninfo next = parse_conninfo(follow_conninfo(well, kNodes[1], "a", {}));
    EXPECT_EQ(next, (Conninfo{{"host", "db-b"},
                              {"port", "5433"},
                              {"user", "repl"},
                              {"password", "it's"},
                              {"sslmode", "verify-full"},
                              {"application_name", "a"}}));
}

TEST(Conninfo, WithoutOneTheLoginIsOurs) {
    config::Health login;
    login.user = "ha";
    login.password = "p\\w";
    const Conninfo next = parse_conninfo(follow_conninfo("", kNodes[0], "b", login));
    EXPECT_EQ(next, (Conninfo{{"host", "10.0.0.1"},
                              {"port", "5432"},
                              {"user", "ha"},
                              {"password", "p\\w"},
                              {"application_name", "b"}}));
}

}  // namespace
}  // namespace pgpool::nodes
