// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/settings.h"

#include <gtest/gtest.h>

#include "common/config/validate.h"

namespace pgpool::watchdog {
namespace {

config::Config pair() {
    config::Config config;
    config.nodes = {{.name = "a", .host = "10.0.0.1"}, {.name = "b", .host = "10.0.0.2"}};
    config.watchdog.enabled = true;
    config.watchdog.name = "m1";
    config.watchdog.members = {{"m1", "10.1.0.1"}, {"w", "10.1.0.3"}, {"m2", "10.1.0.2"}};
    config.watchdog.witness = "w";
    return config;
}

TEST(Electorate, MembersThenNodesThenTheWitness) {
    const auto electorate = electorate_of(pair(), "m1", false);
    ASSERT_TRUE(electorate) << electorate.error().message;
    EXPECT_EQ(electorate->members, (std::vector<std::string>{"m1", "m2"}));
    EXPECT_EQ(electorate->own_vote().value, 0);
    EXPECT_EQ(electorate->voter("m2").value, 1);
    EXPECT_EQ(electorate->node_vote(1).value, 3);
    EXPECT_EQ(electorate->node_of(electorate->node_vote(1)), 1U);
    EXPECT_EQ(electorate->voter("w").value, 4);
    EXPECT_EQ(electorate->votes().kind(electorate->voter("w")), lease::VoterKind::Witness);
    EXPECT_GE(electorate->voter("nobody").value, electorate->votes().size());
    EXPECT_GE(electorate->voter("").value, electorate->votes().size());
}

TEST(Electorate, AMemberAloneHasTheNameOfTheHost) {
    config::Config config = pair();
    config.watchdog.members.clear();
    config.watchdog.witness.clear();
    const auto electorate = electorate_of(config, "host", false);
    ASSERT_TRUE(electorate);
    EXPECT_TRUE(electorate->is_alone);
    EXPECT_EQ(electorate->self, "host");
    EXPECT_EQ(electorate->votes().total(), 3);
    EXPECT_GE(electorate->voter("other").value, electorate->votes().size());
}

TEST(Electorate, WhoIsWhoMustBeClear) {
    config::Config config = pair();
    EXPECT_NE(electorate_of(config, "m1", true).error().hint.find("--witness is for"), std::string::npos);
    EXPECT_EQ(electorate_of(config, "w", false).error().hint, "start it with --witness");
    const auto witness = electorate_of(config, "w", true);
    ASSERT_TRUE(witness);
    EXPECT_EQ(witness->own_vote().value, 4);
    EXPECT_EQ(electorate_of(config, "host", false).error().message,
              "no member is named \"host\" in watchdog.members");
}

TEST(LeaseParameters, OfEachProfileHold) {
    using enum config::TimerProfile;
    for (const auto profile : {Fast, Default, Wan})
        EXPECT_EQ(lease_parameters(profile).check(), std::nullopt);
}

// 0.3 s: what pgpool-vip leaves the kernel (vip/tenure).
TEST(LeaseParameters, CarryTheLongestLifetimeOfAnAddressAndNoLongerOne) {
    using enum config::TimerProfile;
    for (const auto profile : {Fast, Default, Wan}) {
        const lease::Parameters parameters = lease_parameters(profile);
        const auto longest = config::longest_vip_lifetime(profile) + milliseconds(300);
        EXPECT_LT(longest, parameters.shortened(parameters.lease));
        EXPECT_GT(longest + seconds(1), parameters.shortened(parameters.lease));
    }
}

TEST(Agreed, DiffersWithWhatMustBeTheSame) {
    config::Config with_address = pair();
    with_address.vip.addresses = {{"10.0.0.100", "eth0"}};
    const auto differs = [&](auto change) {
        config::Config other = with_address;
        change(other);
        return agreed_of(other) != agreed_of(with_address);
    };
    EXPECT_TRUE(differs([](auto& other) { other.watchdog.profile = config::TimerProfile::Fast; }));
    EXPECT_TRUE(differs([](auto& other) { other.watchdog.profile = config::TimerProfile::Wan; }));
    EXPECT_TRUE(differs([](auto& other) { other.watchdog.durability = config::Durability::Available; }));
    EXPECT_TRUE(differs([](auto& other) { other.watchdog.maximum_lag = 1; }));
    EXPECT_TRUE(differs([](auto& other) { other.watchdog.auto_failback = false; }));
    EXPECT_TRUE(differs([](auto& other) { other.vip.lifetime += seconds(1); }));
    EXPECT_TRUE(differs([](auto& other) { other.vip.addresses.clear(); }));
    EXPECT_TRUE(differs([](auto& other) { other.nodes[0].port = 5433; }));
    EXPECT_TRUE(differs([](auto& other) { other.listen.port = 6432; }));
    EXPECT_FALSE(differs([](auto& other) { other.watchdog.name = "m2"; }));
    EXPECT_FALSE(differs([](auto& other) { other.vip.addresses[0].interface = "bond0"; }))
        << "interfaces are a matter of the host";
    config::Config elsewhere = pair();
    elsewhere.listen.port = 6432;
    EXPECT_EQ(agreed_of(elsewhere), agreed_of(pair())) << "nobody comes by an address";
}

TEST(Rules, OfTheConfiguration) {
    config::Config config = pair();
    EXPECT_EQ(rules_of(config).policy.durability, decide::Durability::Strict);
    EXPECT_TRUE(rules_of(config).policy.does_failover);
    config.watchdog.durability = config::Durability::Available;
    config.watchdog.maximum_lag = 77;
    config.watchdog.auto_failback = false;
    config.mode = config::ClusterMode::Single;
    const decide::Policy policy = rules_of(config).policy;
    EXPECT_EQ(policy.durability, decide::Durability::Available);
    EXPECT_EQ(policy.maximum_lag, 77U);
    EXPECT_EQ(policy.auto_failback, decide::AutoFailback::Off);
    EXPECT_FALSE(policy.does_failover);
}

}  // namespace
}  // namespace pgpool::watchdog
