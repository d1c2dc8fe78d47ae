// SPDX-License-Identifier: PostgreSQL
// Monitor against a real primary and standby, and against peers that do not behave.
#include "proxy/health/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "common/base/unique_fd.h"
#include "tests/component/health/postgres_server.h"
#include "tests/component/health/topology_recorder.h"

namespace pgpool::health {
namespace {

using cluster::NodeState;
using cluster::NodeStatus;
using cluster::Reach;
using cluster::Role;
using cluster::Topology;
using test::PostgresServer;
using test::TopologyRecorder;
using testing::HasSubstr;
using testing::Not;

config::Config config_for(std::vector<config::Node> nodes) {
    config::Config config;
    config.nodes = std::move(nodes);
    config.health.timeout = seconds(2);  // a busy machine is no dead server
    return config;
}

config::ConfigPtr share(config::Config config) {
    return std::make_shared<const config::Config>(std::move(config));
}

bool has_primary(const Topology& topology, std::string_view name) {
    return topology.primary_node() != nullptr && topology.primary_node()->name == name;
}

const NodeStatus* named(const Topology& topology, std::string_view name) {
    const auto found = std::ranges::find(topology.nodes, name, &NodeStatus::name);
    return found == topology.nodes.end() ? nullptr : &*found;
}

TopologyRecorder::Condition state_is(std::string name, NodeState state) {
    return [=](const Topology& topology) {
        const NodeStatus* node = named(topology, name);
        return node != nullptr && node->state == state;
    };
}

std::int64_t to_ms(Duration duration) {
    return std::chrono::duration_cast<milliseconds>(duration).count();
}

void report(const char* what, Duration duration) {
    testing::Test::RecordProperty(what, std::to_string(to_ms(duration)));
    std::printf("[ measured ] %s: %lld ms\n", what, static_cast<long long>(to_ms(duration)));
}

// Accepts connections in its backlog and says nothing, ever.
class SilentServer {
public:
    SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port_.number());
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int on = 1;
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(socket_.get(), 64) != 0) {
            throw std::runtime_error("cannot listen");
        }
    }
    [[nodiscard]] config::Node node() const { return {"silent", "127.0.0.1", port_.number(), 1.0}; }

private:
    test::ReservedPort port_;
    UniqueFd socket_;
};

class MonitorPair : public testing::Test {
protected:
    void SetUp() override {
        primary_ = PostgresServer::primary("alpha");
        standby_ = primary_->standby("beta");
        config_ = config_for({primary_->node(), standby_->node()});
    }
    // Runs the monitor until the pair is seen healthy.
    void watch() {
        monitor_ = std::make_unique<Monitor>(share(config_), recorder_.publisher());
        monitor_->start();
        ASSERT_TRUE(recorder_.wait_for([](const Topology& topology) {
            return has_primary(topology, "alpha") && named(topology, "beta")->role == Role::Standby;
        }));
    }

    std::unique_ptr<PostgresServer> primary_;
    std::unique_ptr<PostgresServer> standby_;
    config::Config config_;
    TopologyRecorder recorder_;
    std::unique_ptr<Monitor> monitor_;
};

TEST_F(MonitorPair, SeesRolesPositionsAndReplication) {
    watch();
    primary_->psql("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n");
    ASSERT_TRUE(recorder_.wait_for([](const Topology& topology) {
        const NodeStatus* beta = named(topology, "beta");
        return beta->replication_state == "streaming" && beta->lag_bytes == 0 &&
               beta->lag_time == microseconds(0);
    }));
    const cluster::TopologyPtr topology = recorder_.latest();
    const NodeStatus* alpha = named(*topology, "alpha");
    const NodeStatus* beta = named(*topology, "beta");
    EXPECT_EQ(alpha->timeline, 1U);
    EXPECT_EQ(beta->timeline, 1U);
    EXPECT_NE(alpha->system_identifier, "");
    EXPECT_EQ(alpha->system_identifier, beta->system_identifier);
    EXPECT_EQ(alpha->server_version.substr(0, 2), "15");
    EXPECT_GT(alpha->write_lsn, Lsn(0x1000000));
    EXPECT_GT(beta->replay_lsn, Lsn(0x1000000));
    EXPECT_EQ(beta->replication_sync_state, "async");
    EXPECT_TRUE(recorder_.in_order());
}

TEST_F(MonitorPair, ADeadPostmasterIsDownWithinMilliseconds) {
    watch();
    const TimePoint killed = SteadyClock::now();
    primary_->kill_postmaster();
    const auto down = recorder_.wait_for(state_is("alpha", NodeState::Down));
    ASSERT_TRUE(down);
    report("dead_postmaster_down", *down - killed);
    EXPECT_LT(*down - killed, milliseconds(500))
        << "far from the period: found by EOF, not by the next probe";
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->reach, Reach::Refused);
    EXPECT_FALSE(recorder_.latest()->primary);
    EXPECT_EQ(named(*recorder_.latest(), "beta")->state, NodeState::Up);
}

TEST_F(MonitorPair, PromotionIsNoticedWhileThereIsNoPrimary) {
    watch();
    primary_->kill_postmaster();
    ASSERT_TRUE(recorder_.wait_for(state_is("alpha", NodeState::Down)));
    const TimePoint asked = SteadyClock::now();
    standby_->promote();
    const auto seen =
        recorder_.wait_for([](const Topology& topology) { return has_primary(topology, "beta"); });
    ASSERT_TRUE(seen);
    report("promotion_seen_after_request", *seen - asked);
    EXPECT_LT(*seen - asked, milliseconds(900)) << "the promotion itself included; the period is a second";
    EXPECT_EQ(named(*recorder_.latest(), "beta")->timeline, 2U);
}

TEST_F(MonitorPair, TheOldPrimaryIsNotTakenBack) {
    watch();
    primary_->kill_postmaster();
    ASSERT_TRUE(recorder_.wait_for(state_is("alpha", NodeState::Down)));
    standby_->promote();
    ASSERT_TRUE(recorder_.wait_for([](const Topology& topology) { return has_primary(topology, "beta"); }));
    primary_->start();
    ASSERT_TRUE(recorder_.wait_for([](const Topology& topology) {
        return named(topology, "alpha")->reason.find("beta is the primary on timeline 2") !=
               std::string::npos;
    }));
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->state, NodeState::Down);
    EXPECT_TRUE(has_primary(*recorder_.latest(), "beta"));
}

TEST_F(MonitorPair, AFastRestartIsSeenAsDownAndUp) {
    watch();
    primary_->stop();
    ASSERT_TRUE(recorder_.wait_for(state_is("alpha", NodeState::Down)));
    primary_->start();
    const TimePoint started = SteadyClock::now();
    const auto seen =
        recorder_.wait_for([](const Topology& topology) { return has_primary(topology, "alpha"); });
    ASSERT_TRUE(seen);
    report("restart_seen", *seen - started);
    EXPECT_LT(*seen - started, milliseconds(500));
}

TEST_F(MonitorPair, ATerminatedBackendIsNoEvidence) {
    config_.health.period = seconds(60);  // so that a probe is one that followed the loss
    watch();
    const std::uint64_t before = named(*recorder_.latest(), "alpha")->probes;
    const std::uint64_t failed = named(*recorder_.latest(), "alpha")->failed_probes;
    primary_->psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgpool-health'");
    ASSERT_TRUE(recorder_.wait_for(
        [&](const Topology& topology) { return named(topology, "alpha")->probes == before + 1; }));
    EXPECT_TRUE(has_primary(*recorder_.latest(), "alpha"));
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->failed_probes, failed);
}

TEST_F(MonitorPair, AFrozenServerTimesOutAndDelaysNobody) {
    config_.health.period = milliseconds(100);
    config_.health.timeout = milliseconds(200);
    watch();
    const TimePoint frozen = SteadyClock::now();
    primary_->signal_all(SIGSTOP);
    const auto down = recorder_.wait_for(state_is("alpha", NodeState::Down));
    ASSERT_TRUE(down);
    report("frozen_server_down", *down - frozen);
    EXPECT_GT(*down - frozen, milliseconds(400)) << "three timeouts, not one";
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->reach, Reach::Timeout);
    const std::uint64_t before_alpha = named(*recorder_.latest(), "alpha")->probes;
    const std::uint64_t before_beta = named(*recorder_.latest(), "beta")->probes;
    ASSERT_TRUE(recorder_.wait_for(
        [&](const Topology& topology) { return named(topology, "beta")->probes > before_beta + 10; }));
    const std::uint64_t of_alpha = named(*recorder_.latest(), "alpha")->probes - before_alpha;
    EXPECT_LT(of_alpha, 9U) << "each takes at least the timeout, twice the period of beta's";
    primary_->signal_all(SIGCONT);
    ASSERT_TRUE(recorder_.wait_for([](const Topology& topology) { return has_primary(topology, "alpha"); }));
}

TEST_F(MonitorPair, AKickBringsAFreshReplayPosition) {
    config_.health.period = seconds(30);
    watch();
    const Lsn before = named(*recorder_.latest(), "beta")->replay_lsn;
    primary_->psql("CREATE TABLE fresh (n int)");
    const TimePoint kicked = SteadyClock::now();
    monitor_->kick(named(*recorder_.latest(), "beta")->id, "a client waits for replay");
    const auto seen = recorder_.wait_for(
        [&](const Topology& topology) { return named(topology, "beta")->replay_lsn > before; });
    ASSERT_TRUE(seen);
    report("replay_seen_after_kick", *seen - kicked);
    EXPECT_LT(*seen - kicked, milliseconds(600));
    std::this_thread::sleep_for(milliseconds(700));  // the kick is over
    const std::size_t published = recorder_.published();
    std::this_thread::sleep_for(milliseconds(300));
    EXPECT_EQ(recorder_.published(), published) << "fast probing is bounded";
}

TEST_F(MonitorPair, ReloadKeepsAddsAndRemovesNodes) {
    watch();
    const NodeId alpha = named(*recorder_.latest(), "alpha")->id;
    const NodeId beta = named(*recorder_.latest(), "beta")->id;
    const SilentServer silent;
    config::Config next = config_;
    next.nodes = {silent.node(), primary_->node()};
    next.nodes[1].weight = 3.0;
    monitor_->reload(share(next));
    EXPECT_EQ(named(*recorder_.latest(), "beta"), nullptr);
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->id, alpha);
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->weight, 3.0);
    EXPECT_TRUE(has_primary(*recorder_.latest(), "alpha")) << "kept through the reload";
    EXPECT_GT(named(*recorder_.latest(), "silent")->id, beta);

    next.nodes = {primary_->node(), standby_->node()};
    const TimePoint reloaded = SteadyClock::now();
    monitor_->reload(share(next));
    EXPECT_LT(SteadyClock::now() - reloaded, milliseconds(1000)) << "a hung node must not hold up a reload";
    EXPECT_EQ(named(*recorder_.latest(), "beta")->id, beta) << "the same node as before";
    ASSERT_TRUE(recorder_.wait_for(state_is("beta", NodeState::Up)));
}

TEST_F(MonitorPair, AWrongPasswordIsOfClassAuth) {
    primary_->psql("CREATE ROLE checker LOGIN PASSWORD 'right'");
    primary_->allow_only_password("checker");
    config_.nodes = {primary_->node()};
    config_.health.user = "checker";
    config_.health.password = "wrong";
    config_.health.period = milliseconds(50);
    monitor_ = std::make_unique<Monitor>(share(config_), recorder_.publisher());
    monitor_->start();
    ASSERT_TRUE(recorder_.wait_for(state_is("alpha", NodeState::Down)));
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->reach, Reach::Auth);
    EXPECT_THAT(named(*recorder_.latest(), "alpha")->reason, HasSubstr("password authentication failed"));

    config_.health.password = "right";
    monitor_->reload(share(config_));
    ASSERT_TRUE(recorder_.wait_for([](const Topology& topology) { return has_primary(topology, "alpha"); }));
}

TEST_F(MonitorPair, AnUnprivilegedRoleIsEnough) {
    primary_->psql(
        "CREATE ROLE plain LOGIN; REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint(), "
        "pg_control_recovery() FROM PUBLIC");
    config_.health.user = "plain";
    config_.health.period = milliseconds(50);
    watch();
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->timeline, 1U);
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->system_identifier, "");
}

TEST_F(MonitorPair, AnotherClusterIsNotLetIn) {
    const auto stranger = PostgresServer::stranger("gamma");
    watch();
    config_.nodes.push_back(stranger->node());
    monitor_->reload(share(config_));
    ASSERT_TRUE(recorder_.wait_for(state_is("gamma", NodeState::Down)));
    EXPECT_THAT(named(*recorder_.latest(), "gamma")->reason, HasSubstr("another database cluster"));
    EXPECT_TRUE(has_primary(*recorder_.latest(), "alpha"));
}

TEST_F(MonitorPair, UnixSocketDirectoryAsHost) {
    config_.nodes[0].host = primary_->socket_directory();
    watch();
    const TimePoint killed = SteadyClock::now();
    primary_->stop();
    ASSERT_TRUE(recorder_.wait_for(state_is("alpha", NodeState::Down)));
    EXPECT_LT(SteadyClock::now() - killed, seconds(2));
    EXPECT_EQ(named(*recorder_.latest(), "alpha")->reach, Reach::Refused);
}

TEST(Monitor, SilentServersAreOfClassTimeoutAndStopIsQuick) {
    const SilentServer silent;
    config::Config config = config_for({silent.node()});
    config.health.period = milliseconds(50);
    config.health.timeout = milliseconds(100);
    TopologyRecorder recorder;
    Monitor monitor(share(config), recorder.publisher());
    EXPECT_EQ(monitor.current()->nodes.size(), 1U);
    EXPECT_EQ(monitor.current()->nodes[0].state, NodeState::Unknown);
    monitor.start();
    ASSERT_TRUE(recorder.wait_for(state_is("silent", NodeState::Down)));
    EXPECT_EQ(recorder.latest()->nodes[0].reach, Reach::Timeout);

    config.health.timeout = seconds(60);
    monitor.reload(share(config));
    std::this_thread::sleep_for(milliseconds(300));  // now it is inside of a probe that takes a minute
    const TimePoint stopping = SteadyClock::now();
    monitor.stop();
    EXPECT_LT(SteadyClock::now() - stopping, milliseconds(1000));
    const std::size_t published = recorder.published();
    monitor.kick_all("after the end");
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_EQ(recorder.published(), published);
}

TEST(Monitor, AnUnknownNameIsOfClassUnresolved) {
    config::Config config = config_for({{"nobody", "nobody.invalid", 5432, 1.0}});
    config.health.period = milliseconds(20);
    TopologyRecorder recorder;
    Monitor monitor(share(config), recorder.publisher());
    monitor.start();
    ASSERT_TRUE(recorder.wait_for(state_is("nobody", NodeState::Down), seconds(30)));
    EXPECT_EQ(recorder.latest()->nodes[0].reach, Reach::Unresolved);
}

}  // namespace
}  // namespace pgpool::health
