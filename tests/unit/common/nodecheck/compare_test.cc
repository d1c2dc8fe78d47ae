// SPDX-License-Identifier: PostgreSQL
#include "common/nodecheck/compare.h"

#include <gtest/gtest.h>

namespace pgpool::nodecheck {
namespace {

NodeFacts node(const std::string& name) {
    NodeFacts facts;
    facts.node = name;
    add_settings(facts, std::vector<Row>{{"TimeZone", "UTC"}, {"server_version (major)", "15"}});
    add_databases(facts, std::vector<Row>{{"app", "encoding", "UTF8"}, {"app", "collation", "C.UTF-8"}});
    add_extensions(facts, "app", std::vector<Row>{{"plpgsql", "1.0"}});
    return facts;
}

std::vector<std::string> texts(const std::vector<NodeFacts>& nodes) {
    std::vector<std::string> found;
    for (const Difference& difference : compare(nodes)) found.push_back(describe(difference));
    return found;
}

using Texts = std::vector<std::string>;

TEST(NodeCheck, EqualNodesDoNotDiffer) {
    EXPECT_TRUE(compare(std::vector{node("n1"), node("n2"), node("n3")}).empty());
    EXPECT_TRUE(compare(std::vector{node("n1")}).empty());
    EXPECT_TRUE(compare(std::vector<NodeFacts>{}).empty());
}

TEST(NodeCheck, NamesNodeSettingAndValues) {
    std::vector nodes{node("n1"), node("n2"), node("n3")};
    nodes[1].settings["TimeZone"] = "Europe/Berlin";
    EXPECT_EQ(texts(nodes), Texts{R"(TimeZone: n1 "UTC", n2 "Europe/Berlin", n3 "UTC")"});
}

TEST(NodeCheck, ASettingThatOnlyOneHas) {
    std::vector nodes{node("n1"), node("n2")};
    nodes[1].settings["work_mem of role bob"] = "1GB";
    EXPECT_EQ(texts(nodes), Texts{R"(work_mem of role bob: n1 (none), n2 "1GB")"});
}

TEST(NodeCheck, DatabasesDiffer) {
    std::vector nodes{node("n1"), node("n2")};
    nodes[0].databases["app"].properties["collation"] = "de_DE.UTF-8";
    EXPECT_EQ(texts(nodes), Texts{R"(database app: collation: n1 "de_DE.UTF-8", n2 "C.UTF-8")"});
}

TEST(NodeCheck, AMissingDatabaseIsOneDifference) {
    std::vector nodes{node("n1"), node("n2")};
    nodes[0].databases["more"] = nodes[0].databases["app"];
    EXPECT_EQ(texts(nodes), Texts{R"(database more: database: n1 "present", n2 (none))"});
}

TEST(NodeCheck, ExtensionsDiffer) {
    std::vector nodes{node("n1"), node("n2")};
    nodes[0].databases["app"].extensions["hstore"] = "1.8";
    nodes[0].databases["app"].extensions["ltree"] = "1.2";
    nodes[1].databases["app"].extensions["ltree"] = "1.1";
    EXPECT_EQ(texts(nodes), (Texts{R"(database app: extension hstore: n1 "1.8", n2 (none))",
                                   R"(database app: extension ltree: n1 "1.2", n2 "1.1")"}));
}

TEST(NodeCheck, ExtensionsThatAreNotKnownAreNotCompared) {
    std::vector nodes{node("n1"), node("n2")};
    nodes[1].databases["app"].extensions = {};
    nodes[1].databases["app"].extensions_known = false;
    EXPECT_TRUE(compare(nodes).empty());
}

TEST(NodeCheck, RowsOfAnotherFormAreNoFacts) {
    NodeFacts facts;
    add_settings(facts, std::vector<Row>{{"alone"}});
    add_databases(facts, std::vector<Row>{{"app", "encoding"}});
    EXPECT_TRUE(facts.settings.empty());
    EXPECT_TRUE(facts.databases.empty());
}

}  // namespace
}  // namespace pgpool::nodecheck
