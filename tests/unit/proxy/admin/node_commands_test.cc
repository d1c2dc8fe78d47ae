// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/node_commands.h"

#include <gtest/gtest.h>

namespace pgpool::admin {
namespace {

TEST(NodeCommands, Reading) {
    EXPECT_EQ(read_node_command("NODE n1"), (NodeCommand{"n1", false}));
    EXPECT_EQ(read_node_command(" node\t\"N 1\"  "), std::nullopt) << "a blank ends a word, quoted or not";
    EXPECT_EQ(read_node_command("node \"n1\" Force "), (NodeCommand{"n1", true}));
    for (const auto* text : {"", "n1", "node", "node n1 now", "node n1 force now", "nodes n1", "node \"\""}) {
        EXPECT_EQ(read_node_command(text), std::nullopt) << text;
    }
}

TEST(NodeCommands, ReasonOfADetachment) {
    EXPECT_EQ(read_node_command("NODE n1 REASON 'old'"), (NodeCommand{"n1", false, "old"}));
    EXPECT_EQ(read_node_command("node n1 reason\t'it''s  old, says M\u00fcller' "),
              (NodeCommand{"n1", false, "it's  old, says M\u00fcller"}));
    const std::string too_long = "node n1 reason '" + std::string(501, 'x') + "'";
    for (const std::string& text :
         {std::string("node n1 reason"), std::string("node n1 reason old"), std::string("node n1 reason ''"),
          std::string("node n1 reason 'a' b"), std::string("node n1 reason 'a' 'b'"),
          std::string("node n1 reason '"), std::string("node n1 reason 'a''"),
          std::string("node n1 reason '\xff'"), std::string("node n1 force reason 'a'"), too_long}) {
        EXPECT_EQ(read_node_command(text), std::nullopt) << text;
    }
}

TEST(PendingDecision, TellsWhatWasDecided) {
    PendingDecision attached("ATTACH");
    EXPECT_NE(attached.take()->notice.find("goes on"), std::string::npos);
    attached.decided("it is in");
    EXPECT_EQ(attached.take()->notice, "it is in");
    EXPECT_EQ(attached.take()->tag, "ATTACH");
    PendingDecision refused("DETACH");
    refused.decided(fail(SqlState("55000"), "the last"));
    EXPECT_EQ(refused.take().error().message, "the last");
}

}  // namespace
}  // namespace pgpool::admin
