// SPDX-License-Identifier: PostgreSQL

// Hub and clients under different users with a common group, as the units run them. Users of the base system
// serve, by number: nothing is created.

#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/component/ipc/peer_process.h"

namespace pgpool::ipc {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHubUser = "uid=13";
constexpr const char* kClientUser = "uid=33";
constexpr const char* kCommonGroup = "gid=34";
constexpr const char* kTrustGroup = "group=34";
constexpr const char* kOtherGroup = "gid=33";

class BusUsers : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become other users";
    }

    static void expect_talk(PeerProcess& hub, PeerProcess& client) {
        client.expect("up ");
        client.tell("event one");
        EXPECT_THAT(hub.expect("from "), HasSubstr("event one"));
        hub.tell("event two");
        EXPECT_EQ(client.expect("got "), "event two");
    }
};

TEST_F(BusUsers, TwoUsersWithACommonGroupTalk) {
    const std::string service = own_service();
    PeerProcess hub("hub", service, {kHubUser, kCommonGroup, kTrustGroup});
    hub.expect("ready");
    PeerProcess client("client", service, {kClientUser, kCommonGroup, kTrustGroup});
    expect_talk(hub, client);
    client.kill();
    hub.expect("gone ");
    EXPECT_TRUE(shm_entries_vanish_of(hub.pid()));
}

TEST_F(BusUsers, OneUserTalksToItself) {
    const std::string service = own_service();
    PeerProcess hub("hub", service, {kHubUser, kOtherGroup});
    hub.expect("ready");
    PeerProcess client("client", service, {kHubUser, kOtherGroup});
    expect_talk(hub, client);
}

TEST_F(BusUsers, RootTalksToAHubThatIsNotRoot) {
    const std::string service = own_service();
    PeerProcess hub("hub", service, {kHubUser, kCommonGroup, kTrustGroup});
    hub.expect("ready");
    PeerProcess client("client", service, {kTrustGroup});
    expect_talk(hub, client);
}

TEST_F(BusUsers, AHubOfRootTalksToItsGroup) {
    const std::string service = own_service();
    PeerProcess hub("hub", service, {kTrustGroup});
    hub.expect("ready");
    PeerProcess client("client", service, {kClientUser, kCommonGroup, kTrustGroup});
    expect_talk(hub, client);
}

TEST_F(BusUsers, AnotherGroupIsRefused) {
    const std::string service = own_service();
    PeerProcess hub("hub", service, {kHubUser, kCommonGroup, kTrustGroup});
    hub.expect("ready");
    PeerProcess client("client", service, {kClientUser, kOtherGroup, kTrustGroup});
    EXPECT_THAT(client.expect("down "), HasSubstr("Permission denied"));
}

TEST_F(BusUsers, AClientWithoutTheGroupDoesNotTrustTheHub) {
    const std::string service = own_service();
    PeerProcess hub("hub", service, {kHubUser, kCommonGroup, kTrustGroup});
    hub.expect("ready");
    PeerProcess client("client", service, {kClientUser, kCommonGroup});
    EXPECT_THAT(client.expect("down "), HasSubstr("is not trusted"));
}

}  // namespace
}  // namespace pgpool::ipc
