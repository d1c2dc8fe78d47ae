// SPDX-License-Identifier: PostgreSQL
// What a probe reads of real standbys after a promotion: the timeline by which a failover counts them.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <stdexcept>
#include <thread>

#include "common/base/unique_fd.h"
#include "common/pg/client.h"
#include "common/pg/own_session.h"
#include "tests/component/health/postgres_server.h"
#include "watchdog/nodes/node_facts.h"
#include "watchdog/nodes/orders.h"

namespace pgpool::nodes {
namespace {

using decide::Kinship;

TimePoint soon() {
    return SteadyClock::now() + seconds(20);
}

pg::ConnectParams login_of(const test::PostgresServer& server) {
    pg::ConnectParams login;
    login.host = "127.0.0.1";
    login.port = server.port();
    login.user = login.database = "postgres";
    return login;
}

pg::Rows ask(const test::PostgresServer& server, const std::string& sql) {
    pg::ConnectParams login = login_of(server);
    login.application_name = pg::name_of(pg::OwnSession::Health);
    auto client = pg::Client::connect(login, soon(), nullptr);
    if (!client) throw std::runtime_error(client.error().message);
    auto rows = client->query(sql, {}, soon());
    if (!rows) throw std::runtime_error(rows.error().message);
    return std::move(*rows);
}

NodeFacts facts_of(const test::PostgresServer& server) {
    auto facts = read_facts(ask(server, facts_query(FactsDepth::Full)).text(0, 0));
    if (!facts) throw std::runtime_error(facts.error().message);
    return *facts;
}

NodeFacts wait_for(const test::PostgresServer& server, const std::function<bool(const NodeFacts&)>& is_so) {
    const TimePoint end = soon();
    for (;;) {
        NodeFacts facts = facts_of(server);
        if (is_so(facts)) return facts;
        if (SteadyClock::now() > end) throw std::runtime_error(server.name() + " does not get there");
        std::this_thread::sleep_for(milliseconds(20));
    }
}

void follow(const test::PostgresServer& standby, const std::string& conninfo) {
    standby.psql(fmt::format("ALTER SYSTEM SET primary_conninfo = '{}'", conninfo));
    standby.psql("SELECT pg_reload_conf()");
}

std::string conninfo_of(const test::PostgresServer& server) {
    return fmt::format("host=127.0.0.1 port={} user=postgres", server.port());
}

// A primary and two standbys that have all it wrote; then the first of them is promoted.
class NodeFactsTest : public testing::Test {
protected:
    NodeFactsTest() {
        old_->psql("CREATE TABLE t (a int)");
        const Lsn written = facts_of(*old_).flushed;
        for (const auto* standby : {next_.get(), other_.get()})
            wait_for(*standby, [&](const NodeFacts& facts) { return facts.replayed >= written; });
    }
    NodeFacts promote() {
        follow(*next_, "");
        wait_for(*next_, [](const NodeFacts& facts) { return !facts.has_receiver; });
        next_->promote();
        return wait_for(*next_, [](const NodeFacts& facts) { return !facts.is_standby; });
    }

    std::unique_ptr<test::PostgresServer> old_ = test::PostgresServer::primary("old");
    std::unique_ptr<test::PostgresServer> next_ = old_->standby("next");
    std::unique_ptr<test::PostgresServer> other_ = old_->standby("other");
};

// No restartpoint has told its control file of the timeline that it follows by then.
TEST_F(NodeFactsTest, AStandbyThatIsCutOffIsOnTheTimelineThatItFollowed) {
    follow(*other_, "");
    promote();
    follow(*other_, conninfo_of(*next_));
    next_->psql("INSERT INTO t SELECT generate_series(1, 1000)");
    const NodeFacts primary = facts_of(*next_);
    wait_for(*other_, [&](const NodeFacts& facts) { return facts.replayed >= primary.flushed; });
    follow(*other_, "");
    const NodeFacts cut = wait_for(*other_, [](const NodeFacts& facts) { return !facts.has_receiver; });
    EXPECT_EQ(cut.lineage, primary.lineage);
    EXPECT_EQ(decide::kinship(cut.lineage, cut.flushed, primary.lineage), Kinship::Same);
    other_->stop();
    other_->start();
    const NodeFacts again = facts_of(*other_);
    EXPECT_EQ(decide::kinship(again.lineage, again.flushed, primary.lineage), Kinship::Same);
}

TEST_F(NodeFactsTest, AStandbyThatHasMoreThanThePromotedOneHasDiverged) {
    follow(*next_, "");
    wait_for(*next_, [](const NodeFacts& facts) { return !facts.has_receiver; });
    old_->psql("INSERT INTO t SELECT generate_series(1, 1000)");
    const Lsn written = facts_of(*old_).flushed;
    wait_for(*other_, [&](const NodeFacts& facts) { return facts.replayed >= written; });
    const NodeFacts primary = promote();
    const auto kin = [&](const NodeFacts& facts) {
        return decide::kinship(facts.lineage, facts.flushed, primary.lineage);
    };
    EXPECT_EQ(kin(facts_of(*other_)), Kinship::Diverged);
    follow(*other_, conninfo_of(*next_));
    // It has asked the promoted one, and has its history.
    const std::string has_history =
        "SELECT count(*) FROM pg_catalog.pg_ls_waldir() WHERE name = '00000002.history'";
    const NodeFacts asked =
        wait_for(*other_, [&](const NodeFacts&) { return ask(*other_, has_history).text(0, 0) == "1"; });
    EXPECT_EQ(kin(asked), Kinship::Diverged);
}

TEST_F(NodeFactsTest, OfAStoppedPrimaryItsClientsAndAllThatItWroteCount) {
    auto client = pg::Client::connect(login_of(*old_), soon(), nullptr);
    ASSERT_TRUE(client) << client.error().message;
    EXPECT_EQ(facts_of(*old_).clients, 0U) << "of one that takes writes nobody asks";
    old_->psql(fmt::format("ALTER SYSTEM SET synchronous_standby_names = '{}'", kStoppedSync));
    old_->psql("SELECT pg_reload_conf()");
    wait_for(*old_, [](const NodeFacts& facts) { return facts.clients == 1; });
    // Is written, and flushed by nobody yet.
    auto written = client->query("SELECT pg_logical_emit_message(false, 'x', 'y') - '0/0'", {}, soon());
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_GE(facts_of(*old_).flushed, Lsn(std::stoull(std::string(written->text(0, 0)))));
    *client = pg::Client::connect(login_of(*next_), soon(), nullptr).value();
    wait_for(*old_, [](const NodeFacts& facts) { return facts.clients == 0; });
}

// It may get through at any moment.
TEST_F(NodeFactsTest, AReceiverThatConnectsIsNotCutOff) {
    const UniqueFd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(silent.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(silent.get(), 8), 0);
    socklen_t size = sizeof address;
    ASSERT_EQ(::getsockname(silent.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    follow(*other_, fmt::format("host=127.0.0.1 port={} user=postgres", ntohs(address.sin_port)));
    wait_for(*other_, [](const NodeFacts& facts) { return facts.has_receiver && !facts.is_receiving; });
    follow(*other_, "");
    wait_for(*other_, [](const NodeFacts& facts) { return facts.follows_nobody(); });
}

TEST_F(NodeFactsTest, AStandbyThatReadsItsOwnWalAfterARestartHasNoFinalPosition) {
    other_->psql("ALTER SYSTEM SET recovery_min_apply_delay = '1h'");
    other_->psql("SELECT pg_reload_conf()");
    old_->psql("CREATE TABLE late (a int)");
    const Lsn written = facts_of(*old_).flushed;
    wait_for(*other_, [&](const NodeFacts& facts) { return facts.flushed >= written; });
    follow(*other_, "");  // its receiver stays until replay goes on, or the server ends
    other_->stop();
    other_->start();
    const NodeFacts reading = facts_of(*other_);
    EXPECT_LT(reading.flushed, written) << "nothing tells of what lies in its files";
    EXPECT_FALSE(reading.is_final || reading.follows_nobody());
    other_->psql("ALTER SYSTEM RESET recovery_min_apply_delay");
    other_->psql("SELECT pg_reload_conf()");
    const NodeFacts read = wait_for(*other_, [](const NodeFacts& facts) { return facts.follows_nobody(); });
    EXPECT_GE(read.flushed, written);
}

}  // namespace
}  // namespace pgpool::nodes
