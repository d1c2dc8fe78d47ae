// SPDX-License-Identifier: PostgreSQL

// A hub and its clients as they should be: they find each other, talk, and find each other again.

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <thread>

#include "common/ipc/client.h"
#include "common/ipc/hub.h"
#include "common/net/event_loop.h"
#include "tests/component/ipc/peer_process.h"

namespace pgpool::ipc {
namespace {

using ::testing::HasSubstr;

TEST(Bus, MessagesGoBothWays) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess client("client", service);
    EXPECT_EQ(client.expect("up "), "test-hub of m1");
    EXPECT_EQ(hub.expect("client "), "1 test-client pid " + std::to_string(client.pid()));
    client.tell("event one");
    client.expect("sent");
    EXPECT_EQ(hub.expect("from "), "1 event one");
    hub.tell("event two");
    EXPECT_EQ(client.expect("got "), "event two");
}

TEST(Bus, TheLongestMessagesGoBothWays) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess client("client", service);
    client.expect("up ");
    for (int i = 0; i < 20; ++i) client.tell("echo 60000");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client.expect("answer of "), "60000");
}

TEST(Bus, TheEndOfAClientIsNoticedAtOnce) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess client("client", service);
    hub.expect("client ");
    const TimePoint killed = SteadyClock::now();
    client.kill();
    hub.expect("gone 1 ");
    EXPECT_LT(SteadyClock::now() - killed, seconds(1));
    EXPECT_TRUE(shm_entries_vanish_of(hub.pid()));
}

TEST(Bus, AClientFindsTheNextHub) {
    const std::string service = own_service();
    auto hub = std::make_unique<PeerProcess>("hub", service);
    hub->expect("ready");
    PeerProcess client("client", service);
    client.expect("up ");
    const pid_t first = hub->pid();
    hub->kill();
    EXPECT_THAT(client.expect("down "), HasSubstr("the hub ended"));
    client.tell("event lost");
    EXPECT_EQ(client.expect("not sent: "), "the hub is away");
    EXPECT_THAT(client.expect("down "), HasSubstr("Connection refused"));
    EXPECT_TRUE(shm_entries_vanish_of(first)) << "the client has removed what the hub could not";

    hub = std::make_unique<PeerProcess>("hub", service);
    hub->expect("ready");
    const TimePoint ready = SteadyClock::now();
    client.expect("up ");
    EXPECT_LT(SteadyClock::now() - ready, seconds(1));
    client.tell("event again");
    EXPECT_EQ(hub->expect("from "), "1 event again");
}

TEST(Bus, ANewHubRemovesWhatKilledOnesHaveLeft) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess client("client", service);
    client.expect("up ");
    const pid_t first = hub.pid();
    client.signal(SIGSTOP);
    hub.kill();
    client.kill();
    ASSERT_EQ(shm_entries_of(first), 1U);
    PeerProcess second("hub", service);
    second.expect("ready");
    EXPECT_TRUE(shm_entries_vanish_of(first));
}

TEST(Bus, OneNameHasOneHub) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess second("hub", service);
    EXPECT_THAT(second.expect("failed "), HasSubstr("Address already in use"));
}

TEST(Bus, VersionsThatDifferByOneTalk) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    const int ours = bus::kVersion.minor;
    const auto minor = [&](int above) { return "minor=" + std::to_string(ours + above); };
    PeerProcess neighbour("client", service, {minor(1)});
    neighbour.expect("up ");
    PeerProcess newer("client", service, {minor(2)});
    EXPECT_EQ(
        newer.expect("down "),
        fmt::format("the hub refuses: test-client speaks version 1.{} of the bus, this program 1.{}: they "
                    "may differ by one in the second number. Restart this program with the same release "
                    "of the appliance.",
                    ours + 2, ours));
    PeerProcess other("client", service, {"major=2"});
    EXPECT_THAT(other.expect("down "), HasSubstr(fmt::format("speaks version 2.{} of the bus", ours)));
}

TEST(Bus, MessagesOfUnknownTypesAreCountedAndIgnored) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess raw("raw", service);
    raw.tell("hello");
    hub.expect("client ");
    raw.tell("type 999");
    raw.tell("event after");
    EXPECT_EQ(hub.expect("from "), "1 event after");
    hub.tell("counters");
    EXPECT_THAT(hub.expect("counters "), HasSubstr("unknown 1 "));
}

TEST(Bus, TheFirstMessageMustBeHello) {
    const std::string service = own_service();
    PeerProcess hub("hub", service);
    hub.expect("ready");
    PeerProcess raw("raw", service);
    raw.tell("event early");
    raw.tell("hello");
    EXPECT_FALSE(hub.comes("client ", milliseconds(200)));
}

// In this process: the handler of a client runs on the thread of the owner's loop.
class LoopOwner final : public ClientHandler, public HubHandler {
public:
    void on_client(const ClientInfo& client) override {
        static_cast<void>(hub->send(client.id, bus::LeaseView{.epoch = 5}));
    }
    void on_message(ClientId /*client*/, bus::Message /*message*/) override {}
    void on_gone(ClientId /*client*/, const std::string& /*reason*/) override {}

    void on_up(const bus::Welcome& /*hub*/) override { threads.push_back(std::this_thread::get_id()); }
    void on_down(const std::string& reason) override { FAIL() << reason; }
    void on_message(bus::Message message) override {
        threads.push_back(std::this_thread::get_id());
        epoch = std::get<bus::LeaseView>(message).epoch;
        loop.stop();
    }

    net::EventLoop loop;
    Hub* hub = nullptr;
    std::vector<std::thread::id> threads;
    std::uint64_t epoch = 0;
};

TEST(Bus, AClientCanBeServedByAnEventLoop) {
    LoopOwner owner;
    const std::string service = own_service();
    const Trust trust = Trust::of_this_process(std::nullopt);
    Hub hub({.service = service, .trust = trust, .welcome = {}, .limits = {}}, owner);
    owner.hub = &hub;
    hub.start();
    Client client({.service = service, .trust = trust, .hello = {}, .limits = {}}, owner,
                  [&owner](Task task) { owner.loop.post(std::move(task)); });
    owner.loop.run();
    EXPECT_EQ(owner.epoch, 5U);
    EXPECT_EQ(owner.threads, std::vector(2, std::this_thread::get_id()));
}

TEST(Bus, NoHandlerIsCalledAfterTheEndOfTheClient) {
    class Silent final : public ClientHandler {
    public:
        void on_up(const bus::Welcome& /*hub*/) override { FAIL(); }
        void on_down(const std::string& /*reason*/) override { FAIL(); }
        void on_message(bus::Message /*message*/) override { FAIL(); }
    };
    std::mutex mutex;
    std::condition_variable condition;
    std::vector<Task> tasks;
    {
        Silent handler;
        Client client({.service = own_service(),
                       .trust = Trust::of_this_process(std::nullopt),
                       .hello = {},
                       .limits = {}},
                      handler, [&](Task task) {
                          const std::lock_guard lock(mutex);
                          tasks.push_back(std::move(task));
                          condition.notify_all();
                      });
        std::unique_lock lock(mutex);
        ASSERT_TRUE(condition.wait_for(lock, kPatience, [&] { return !tasks.empty(); }));
    }
    for (const Task& task : tasks) task();
}

}  // namespace
}  // namespace pgpool::ipc
