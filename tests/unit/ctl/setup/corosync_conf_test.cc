// SPDX-License-Identifier: PostgreSQL
#include "ctl/setup/corosync_conf.h"

#include <gmock/gmock.h>

namespace pgpool::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

config::Watchdog watchdog_of(const std::vector<std::string>& addresses) {
    config::Watchdog watchdog;
    for (const std::string& address : addresses)
        watchdog.members.push_back({"m" + std::to_string(watchdog.members.size() + 1), address});
    return watchdog;
}

const config::Watchdog kPair = watchdog_of({"10.0.0.1", "10.0.0.2"});

TEST(CorosyncConf, OfAPair) {
    EXPECT_EQ(corosync_conf(kPair, "/etc/corosync"), R"(totem {
  version: 2
  cluster_name: pgpool
  transport: knet
  ip_version: ipv4
  crypto_cipher: aes256
  crypto_hash: sha256
  keyfile: /etc/corosync/authkey
  token: 600
  consensus: 150
  join: 50
  token_coefficient: 0
  interface {
    linknumber: 0
    knet_ping_interval: 200
    knet_ping_timeout: 1000
  }
}
nodelist {
  node {
    nodeid: 1
    name: m1
    ring0_addr: 10.0.0.1
  }
  node {
    nodeid: 2
    name: m2
    ring0_addr: 10.0.0.2
  }
}
# It decides nothing: the lease of pgpool-watchdog does.
quorum {
  provider: corosync_votequorum
  two_node: 1
}
logging {
  to_stderr: no
  to_syslog: yes
}
)");
}

TEST(CorosyncConf, ThreeAreNoPair) {
    const std::string text = corosync_conf(watchdog_of({"a", "b", "c"}), "/etc/corosync");
    EXPECT_THAT(text, Not(HasSubstr("two_node")));
    EXPECT_THAT(text, HasSubstr("consensus: 720\n"));
    EXPECT_THAT(text, HasSubstr("nodeid: 3\n"));
}

TEST(CorosyncConf, TheFamilyOfTheAddresses) {
    const auto of = [](const std::vector<std::string>& addresses) {
        return corosync_conf(watchdog_of(addresses), "/etc/corosync");
    };
    EXPECT_THAT(of({"fd00::1", "fd00::2"}), HasSubstr("ip_version: ipv6\n"));
    EXPECT_THAT(of({"m1.example", "m2.example"}), Not(HasSubstr("ip_version")));
    EXPECT_THAT(of({"10.0.0.1", "fd00::2"}), Not(HasSubstr("ip_version")));
}

// corosync.conf(5): token / (retransmits + 0.2) is at least 30 ms, with 4 retransmits; consensus below token
// is for two only, else at least 1.2 times that.
TEST(Timers, KeepCorosyncsRules) {
    for (const auto profile :
         {config::TimerProfile::Fast, config::TimerProfile::Default, config::TimerProfile::Wan}) {
        for (const std::size_t members : {2U, 3U, 5U}) {
            const Timers timers = timers_of(profile, members);
            EXPECT_GE(static_cast<double>(timers.token.count()) / 4.2, 30);
            EXPECT_GE(timers.consensus.count(), 50) << "join";
            EXPECT_TRUE(members == 2 || timers.consensus * 10 >= timers.token * 12);
        }
    }
}

TEST(Timers, EachProfileIsSlower) {
    const auto silence = [](config::TimerProfile profile) {
        const Timers timers = timers_of(profile, 2);
        return timers.token + timers.consensus;
    };
    EXPECT_EQ(silence(config::TimerProfile::Fast), milliseconds(400));
    EXPECT_EQ(silence(config::TimerProfile::Default), milliseconds(750));
    EXPECT_EQ(silence(config::TimerProfile::Wan), milliseconds(6600));
}

TEST(UidgidFile, LetsTheGroupIn) {
    config::Watchdog watchdog = kPair;
    watchdog.group = "appliance";
    EXPECT_EQ(uidgid_file(watchdog), "uidgid {\n  gid: appliance\n}\n");
}

TEST(Differences, CommentsAndIndentationDoNotCount) {
    EXPECT_THAT(differences("a {\n  b: 1\n}\n", "# mine\na {\n\tb: 1  \n\n}"), IsEmpty());
    EXPECT_THAT(differences("b: 1\nc: 2\n", "b: 2\nc: 2\nd: 3\n"),
                ElementsAre("lacks: b: 1", "has: b: 2", "has: d: 3"));
    EXPECT_THAT(differences("a: 1\nb: 2\n", "b: 2\na: 1\n"), ElementsAre("has its lines in another order"));
    EXPECT_THAT(differences("a\na\n", "a\n"), ElementsAre("lacks: a"));
}

TEST(Disagreements, NoneWithWhatIsWritten) {
    const Disagreements found = disagreements(kPair, corosync_conf(kPair, "/etc/corosync"));
    EXPECT_THAT(found.members, IsEmpty());
    EXPECT_THAT(found.settings, IsEmpty());
}

TEST(Disagreements, MembersThatLackOrAreTooMany) {
    const std::string conf = corosync_conf(watchdog_of({"10.0.0.1", "10.0.0.9"}), "/etc/corosync");
    EXPECT_THAT(disagreements(kPair, conf).members,
                UnorderedElementsAre("member m2 has no node there: no ring0_addr: 10.0.0.2",
                                     "ring0_addr: 10.0.0.9 is no member of watchdog.members"));
}

TEST(Disagreements, OfAFileByHand) {
    const auto found = disagreements(
        kPair,
        "totem {\n version: 2\n crypto_cipher: none\n}\nnodelist {\n node {\n ring0_addr:10.0.0.1\n }\n"
        " node {\n #ring0_addr: 10.0.0.7\n ring0_addr: 10.0.0.2\n }\n}\n");
    EXPECT_THAT(found.members, IsEmpty());
    EXPECT_THAT(found.settings, ElementsAre(HasSubstr("no crypto_cipher"), HasSubstr("no crypto_hash"),
                                            "token is 1000, watchdog.profile wants 600"));
}

}  // namespace
}  // namespace pgpool::ctl
