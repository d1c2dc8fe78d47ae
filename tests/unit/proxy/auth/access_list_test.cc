// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/access_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgpool::auth {
namespace {

using config::AccessRule;
using config::AuthMethod;

AccessList list_of(const std::vector<AccessRule>& rules) {
    return AccessList::compile(rules).value();
}
PeerAddress peer(std::string_view text) {
    return PeerAddress::parse(text).value();
}

bool network_contains(const std::string& network, std::string_view address) {
    return list_of({{{}, {}, network, AuthMethod::Trust}}).method("d", "u", peer(address)).has_value();
}

TEST(PeerAddress, WritesItselfAsPostgresqlDoes) {
    EXPECT_EQ(PeerAddress::local().text(), "[local]");
    EXPECT_EQ(PeerAddress::v4({10, 0, 0, 1}).text(), "10.0.0.1");
    EXPECT_EQ(peer("2001:db8::1").text(), "2001:db8::1");
    EXPECT_EQ(peer("[local]"), PeerAddress::local());
}

TEST(PeerAddress, HoldsAMappedAddressAsIpv4) {
    EXPECT_EQ(PeerAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4}),
              PeerAddress::v4({1, 2, 3, 4}));
    EXPECT_EQ(peer("::ffff:1.2.3.4").text(), "1.2.3.4");
    EXPECT_EQ(peer("::1.2.3.4").family(), PeerAddress::Family::V6);
}

TEST(PeerAddress, RefusesWhatIsNoAddress) {
    for (const std::string_view text :
         {std::string_view(""), std::string_view("localhost"), std::string_view("1.2.3"),
          std::string_view("1.2.3.4/8"), std::string_view(":::"), std::string_view("1.2.3.4\0", 8)}) {
        EXPECT_FALSE(PeerAddress::parse(text)) << text;
    }
}

TEST(AccessList, MatchesNetworksBitByBit) {
    EXPECT_TRUE(network_contains("10.1.2.3", "10.1.2.3"));
    EXPECT_FALSE(network_contains("10.1.2.3", "10.1.2.4"));
    EXPECT_TRUE(network_contains("10.1.2.0/23", "10.1.3.255"));
    EXPECT_FALSE(network_contains("10.1.2.0/23", "10.1.4.0"));
    EXPECT_TRUE(network_contains("10.1.2.99/24", "10.1.2.1"));  // bits right of the mask do not count
    EXPECT_TRUE(network_contains("128.0.0.0/1", "255.0.0.0"));
    EXPECT_FALSE(network_contains("128.0.0.0/1", "127.0.0.0"));
    EXPECT_TRUE(network_contains("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(network_contains("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(network_contains("::1/128", "::1"));
    EXPECT_FALSE(network_contains("::1/128", "::2"));
}

TEST(AccessList, KeepsTheFamiliesApart) {
    const std::string_view peers[] = {"[local]", "1.2.3.4", "::1"};
    const std::pair<std::string, std::vector<bool>> cases[] = {
        {"", {true, true, true}},
        {"local", {true, false, false}},
        {"0.0.0.0/0", {false, true, false}},
        {"::/0", {false, false, true}},
    };
    for (const auto& [network, expected] : cases) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            EXPECT_EQ(network_contains(network, peers[i]), expected[i]) << network << " " << peers[i];
        }
    }
}

TEST(AccessList, TreatsMappedNetworksAndPeersAsIpv4) {
    EXPECT_TRUE(network_contains("::ffff:10.0.0.0/104", "10.9.9.9"));
    EXPECT_FALSE(network_contains("::ffff:10.0.0.0/104", "11.0.0.0"));
    EXPECT_TRUE(network_contains("::ffff:0:0/96", "1.2.3.4"));
    EXPECT_TRUE(network_contains("10.0.0.0/8", "::ffff:10.9.9.9"));
}

TEST(AccessList, TheFirstMatchingRuleCounts) {
    const AccessList list = list_of({
        {{"app"}, {"bob"}, "10.0.0.0/8", AuthMethod::Reject},
        {{"app", "web"}, {}, "10.0.0.0/8", AuthMethod::Md5},
        {{}, {"amy"}, "", AuthMethod::ScramSha256},
        {{}, {}, "local", AuthMethod::Trust},
    });
    EXPECT_EQ(list.method("app", "bob", peer("10.1.1.1")), AuthMethod::Reject);
    EXPECT_EQ(list.method("web", "bob", peer("10.1.1.1")), AuthMethod::Md5);
    EXPECT_EQ(list.method("app", "amy", peer("10.1.1.1")), AuthMethod::Md5);
    EXPECT_EQ(list.method("app", "amy", peer("11.1.1.1")), AuthMethod::ScramSha256);
    EXPECT_EQ(list.method("app", "bob", PeerAddress::local()), AuthMethod::Trust);
    EXPECT_EQ(list.method("other", "bob", peer("10.1.1.1")), std::nullopt);
    EXPECT_EQ(AccessList().method("app", "amy", PeerAddress::local()), std::nullopt);
}

TEST(AccessList, NamesTheRuleWithABadAddress) {
    for (const std::string address : {"localhost", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/8x",
                                      "::1/129", "/8", "[local]", "::ffff:1.2.3.4/95", "all"}) {
        const auto list =
            AccessList::compile({{{}, {}, "", AuthMethod::Trust}, {{}, {}, address, AuthMethod::Trust}});
        ASSERT_FALSE(list) << address;
        EXPECT_EQ(list.error().message, "access rule 2: address: \"" + address +
                                            "\" is not \"local\", an IP address or a network in CIDR form");
        EXPECT_EQ(list.error().sqlstate, sqlstate::kConfigFileError);
    }
}

TEST(AccessList, PhysicalReplicationIsForRulesThatNameIt) {
    const AccessList list = list_of({{{"app"}, {}, "", AuthMethod::Md5},
                                     {{"replication"}, {"standby"}, "", AuthMethod::ScramSha256},
                                     {{}, {}, "", AuthMethod::Trust}});
    EXPECT_EQ(list.method(std::nullopt, "standby", peer("1.2.3.4")), AuthMethod::ScramSha256);
    EXPECT_EQ(list.method(std::nullopt, "amy", peer("1.2.3.4")), std::nullopt);
    EXPECT_EQ(list.method("replication", "standby", peer("1.2.3.4")), AuthMethod::Trust);
}

TEST(AccessList, ErrorsSayWhoAndWhere) {
    const Error none = no_access_rule("d", "u", peer("1.2.3.4"));
    EXPECT_EQ(none.message, "no access rule for host \"1.2.3.4\", user \"u\", database \"d\"");
    EXPECT_EQ(none.sqlstate, sqlstate::kInvalidAuthorization);
    const Error rejected = access_rejected("d", "u", PeerAddress::local());
    EXPECT_EQ(rejected.message,
              "access rule rejects connection for host \"[local]\", user \"u\", database \"d\"");
    EXPECT_EQ(rejected.sqlstate, sqlstate::kInvalidAuthorization);
    EXPECT_EQ(no_access_rule(std::nullopt, "u", peer("1.2.3.4")).message,
              "no access rule for replication connection from host \"1.2.3.4\", user \"u\"");
    EXPECT_EQ(access_rejected(std::nullopt, "u", peer("1.2.3.4")).message,
              "access rule rejects replication connection for host \"1.2.3.4\", user \"u\"");
}

}  // namespace
}  // namespace pgpool::auth
