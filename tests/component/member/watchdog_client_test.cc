// SPDX-License-Identifier: PostgreSQL

// The proxy's end of the bus with a hub in the same process.
#include "proxy/member/watchdog_client.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <optional>
#include <thread>

#include "common/ipc/hub.h"
#include "common/page/boot_now.h"
#include "common/page/lease_page_writer.h"
#include "common/page/page_path.h"

namespace pgpool::member {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Values that one thread leaves and another waits for.
template <typename T>
class Letters {
public:
    void put(T value) {
        const std::lock_guard lock(mutex_);
        values_.push_back(std::move(value));
        changed_.notify_all();
    }
    // The next one that fits; those before it are dropped.
    template <typename Fits>
    std::optional<T> await(Fits fits, milliseconds at_most = milliseconds(10'000)) {
        const TimePoint until = SteadyClock::now() + at_most;
        std::unique_lock lock(mutex_);
        while (true) {
            while (!values_.empty()) {
                T value = std::move(values_.front());
                values_.pop_front();
                if (fits(value)) return value;
            }
            if (changed_.wait_until(lock, until) == std::cv_status::timeout) return std::nullopt;
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<T> values_;
};

struct Told {
    std::string program;  // said Hello now
    bus::Message message;
};

class PlayedHub final : public ipc::HubHandler {
public:
    PlayedHub(const std::string& service, Letters<Told>& told)
        : told_(told),
          hub_({.service = service,
                .trust = ipc::Trust::of_this_process(std::nullopt),
                .welcome = {.program = "played-hub", .member = "m1", .pid = 0, .incarnation = 1},
                .limits = {}},
               *this) {
        hub_.start();
    }
    void on_client(const ipc::ClientInfo& client) override { told_.put({client.hello.program, {}}); }
    void on_message(ipc::ClientId /*client*/, bus::Message message) override {
        told_.put({"", std::move(message)});
    }
    void on_gone(ipc::ClientId /*client*/, const std::string& /*reason*/) override {}
    void tell(const bus::Message& message) { EXPECT_TRUE(hub_.broadcast(message)); }

private:
    Letters<Told>& told_;
    ipc::Hub hub_;
};

bus::Topology topology(std::uint64_t epoch, std::uint64_t revision, const std::string& primary,
                       bus::NodeState state = bus::NodeState::Up) {
    bus::Topology whole{.epoch = epoch, .revision = revision, .nodes = {}};
    for (const char* name : {"b", "a"}) {  // not in the order of the configuration
        bus::Node node;
        node.id = static_cast<std::uint16_t>(whole.nodes.size());
        node.name = name;
        node.role = primary == name ? bus::NodeRole::Primary : bus::NodeRole::Standby;
        node.state = primary == name ? state : bus::NodeState::Up;
        whole.nodes.push_back(node);
    }
    return whole;
}

BootTime deadline_of(const bus::LeaseView& lease) {
    return BootTime(BootDuration(lease.deadline_ns));
}

class WatchdogClientTest : public testing::Test {
protected:
    WatchdogClientTest() : folder_(fmt::format("/tmp/pgpool-member-{}", ::getpid())) {
        std::filesystem::create_directories(folder_);
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        service_ = fmt::format("pgpool-bus.{:.20}{}", test->name(), ::getpid());
        config_.watchdog.enabled = true;
        config_.watchdog.name = "m1";
        config_.watchdog.runtime_directory = folder_;
        for (const char* name : {"a", "b"}) {
            config::Node node;
            node.name = name;
            config_.nodes.push_back(node);
        }
        seen_.nodes.resize(2);
        seen_.nodes[0].id = NodeId(10);
        seen_.nodes[0].name = "a";
        seen_.nodes[1].id = NodeId(11);
        seen_.nodes[1].name = "b";
    }
    ~WatchdogClientTest() override {
        client_.reset();
        hub_.reset();
        std::filesystem::remove_all(folder_);
    }

    void start_hub() { hub_ = std::make_unique<PlayedHub>(service_, told_); }
    void start() {
        WatchdogClient::Wiring wiring;
        wiring.decided = [this](cluster::Decision decision) { decisions_.put(std::move(decision)); };
        wiring.good_until = [this](BootTime until) { good_until_.put(until); };
        wiring.clients_in_transaction = [this](NodeId leaving, std::function<void(std::uint32_t)> answer) {
            answer(leaving == NodeId(10) ? in_transaction_.load() : 999);
        };
        wiring.connections_seen = [this] { return connections_seen_.load(); };
        wiring.clients_of_virtual_addresses =
            [this](std::function<void(std::vector<bus::Connection>)> answer) {
                std::vector<bus::Connection> all(connections_seen_.load());
                for (auto& one : all) one.client = {bus::Family::V4, {10, 0, 0, 9}, 4711};
                answer(std::move(all));
            };
        wiring.is_alive = [this] { return is_alive_.load(); };
        client_ = std::make_unique<WatchdogClient>(
            std::make_shared<const config::Config>(config_),
            ipc::MemberBus{service_, ipc::Trust::of_this_process(std::nullopt)}, std::move(wiring));
        client_->start();
    }
    void connect() {
        start_hub();
        start();
        expect_hello();
    }
    // The hub has taken it in, and it knows that.
    void expect_hello() {
        EXPECT_TRUE(told_.await([](const Told& told) { return told.program == "pgpool-proxy"; }));
        for (int i = 0; i < 10'000 && !client_->status().is_up; ++i)
            std::this_thread::sleep_for(milliseconds(1));
        EXPECT_TRUE(client_->status().is_up);
    }
    template <typename T, typename Fits>
    std::optional<T> expect(Fits fits, milliseconds at_most = milliseconds(10'000)) {
        const auto found = told_.await(
            [&](const Told& told) {
                const T* message = std::get_if<T>(&told.message);
                return told.program.empty() && message != nullptr && fits(*message);
            },
            at_most);
        return found ? std::optional(std::get<T>(found->message)) : std::nullopt;
    }
    std::optional<cluster::Decision> decision(std::uint64_t epoch, std::uint64_t revision) {
        return decisions_.await([&](const cluster::Decision& one) {
            return one.revision == cluster::Revision{epoch, revision} && one.withheld.empty();
        });
    }
    std::optional<cluster::Decision> withheld(const std::string& because) {
        return decisions_.await(
            [&](const cluster::Decision& one) { return one.withheld.find(because) != std::string::npos; });
    }
    // As if the monitor had published what is decided.
    void publish(cluster::Revision decided, bool is_parked) {
        seen_.decided = decided;
        seen_.leaving = is_parked ? std::optional(NodeId(10)) : std::nullopt;
        client_->on_topology(std::make_shared<const cluster::Topology>(seen_));
    }

    std::string folder_;
    std::string service_;
    config::Config config_;
    cluster::Topology seen_;
    Letters<Told> told_;
    Letters<cluster::Decision> decisions_;
    Letters<BootTime> good_until_;
    std::atomic<std::uint32_t> in_transaction_{0};
    std::atomic<std::uint64_t> connections_seen_{0};
    std::atomic<bool> is_alive_{true};
    std::unique_ptr<PlayedHub> hub_;
    std::unique_ptr<WatchdogClient> client_;
};

TEST_F(WatchdogClientTest, WithoutAHubNothingIsDecidedAndTheReasonIsTold) {
    start();
    EXPECT_TRUE(withheld("cannot be reached: "));
    EXPECT_TRUE(decisions_.await([](const auto& one) {
        return one.withheld.find("refused") != std::string::npos;
    })) << "what the system says of it";
    EXPECT_FALSE(client_->status().is_up);
    start_hub();
    expect_hello();
    EXPECT_TRUE(withheld("has not said yet"));
    hub_->tell(topology(1, 1, "a"));
    EXPECT_TRUE(decision(1, 1));
}

TEST_F(WatchdogClientTest, ItTellsThatItIsAliveAsLongAsNoWorkerHangs) {
    connect();
    const auto first = expect<bus::Alive>([](const auto&) { return true; });
    ASSERT_TRUE(first);
    EXPECT_TRUE(expect<bus::Alive>([&](const auto& next) { return next.count == first->count + 1; }));
    is_alive_ = false;
    // One may be on its way.
    static_cast<void>(expect<bus::Alive>([](const auto&) { return true; }, milliseconds(100)));
    EXPECT_FALSE(expect<bus::Alive>([](const auto&) { return true; }, milliseconds(700)));
    is_alive_ = true;
    EXPECT_TRUE(expect<bus::Alive>([](const auto&) { return true; }));
}

TEST_F(WatchdogClientTest, TheNewestTopologyIsDecided) {
    connect();
    hub_->tell(topology(7, 3, "a"));
    const auto first = decision(7, 3);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->find("a")->role, cluster::Role::Primary);
    hub_->tell(topology(7, 2, "b"));
    hub_->tell(topology(6, 9, "b"));
    hub_->tell(topology(7, 4, "b"));
    const auto next = decisions_.await([](const auto&) { return true; });
    ASSERT_TRUE(next);
    EXPECT_EQ(next->revision, (cluster::Revision{7, 4})) << "the older ones were not decided in between";
    EXPECT_EQ(next->find("b")->role, cluster::Role::Primary);
    EXPECT_EQ(client_->status().ignored, 2U);
}

TEST_F(WatchdogClientTest, StrictOutlivesTheHubAndANewHubWithAnOlderTopology) {
    connect();
    hub_->tell(topology(7, 3, "a"));
    ASSERT_TRUE(decision(7, 3));
    hub_.reset();
    start_hub();
    expect_hello();
    hub_->tell(topology(7, 1, "b"));
    hub_->tell(topology(8, 1, "b"));
    const auto next = decisions_.await([](const auto&) { return true; });
    ASSERT_TRUE(next);
    EXPECT_EQ(next->revision, (cluster::Revision{8, 1}));
    EXPECT_THAT(next->withheld, IsEmpty());
}

TEST_F(WatchdogClientTest, AvailableEndsWithTheLeaseAndGoesOnWithTheNext) {
    config_.watchdog.durability = config::Durability::Available;
    connect();
    hub_->tell(topology(7, 3, "a"));
    EXPECT_TRUE(withheld("lease"));
    const auto lease = [](milliseconds left) {
        const auto until = page::boot_now() + left;
        return bus::LeaseView{
            .epoch = 7, .holder = 2, .holder_name = "m2", .deadline_ns = until.time_since_epoch().count()};
    };
    const bus::LeaseView first = lease(milliseconds(400));
    hub_->tell(first);
    const TimePoint told = SteadyClock::now();
    ASSERT_TRUE(decision(7, 3));
    EXPECT_TRUE(good_until_.await([&](BootTime until) { return until == deadline_of(first); }));
    hub_.reset();
    const auto over = withheld("the lease of whoever decides is over");
    ASSERT_TRUE(over);
    EXPECT_GT(SteadyClock::now() - told, milliseconds(300));
    EXPECT_THAT(over->withheld, HasSubstr("cannot be reached"));
    start_hub();
    expect_hello();
    const bus::LeaseView next = lease(seconds(60));
    hub_->tell(next);
    EXPECT_TRUE(decision(7, 3));
    EXPECT_TRUE(good_until_.await([&](BootTime until) { return until == deadline_of(next); }));
    EXPECT_EQ(client_->status().lease_holder, "m2");
}

// The hub's thread may stand still while the lease is renewed.
TEST_F(WatchdogClientTest, TheOwnLeaseIsReadFromItsPage) {
    config_.watchdog.durability = config::Durability::Available;
    auto writer = page::LeasePageWriter::open(page::page_path(folder_));
    ASSERT_TRUE(writer) << writer.error().message;
    writer->publish(
        {.state = page::LeaseState::Held, .epoch = Epoch(7), .deadline = page::boot_now() + seconds(60)});
    connect();
    hub_->tell(topology(7, 3, "a"));
    EXPECT_TRUE(decision(7, 3));
}

TEST_F(WatchdogClientTest, ObservationsNameTheNodeAsTheHubDoesAndAreBounded) {
    connect();
    client_->on_topology(std::make_shared<const cluster::Topology>(seen_));
    cluster::NodeEvidence evidence;
    evidence.id = NodeId(10);
    evidence.reach = cluster::Reach::Refused;
    evidence.reason = "nobody listens";
    client_->probe_failed(evidence, seen_);
    const auto before = expect<bus::Observation>([](const auto&) { return true; });
    ASSERT_TRUE(before);
    EXPECT_EQ(before->node, 0) << "a, by the configuration";
    hub_->tell(topology(7, 3, "a"));
    ASSERT_TRUE(decision(7, 3));
    seen_.decided = cluster::Revision{7, 3};
    for (int i = 0; i < 100; ++i) client_->session_failed(NodeId(10), seen_, "reset by peer");
    evidence.state = cluster::NodeState::Down;
    client_->probe_failed(evidence, seen_);
    const auto doubt = expect<bus::Observation>([](const auto&) { return true; });
    ASSERT_TRUE(doubt);
    EXPECT_EQ(*doubt, (bus::Observation{.epoch = 7,
                                        .node = 1,
                                        .suspicion = bus::Suspicion::Doubtful,
                                        .failure = bus::FailureClass::Other,
                                        .reason = "reset by peer"}));
    const auto gone = expect<bus::Observation>([](const auto&) { return true; });
    ASSERT_TRUE(gone);
    EXPECT_EQ(gone->suspicion, bus::Suspicion::Gone) << "the 99 others were not told";
    EXPECT_EQ(gone->failure, bus::FailureClass::Refused);
}

TEST_F(WatchdogClientTest, WhileAPrimaryIsParkedItIsToldWhoIsUnderWay) {
    in_transaction_ = 2;
    connect();
    hub_->tell(topology(7, 4, "a", bus::NodeState::Parked));
    const auto parked = decision(7, 4);
    ASSERT_TRUE(parked);
    EXPECT_EQ(parked->find("a")->standing, cluster::Standing::Parked);
    publish({7, 4}, true);
    EXPECT_TRUE(expect<bus::Parked>([](const auto& one) { return one == bus::Parked{7, 4, 2}; }));
    in_transaction_ = 0;
    EXPECT_TRUE(expect<bus::Parked>([](const auto& one) { return one == bus::Parked{7, 4, 0}; }));
    hub_.reset();
    start_hub();
    expect_hello();
    EXPECT_TRUE(expect<bus::Parked>([](const auto& one) {
        return one == bus::Parked{7, 4, 0};
    })) << "the next hub hears it, too";
    publish({7, 5}, false);
    in_transaction_ = 1;
    EXPECT_FALSE(expect<bus::Parked>([](const auto&) { return true; }, milliseconds(200)));
}

TEST_F(WatchdogClientTest, ClientsOfVirtualAddressesAreListedWhenTheyChange) {
    config_.vip.addresses.push_back({.address = "10.0.0.100", .interface = "eth0"});
    connect();
    const auto sized = [](std::size_t size) {
        return [size](const bus::ClientList& list) { return list.connections.size() == size; };
    };
    const auto first = expect<bus::ClientList>(sized(0));
    ASSERT_TRUE(first) << "who connects to the hub says so, even if there is none";
    connections_seen_ = 3;
    const auto next = expect<bus::ClientList>(sized(3));
    ASSERT_TRUE(next);
    EXPECT_GT(next->revision, first->revision);
    EXPECT_FALSE(expect<bus::ClientList>([](const auto&) { return true; }, milliseconds(700)))
        << "nothing has changed";
    hub_.reset();
    start_hub();
    expect_hello();
    EXPECT_TRUE(expect<bus::ClientList>(sized(3)));
}

TEST_F(WatchdogClientTest, InModeReplicationTheMembershipIsToldAndNothingIsDecided) {
    config_.mode = config::ClusterMode::Replication;
    connect();
    seen_.epoch = 5;
    seen_.nodes[0].role = cluster::Role::Primary;
    seen_.nodes[1].role = cluster::Role::Replica;
    for (auto& node : seen_.nodes) node.state = cluster::NodeState::Up;
    client_->on_topology(std::make_shared<const cluster::Topology>(seen_));
    const auto whole = expect<bus::Topology>([](const auto&) { return true; });
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->epoch, 5U);
    EXPECT_EQ(whole->nodes[1].role, bus::NodeRole::Replica);
    seen_.version = 99;  // a probe has come, nothing else
    client_->on_topology(std::make_shared<const cluster::Topology>(seen_));
    seen_.epoch = 6;
    seen_.nodes[1].state = cluster::NodeState::Down;
    seen_.nodes[1].is_taken_out = true;
    client_->on_topology(std::make_shared<const cluster::Topology>(seen_));
    const auto out = expect<bus::Topology>([](const auto&) { return true; });
    ASSERT_TRUE(out);
    EXPECT_EQ(out->epoch, 6U) << "once for each change";
    EXPECT_EQ(out->nodes[1].state, bus::NodeState::Detached);
    client_->node_failed(NodeId(11), 6, cluster::Sign::Unequal, "digest");
    const auto unequal = expect<bus::Observation>([](const auto&) { return true; });
    ASSERT_TRUE(unequal);
    EXPECT_EQ(unequal->suspicion, bus::Suspicion::Unequal);
    EXPECT_EQ(unequal->node, 1);
    hub_->tell(topology(9, 1, "b"));
    hub_.reset();
    start_hub();
    expect_hello();
    EXPECT_TRUE(expect<bus::Topology>([](const auto& one) { return one.epoch == 6; }));
    EXPECT_FALSE(decisions_.await([](const auto&) { return true; }, milliseconds(50)));
}

}  // namespace
}  // namespace pgpool::member
