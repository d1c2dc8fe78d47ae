// SPDX-License-Identifier: PostgreSQL
#include "ctl/setup/survival.h"

#include <gmock/gmock.h>

namespace pgpool::ctl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

config::Config config_of(const std::vector<std::string>& members, const std::vector<std::string>& nodes) {
    config::Config config;
    for (const std::string& address : members)
        config.watchdog.members.push_back(
            {"m" + std::to_string(config.watchdog.members.size() + 1), address});
    for (const std::string& host : nodes)
        config.nodes.push_back({"n" + std::to_string(config.nodes.size() + 1), host});
    return config;
}

// Those that are not survived.
std::vector<std::string> fatal(const Survival& survival) {
    std::vector<std::string> what;
    for (const Loss& loss : survival.losses) {
        if (!loss.is_survived) what.push_back(loss.what);
    }
    return what;
}

// The cases of docs/adr/0017-lease.md.
TEST(Survival, APairWithNodesOnHostsOfTheirOwn) {
    const Survival found = survival_of(config_of({"A", "B"}, {"P", "S"}), {});
    EXPECT_EQ(found.total, 5);
    EXPECT_EQ(found.quorum, 3);
    EXPECT_THAT(found.warnings, IsEmpty());
    EXPECT_THAT(fatal(found), ElementsAre("m1 and m2", "m1 and n1", "m2 and n1", "n1 and n2"));
    EXPECT_THAT(survival_text(found), HasSubstr("5 votes (m1 1, m2 1, n1 2, n2 1), 3 are needed"));
}

TEST(Survival, APairWithItsNodesBesideIt) {
    const Survival found = survival_of(config_of({"A", "B"}, {"A", "B"}), {});
    EXPECT_THAT(fatal(found), Contains("m1 and n1"));
    EXPECT_THAT(fatal(found), Not(Contains("m2 and n2")));
    ASSERT_EQ(found.warnings.size(), 2U);
    EXPECT_THAT(found.warnings[0],
                HasSubstr("m1 and n1 are on one host, which has 3 of 5 votes: without it nobody"));
    EXPECT_EQ(found.warnings[1], "m2 and n2 are on one host and are lost together");
}

TEST(Survival, TheSameWithAWitness) {
    config::Config config = config_of({"A", "B", "W"}, {"A", "B"});
    config.watchdog.witness = "m3";
    const Survival found = survival_of(config, {});
    EXPECT_EQ(found.total, 5) << "an odd sum: each has one vote";
    EXPECT_THAT(fatal(found), Not(Contains("m1 and n1")));
    EXPECT_THAT(fatal(found), Not(Contains("m2 and n2")));
    EXPECT_THAT(fatal(found), Not(Contains("m3")));
    EXPECT_EQ(found.votes.back().voter, "m3") << "the witness is last, as in the lease";
}

TEST(Survival, NamesOfOneHostAreOne) {
    const config::Config config = config_of({"10.0.0.1", "10.0.0.2"}, {"db1", "db2"});
    EXPECT_THAT(survival_of(config, {}).warnings, IsEmpty());
    EXPECT_THAT(survival_of(config, {{"db1", "10.0.0.1"}, {"db2", "10.0.0.3"}}).warnings,
                ElementsAre(HasSubstr("m1 and n1 are on one host")));
}

TEST(Survival, TheLoopbackIsAnotherHostForEach) {
    const Survival found = survival_of(config_of({"A", "B"}, {"127.0.0.1", "C"}), {});
    EXPECT_THAT(found.warnings, ElementsAre(HasSubstr("\"127.0.0.1\" is another server for each member")));
}

TEST(Survival, OneNodeHasNoSuccessor) {
    const Survival found = survival_of(config_of({"A", "B"}, {"P"}), {});
    EXPECT_EQ(found.total, 3);
    EXPECT_THAT(fatal(found), Contains("n1"));
    EXPECT_THAT(found.warnings, ElementsAre(HasSubstr("one node")));
}

TEST(Survival, TheNetworkBetweenMembers) {
    EXPECT_THAT(fatal(survival_of(config_of({"A", "B"}, {"P"}), {})),
                Not(Contains("only the network between members")));
    EXPECT_THAT(fatal(survival_of(config_of({"A", "B", "C", "D", "E"}, {"P"}), {})),
                Contains("only the network between members"))
        << "two of seven votes";
}

TEST(Survival, OfManyPairsOnlyTheBadOnes) {
    const Survival found = survival_of(config_of({"A", "B", "C"}, {"P", "Q", "R", "S"}), {});
    EXPECT_EQ(found.losses.size(), 7U + 1 + 21);
    const std::string text = survival_text(found);
    EXPECT_THAT(text, HasSubstr("Of two hosts at once only what is not survived is shown."));
    EXPECT_THAT(text, Not(HasSubstr("m1 and m2")));
    EXPECT_EQ(survival_json(found)["losses"].size(), found.losses.size());
}

}  // namespace
}  // namespace pgpool::ctl
