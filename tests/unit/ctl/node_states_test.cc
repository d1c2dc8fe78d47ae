// SPDX-License-Identifier: PostgreSQL
#include "ctl/node_states.h"

#include <gtest/gtest.h>

namespace pgpool::ctl {
namespace {

const std::string kLongReason = "taken out: " + std::string(38, 'x') + "\u00fc" + std::string(20, 'y');

config::Config config_of_two() {
    config::Config config;
    for (const std::uint16_t port : {std::uint16_t{1}, std::uint16_t{2}}) {
        config::Node& node = config.nodes.emplace_back();
        node.name = "n" + std::to_string(port);
        node.host = "h";
        node.port = port;
    }
    return config;
}

pg::Rows rows() {
    return {
        {{"hostname", 25}, {"port", 23}, {"status", 25}, {"role", 25}, {"lb_weight", 701}, {"reason", 25}},
        {"h", "1", "up", "main", "0.3333333333333333", std::nullopt, "h", "2", "down", "unknown", "0",
         kLongReason, "other", "3", "up", "replica", "0.5", std::nullopt}};
}

TEST(NodeStates, TableFitsATerminal) {
    const std::string text = render(table_of(node_states(config_of_two(), rows())));
    EXPECT_EQ(text,
              "name  address  role     status  weight  reason\n"
              "n1    h:1      main     up        0.33  -\n"
              "n2    h:2      unknown  down      0.00  taken out: " +
                  std::string(38, 'x') +
                  "\u00fcyyyyyy...\n"
                  "-     other:3  replica  up        0.50  -\n");
}

TEST(NodeStates, ACharacterIsNotCutInTwo) {
    const pg::Rows cut({{"reason", 25}}, {std::string(56, 'x') + "\u00fc" + std::string(20, 'y')});
    EXPECT_NE(render(table_of(node_states({}, cut))).find("xxx...\n"), std::string::npos);
}

TEST(NodeStates, WhoIsTakenOutIsToldHowToComeBack) {
    const std::string notes = notes_on(node_states(config_of_two(), rows()));
    EXPECT_TRUE(notes.starts_with("n2 was " + kLongReason + "\n")) << notes;
    EXPECT_NE(notes.find("pgpool-ctl attach n2 --verify"), std::string::npos);
    EXPECT_EQ(notes.find("n1"), std::string::npos);
}

TEST(NodeStates, NamesAreAColumn) {
    const pg::Rows named = with_names(config_of_two(), rows());
    EXPECT_EQ(named.header().front().name, "name");
    EXPECT_EQ(named.at(1, 0), "n2");
    EXPECT_EQ(named.at(2, 0), std::nullopt);
    EXPECT_EQ(named.at(1, 2), "2");
}

}  // namespace
}  // namespace pgpool::ctl
