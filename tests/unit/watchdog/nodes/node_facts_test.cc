// SPDX-License-Identifier: PostgreSQL
#include "watchdog/nodes/node_facts.h"

#include <gtest/gtest.h>

namespace pgpool::nodes {
namespace {

TEST(NodeFacts, OfAPrimary) {
    const auto facts = read_facts(
        R"json({"standby": false, "timeline": 3, "clients": 2, "history": "1\t0/3000000\tno recovery target specified\n\n)json"
        R"json(2\t1/A000060\tx\n", "flushed": 4295000000, "replayed": 0, "final": true,)json"
        R"json( "receiver": false, "receiving": false, "conninfo": "",)json"
        R"json( "slot": "", "sync": "ANY 1 (\"b\")", "followers": [{"name": "b", "state": "streaming",)json"
        R"json( "flushed": 4294000000}, {"name": "c", "state": "catchup", "flushed": 0}]})json");
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_FALSE(facts->is_standby);
    EXPECT_EQ(facts->lineage, (decide::Lineage{3, {{1, Lsn(0x3000000)}, {2, Lsn(0x10A000060)}}}));
    EXPECT_EQ(facts->flushed, Lsn(4295000000));
    EXPECT_EQ(facts->sync_names, "ANY 1 (\"b\")");
    EXPECT_EQ(facts->clients, 2U);
    EXPECT_EQ(facts->followers, (std::vector<Follower>{{"b", true, Lsn(4294000000)}, {"c", false, Lsn(0)}}));
}

TEST(NodeFacts, OfAStandbyOnTheFirstTimeline) {
    const auto facts = read_facts(
        R"({"standby": true, "timeline": 1, "clients": 0, "history": null, "flushed": 7, "replayed": 6, "final": false,)"
        R"( "receiver": true, "receiving": false, "conninfo": "host=a", "slot": "b", "sync": "", "followers": []})");
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_TRUE(facts->is_standby && facts->has_receiver);
    EXPECT_FALSE(facts->is_final || facts->is_receiving);
    EXPECT_EQ(facts->lineage, (decide::Lineage{1, {}}));
    EXPECT_EQ(facts->replayed, Lsn(6));
    EXPECT_EQ(facts->primary_conninfo, "host=a");
    EXPECT_EQ(facts->slot, "b");
}

TEST(NodeFacts, AnythingElseIsAnError) {
    EXPECT_FALSE(read_facts(""));
    EXPECT_FALSE(read_facts("[]"));
    EXPECT_FALSE(read_facts(R"({"standby": 1})"));
    EXPECT_FALSE(read_facts(R"({"standby": true, "timeline": null})"));
}

TEST(NodeFacts, LinesOfAHistoryThatAreNoneAreSkipped) {
    EXPECT_TRUE(read_history("").empty());
    EXPECT_TRUE(read_history("# comment\n1\n1 x\n1\t0/\n").empty());
    EXPECT_EQ(read_history("1\t0/1\twhy\n").size(), 1U);
    EXPECT_EQ(read_history("1\t0/1"), (std::vector<decide::Ancestor>{{1, Lsn(1)}}));
}

TEST(NodeFacts, TheHistoryIsReadOnlyByWhoMay) {
    EXPECT_NE(facts_query(FactsDepth::Full).find("pg_read_file"), std::string::npos);
    EXPECT_EQ(facts_query(FactsDepth::WithoutHistory).find("pg_read_file"), std::string::npos);
}

}  // namespace
}  // namespace pgpool::nodes
