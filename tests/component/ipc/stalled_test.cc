// SPDX-License-Identifier: PostgreSQL

// Peers that stand still or send too much: the others go on, and memory is bounded.

#include <gmock/gmock.h>
#include <signal.h>

#include "tests/component/ipc/peer_process.h"

namespace pgpool::ipc {
namespace {

using ::testing::HasSubstr;

void expect_events(PeerProcess& process, const std::string& before, int count) {
    for (int i = 0; i < count; ++i) ASSERT_EQ(process.expect(before), "event " + std::to_string(i));
}

long longest_of(PeerProcess& client, int times) {
    client.tell("command " + std::to_string(times));
    return std::stol(client.expect("longest "));
}

TEST(StalledBus, AStoppedClientHoldsUpNobody) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess stopped("client", service);
    stopped.expect("up ");
    PeerProcess other("client", service);
    other.expect("up ");
    stopped.signal(SIGSTOP);
    hub.tell("flood 500");
    expect_events(other, "got ", 500);
    EXPECT_LT(longest_of(other, 200), 200'000) << "microseconds";
    stopped.signal(SIGCONT);
    expect_events(stopped, "got ", 500);
}

TEST(StalledBus, AClientThatLetsTooMuchPileUpIsDisconnected) {
    const std::string service = own_service();
    PeerProcess hub("hub", service, {"limit=100"});
    hub.expect("ready");
    PeerProcess stopped("client", service);
    stopped.expect("up ");
    stopped.signal(SIGSTOP);
    hub.tell("flood 200");
    EXPECT_EQ(hub.expect("gone 1 "), "it does not read: 100 messages wait for it");
    stopped.signal(SIGCONT);
    EXPECT_THAT(stopped.expect("down "), HasSubstr("the hub ended or closed"));
    stopped.expect("up ");
    hub.expect("client 2 ");
}

TEST(StalledBus, AClientKeepsALimitedNumberOfMessagesForAStoppedHub) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess client("client", service, {"limit=100"});
    client.expect("up ");
    hub.expect("client ");
    hub.signal(SIGSTOP);
    client.tell("flood 10000");
    const int sent = std::stoi(client.expect("sent "));
    EXPECT_GE(sent, 100);
    EXPECT_LE(sent, 100 + 300) << "what the sockets took";
    hub.signal(SIGCONT);
    expect_events(hub, "from 1 ", sent);
}

TEST(StalledBus, AHubThatDoesNotAnswerIsTriedAgainWithoutALeak) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess client("client", service, {"timeout=10"});
    client.expect("up ");
    const std::size_t files = client.open_files();
    hub.signal(SIGSTOP);
    PeerProcess second("client", service, {"timeout=10"});
    EXPECT_THAT(second.expect("down "), HasSubstr("does not answer"));
    EXPECT_FALSE(second.comes("up ", seconds(2))) << "some 10 attempts";
    hub.signal(SIGCONT);
    second.expect("up ");
    EXPECT_EQ(second.open_files(), files);
}

// libqb sleeps up to a second when the first message to a client meets a socket that is gone.
TEST(StalledBus, ClientsThatDieAfterTheirHelloHoldUpNobody) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess other("client", service);
    other.expect("up ");
    other.tell("command 3000");
    for (int i = 0; i < 30; ++i) {
        PeerProcess dying("raw", service);
        dying.tell("hello-and-die");
        EXPECT_FALSE(dying.comes("nothing", kPatience)) << "ends at the end of its output";
    }
    EXPECT_LT(std::stol(other.expect("longest ")), 500'000) << "microseconds";
}

}  // namespace
}  // namespace pgpool::ipc
