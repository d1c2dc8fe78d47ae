// SPDX-License-Identifier: PostgreSQL

// What strangers and broken peers can do to the bus: to be in the way, at most.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/ipc/frame.h"
#include "tests/component/ipc/peer_process.h"

namespace pgpool::ipc {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr const char* kNobody = "uid=65534";
constexpr const char* kNogroup = "gid=65534";

// The address of a socket that libqb has made for this connection, as everybody finds it.
sockaddr_un address_of(pid_t hub, pid_t client, const std::string& suffix) {
    const std::string beginning = "@/dev/shm/qb-" + std::to_string(hub) + "-" + std::to_string(client) + "-";
    std::ifstream sockets("/proc/net/unix");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    for (std::string line; std::getline(sockets, line);) {
        const auto name = line.find(beginning);
        if (name == std::string::npos) continue;
        const std::string path = line.substr(name + 1, line.find('@', name + 1) - name - 1);
        if (path.ends_with(suffix)) path.copy(address.sun_path + 1, sizeof address.sun_path - 2);
    }
    EXPECT_NE(address.sun_path[1], '\0') << "no socket " << beginning << "…" << suffix;
    return address;
}

// From a socket of the test itself; 0 or what errno says.
int inject(const sockaddr_un& to, const bus::Message& message) {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const Frame frame = to_frame(message).value();
    const ssize_t sent = ::sendto(socket.get(), frame->data(), frame->size(), MSG_DONTWAIT,
                                  reinterpret_cast<const sockaddr*>(&to), sizeof to);
    return sent < 0 ? errno : 0;
}

TEST(HostileBus, AnOutsiderCannotSpeakToTheHubBeforeTheClientHas) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess raw("raw", service);
    raw.expect("ready");
    const sockaddr_un requests = address_of(hub.pid(), raw.pid(), "-request");
    ASSERT_EQ(inject(requests, bus::Hello{.program = "outsider"}), 0) << "libqb lets everybody in here";
    ASSERT_EQ(inject(requests, bus::Event{.line = "forged"}), 0);
    raw.tell("hello");
    raw.tell("event genuine");
    EXPECT_THAT(hub.expect("client "), HasSubstr("test-raw"));
    EXPECT_EQ(hub.expect("from "), "1 event genuine");
    raw.kill();
    hub.expect("gone 1");
    hub.tell("counters");
    EXPECT_THAT(hub.expect("counters "), HasSubstr("foreign 2 "));
}

// libqb would read several datagrams each time it is woken, as many as the client has sent.
TEST(HostileBus, AnOutsiderCannotSlipInBetween) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess raw("raw", service);
    raw.expect("ready");
    hub.signal(SIGSTOP);
    raw.tell("hello");
    raw.expect("status ");
    ASSERT_EQ(inject(address_of(hub.pid(), raw.pid(), "-request"), bus::Event{.line = "forged"}), 0);
    raw.tell("event genuine");
    raw.expect("status ");
    hub.signal(SIGCONT);
    EXPECT_EQ(hub.expect("from "), "1 event genuine");
}

TEST(HostileBus, OnceTheyTalkTheKernelTurnsOutsidersAway) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess client("client", service);
    client.expect("up ");
    EXPECT_EQ(inject(address_of(hub.pid(), client.pid(), "-request"), bus::Event{.line = "forged"}), EPERM);
    EXPECT_EQ(inject(address_of(hub.pid(), client.pid(), "-event"), bus::LeaseView{.epoch = 99}), EPERM);
    EXPECT_EQ(inject(address_of(hub.pid(), client.pid(), "-response"), bus::LeaseView{.epoch = 99}), EPERM);
}

TEST(HostileBus, AFloodOfOutsidersDatagramsDoesNotReachTheHub) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess raw("raw", service);
    raw.expect("ready");
    PeerProcess client("client", service);
    client.expect("up ");
    const sockaddr_un requests = address_of(hub.pid(), raw.pid(), "-request");
    int taken = 0;
    for (int i = 0; i < 20'000; ++i) taken += inject(requests, bus::Event{.line = "forged"}) == 0 ? 1 : 0;
    EXPECT_GT(taken, 0);
    client.tell("event through");
    EXPECT_THAT(hub.expect("from "), HasSubstr("event through"));
    raw.tell("hello");
    EXPECT_THAT(hub.expect("client "), HasSubstr("test-raw"));
}

TEST(HostileBus, WhatIsNoFrameIsDropped) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess raw("raw", service);
    raw.tell("hello");
    hub.expect("client ");
    for (const char* header :
         {"1073741824 24", "2147483647 65560", "-1 24", "0 24", "10 24", "65560 100", "16 16"}) {
        raw.expect("status ");
        raw.tell(std::string("header ") + header);
    }
    raw.tell("event after");
    EXPECT_EQ(hub.expect("from "), "1 event after");
    raw.kill();
    hub.expect("gone 1");
    hub.tell("counters");
    EXPECT_THAT(hub.expect("counters "), HasSubstr("foreign 7 "));
}

TEST(HostileBus, OversizedMessagesAreRefusedAtTheSender) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess client("client", service);
    client.expect("up ");
    client.tell("oversized");
    EXPECT_THAT(client.expect("not sent: "), HasSubstr("field line has 70000 bytes"));
    PeerProcess raw("raw", service);
    raw.tell("header 70000 70000");
    EXPECT_EQ(raw.expect("status "), "-90");  // EMSGSIZE
}

TEST(HostileBus, AForeignUserIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become other users";
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess stranger("client", service, {kNobody, kNogroup, "group=65534"});
    EXPECT_THAT(stranger.expect("down "), HasSubstr("Permission denied"));
    hub.tell("counters");
    EXPECT_THAT(hub.expect("counters "), MatchesRegex(".*refused [1-9].*"));
    EXPECT_FALSE(hub.comes("client ", milliseconds(100)));
    EXPECT_TRUE(shm_entries_vanish_of(hub.pid()));
}

TEST(HostileBus, AClientDoesNotTalkToWhoHasTakenTheName) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become other users";
    const std::string service = own_service();
    PeerProcess squatter("hub", service, {kNobody, kNogroup});
    squatter.expect("ready");
    PeerProcess client("client", service);
    EXPECT_THAT(client.expect("down "),
                HasSubstr("pid " + std::to_string(squatter.pid()) +
                          ", uid 65534, gid 65534 has taken this name and is not trusted"));
    EXPECT_FALSE(squatter.comes("client ", milliseconds(100)));
}

class NamedFile {
public:
    NamedFile()
        : path_(std::filesystem::temp_directory_path() / ("pgpool_bus_" + std::to_string(::getpid()))) {
        std::ofstream(path_) << kText;
    }
    NamedFile(const NamedFile&) = delete;
    NamedFile& operator=(const NamedFile&) = delete;
    ~NamedFile() { std::filesystem::remove(path_); }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] bool is_whole() const {
        std::ostringstream text;
        text << std::ifstream(path_).rdbuf();
        return text.str() == kText;
    }

private:
    static constexpr const char* kText = "what nobody but its owner may change";
    std::string path_;
};

// The answer of a hub names a file that libqb opens, cuts to 24 bytes and removes, with the rights of the
// client.
class SquattedBus : public ::testing::TestWithParam<const char*> {};

TEST_P(SquattedBus, ACarefulClientIsNotLedToDamageFiles) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become other users";
    const bool is_careful = GetParam() == std::string("client");
    const std::string service = "pgpool-bus.squatted" + std::to_string(::getpid());
    PeerProcess squatter("squatter", service, {kNobody, kNogroup});
    squatter.expect("ready");
    const NamedFile file;
    PeerProcess client(GetParam(), service);
    squatter.tell("answer " + file.path());
    squatter.expect("answered");
    client.expect(is_careful ? "down " : "ready");
    // The other is how libqb behaves when it is not kept from it; were it careful, the check would be
    // needless.
    EXPECT_EQ(file.is_whole(), is_careful);
}

INSTANTIATE_TEST_SUITE_P(Clients, SquattedBus, ::testing::Values("client", "raw"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace pgpool::ipc
