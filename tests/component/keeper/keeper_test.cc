// SPDX-License-Identifier: PostgreSQL
// Keeper against real servers, without a monitor: what it is told of losses, and what it publishes.
#include "proxy/keeper/keeper.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "common/base/bytes.h"
#include "common/markers/redo.h"
#include "common/markers/setup.h"
#include "common/pg/own_session.h"
#include "tests/component/health/postgres_server.h"

namespace pgpool::keeper {
namespace {

using cluster::Membership;
using cluster::Sign;
using test::PostgresServer;
using testing::HasSubstr;
using testing::Not;

constexpr seconds kLong{30};
constexpr NodeId kA{0};
constexpr NodeId kB{1};
constexpr NodeId kC{2};

// "a* b (why) c": the main node with a star, the reason of who is out in parentheses.
std::string outline(const Membership& membership) {
    std::string text;
    for (const cluster::Member& member : membership.members) {
        if (!text.empty()) text += ' ';
        text += member.name;
        if (member.name == membership.main) text += '*';
        if (!member.is_attached) text += " (" + member.reason + ")";
    }
    return text;
}

class KeeperTest : public testing::Test {
protected:
    KeeperTest() {
        std::string name = (std::filesystem::temp_directory_path() / "pgpool-keeper-XXXXXX").string();
        directory_ = ::mkdtemp(name.data());
        config::Config config;
        config.mode = config::ClusterMode::Replication;
        config.replication.state_directory = directory_;
        cluster::Topology topology;
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            servers_[i] = PostgresServer::primary(std::string(1, static_cast<char>('a' + i)));
            servers_[i]->psql(markers::setup_sql(4));
            config.nodes.push_back(servers_[i]->node());
            topology.nodes.emplace_back().id = NodeId(static_cast<std::uint16_t>(i));
            topology.nodes.back().name = servers_[i]->name();
        }
        config_ = std::make_shared<const config::Config>(config);
        topology_ = std::make_shared<const cluster::Topology>(topology);
    }
    ~KeeperTest() override {
        keeper_.reset();
        std::filesystem::remove_all(directory_);
    }

    template <typename Change>
    void change(Change make) {
        config::Config config = *config_;
        make(config);
        config_ = std::make_shared<const config::Config>(config);
    }
    void start() {
        is_open_ = false;
        keeper_ = std::make_unique<Keeper>(
            config_, [this] { return topology_; },
            [this](const Membership& membership, bool is_open) { on_publish(membership, is_open); },
            [this](std::uint64_t at_least) { sequence_ = at_least; },
            [this](std::uint32_t) {
                if (at_repair_) at_repair_();
                return is_built_on_.load();
            },
            has_members_ ? Keeper::Lease([this] { return lease_.load(); }) : Keeper::Lease());
        keeper_->load();
        keeper_->start();
        ASSERT_TRUE(wait_for([this] { return is_open_; }));
    }
    void on_publish(const Membership& membership, bool is_open) {
        std::ifstream file(directory_ + "/membership");
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        const std::lock_guard lock(mutex_);
        EXPECT_TRUE(!is_open || text == cluster::to_text(membership)) << "published before it was saved";
        membership_ = membership;
        is_open_ = is_open;
        ++published_;
        changed_.notify_all();
    }
    [[nodiscard]] bool wait_for(const std::function<bool()>& condition) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kLong, condition);
    }
    [[nodiscard]] bool wait_for(const std::string& wanted) {
        return wait_for([&] { return is_open_ && outline(membership_) == wanted; });
    }
    [[nodiscard]] std::string epochs(std::size_t server, const std::string& database = "postgres") const {
        constexpr std::string_view kEpochs =
            "SELECT string_agg(DISTINCT epoch::text, ',') FROM pgpool_replication.slot";
        return ask(server, kEpochs, database);
    }
    // The same on some servers, each marked as a proxy marks it.
    void execute(std::size_t server, int slot, int sequence, const std::string& end) const {
        servers_[server]->psql(fmt::format(
            "BEGIN; UPDATE pgpool_replication.slot SET seq = {} WHERE id = {} AND epoch = {}; {};", sequence,
            slot, membership_.epoch, end));
    }
    [[nodiscard]] pg::Client connect(std::size_t server, const std::string& user, pg::OwnSession session,
                                     const std::string& database = "postgres") const {
        const pg::ConnectParams params =
            pg::own_params(servers_[server]->node(), {user, {}, database, session});
        auto client = pg::Client::connect(params, SteadyClock::now() + kLong, nullptr);
        if (!client) throw std::runtime_error(client.error().message);
        return std::move(*client);
    }
    [[nodiscard]] std::string ask(std::size_t server, std::string_view sql,
                                  const std::string& database = "postgres") const {
        const pg::OwnLogin login{"postgres", {}, database, pg::OwnSession::Ctl};
        auto client = pg::Client::connect(pg::own_params(servers_[server]->node(), login),
                                          SteadyClock::now() + kLong, nullptr);
        if (!client) return client.error().message;
        const auto rows = client->run(sql, SteadyClock::now() + kLong);
        return rows ? std::string(rows->empty() ? "" : rows->text(0, 0)) : rows.error().message;
    }
    std::array<std::unique_ptr<PostgresServer>, 3> servers_;
    std::string directory_;
    config::ConfigPtr config_;
    cluster::TopologyPtr topology_;

    std::mutex mutex_;  // guards all below
    std::condition_variable changed_;
    Membership membership_;
    bool is_open_ = false;
    std::atomic<bool> is_built_on_ = false;
    std::function<void()> at_repair_;  // on the keeper's thread
    bool has_members_ = false;
    std::atomic<std::uint64_t> lease_ = 1;
    int published_ = 0;
    std::uint64_t sequence_ = 0;

    std::unique_ptr<Keeper> keeper_;
};

TEST_F(KeeperTest, AReportTakesANodeOutOnce) {
    for (std::size_t i = 0; i < servers_.size(); ++i)
        servers_[i]->psql("UPDATE pgpool_replication.slot SET seq = 41 WHERE id = 1");
    start();
    EXPECT_EQ(sequence_, 42U);
    const std::uint64_t epoch = membership_.epoch;
    keeper_->report(kB, epoch, Sign::Gone, "lost it");
    ASSERT_TRUE(wait_for("a* b (lost it) c"));
    EXPECT_EQ(membership_.epoch, epoch + 1);
    EXPECT_EQ(epochs(0), std::to_string(epoch + 1));
    EXPECT_EQ(epochs(1), std::to_string(epoch)) << "nobody touches a node that is out";
    // Of a session that has not heard yet: neither b again nor c on its word.
    keeper_->report(kB, epoch, Sign::Gone, "again");
    keeper_->report(kC, epoch, Sign::Gone, "lost that too");
    keeper_->report(kA, epoch + 1, Sign::Gone, "lost main");
    ASSERT_TRUE(wait_for("a (lost main) b (lost it) c*"));
    EXPECT_EQ(membership_.epoch, epoch + 2);
    // The last one, a stranger, and the past.
    keeper_->report(kC, epoch + 2, Sign::Gone, "the last");
    keeper_->report(NodeId(9), epoch + 2, Sign::Gone, "who?");
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_TRUE(wait_for("a (lost main) b (lost it) c*"));
    EXPECT_EQ(published_, 4) << "at the load, when it was opened, and two changes";
}

// The epoch that was begun since has made nothing equal that has no marker.
TEST_F(KeeperTest, WhatNoMarkerTellsOfCountsUnderALaterEpochToo) {
    start();
    const std::uint64_t epoch = membership_.epoch;
    keeper_->report(kB, epoch, Sign::Gone, "lost it");
    ASSERT_TRUE(wait_for("a* b (lost it) c"));
    keeper_->report(kC, epoch, Sign::Unequal, "it lacks an index");
    keeper_->report(kC, epoch + 1, Sign::Doubtful, "lost a session");
    ASSERT_TRUE(wait_for("a* b (lost it) c (it lacks an index)"));
}

// Two that raise the epoch in turn would each let transactions commit by what it believes to be in.
TEST_F(KeeperTest, WhoIsDeposedByAnotherProxyStaysSo) {
    start();
    const std::uint64_t epoch = membership_.epoch;
    for (const auto& server : servers_)
        server->psql("UPDATE pgpool_replication.slot SET epoch = epoch + 1, token = 5, answer = 6");
    keeper_->mark_refused(epoch);
    ASSERT_TRUE(wait_for([&] { return !is_open_; }));
    EXPECT_THAT(membership_.not_open, HasSubstr("another proxy has taken over"));
    keeper_->report(kB, epoch, Sign::Unequal, "lost it");
    std::this_thread::sleep_for(milliseconds(1500));
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(is_open_);
    for (std::size_t i = 0; i < servers_.size(); ++i) EXPECT_EQ(epochs(i), std::to_string(epoch + 1));
}

TEST_F(KeeperTest, WithoutTheLeaseNothingIsDecided) {
    has_members_ = true;
    start();
    const std::uint64_t epoch = membership_.epoch;
    lease_ = 0;
    keeper_->report(kB, epoch, Sign::Gone, "lost it");
    ASSERT_TRUE(wait_for([&] { return membership_.not_open.starts_with("another member has the lease"); }));
    EXPECT_EQ(epochs(0), std::to_string(epoch));
    EXPECT_EQ(outline(membership_), "a* b c");
    // Nobody else has done anything meanwhile.
    lease_ = 2;
    ASSERT_TRUE(wait_for("a* b c"));
    EXPECT_EQ(membership_.epoch, epoch + 1);
}

TEST_F(KeeperTest, TheNextLeaseIsFollowedWhileNobodyElseHasDecided) {
    has_members_ = true;
    start();
    lease_ = 2;
    std::this_thread::sleep_for(milliseconds(1000));
    keeper_->report(kB, membership_.epoch, Sign::Gone, "lost it");
    ASSERT_TRUE(wait_for("a* b (lost it) c"));
    EXPECT_EQ(published_, 3) << "at the load, when it was opened, and one change";
}

// The other one has taken c out, and its lease is over.
TEST_F(KeeperTest, WhoTakesOverFindsOutFromTheNodesWhoIsIn) {
    has_members_ = true;
    start();
    const std::uint64_t epoch = membership_.epoch;
    lease_ = 0;
    for (const std::size_t i : {0, 1})
        servers_[i]->psql("UPDATE pgpool_replication.slot SET epoch = epoch + 1, token = 5, answer = 6");
    keeper_->mark_refused(epoch);
    ASSERT_TRUE(wait_for([&] { return membership_.not_open.starts_with("another member has the lease"); }));
    lease_ = 3;
    ASSERT_TRUE(wait_for([&] { return is_open_; }));
    EXPECT_EQ(membership_.epoch, epoch + 2);
    EXPECT_TRUE(membership_.is_attached("a") && membership_.is_attached("b"));
    EXPECT_THAT(membership_.find("c")->reason, HasSubstr("its markers are of epoch"));
    EXPECT_EQ(epochs(2), std::to_string(epoch));
}

TEST_F(KeeperTest, WhoTakesOverWaitsForANodeThatMayHoldMore) {
    has_members_ = true;
    start();
    const std::uint64_t epoch = membership_.epoch;
    lease_ = 0;
    servers_[0]->psql("UPDATE pgpool_replication.slot SET epoch = epoch + 1, token = 5, answer = 6");
    keeper_->mark_refused(epoch);
    ASSERT_TRUE(wait_for([&] { return !is_open_; }));
    servers_[0].reset();
    lease_ = 3;
    ASSERT_TRUE(wait_for(
        [&] { return membership_.not_open.find("may hold what others lack: a") != std::string::npos; }));
    EXPECT_EQ(epochs(1), std::to_string(epoch));
    std::promise<Result<std::string>> told;
    keeper_->detach("a", "it is lost",
                    [&](Result<std::string> answer) { told.set_value(std::move(answer)); });
    EXPECT_TRUE(told.get_future().get());
    ASSERT_TRUE(wait_for("a (an administrator has let it go) b* c"));
}

TEST_F(KeeperTest, IfAllAreLostNobodyIsTakenOut) {
    start();
    const std::uint64_t epoch = membership_.epoch;
    keeper_->suspected({{kA, "x"}, {kB, "y"}, {kC, "z"}}, epoch);
    ASSERT_TRUE(wait_for([&] { return is_open_ && membership_.epoch > epoch; }));
    EXPECT_EQ(outline(membership_), "a* b c");
}

TEST_F(KeeperTest, ARemainingNodeThatIsDeadIsTakenOutAsWell) {
    start();
    servers_[2]->stop();
    keeper_->report(kA, membership_.epoch, Sign::Gone, "lost it");
    ASSERT_TRUE(wait_for([&] { return is_open_ && membership_.attached() == 1; }));
    EXPECT_THAT(outline(membership_), HasSubstr("a (lost it) b* c (connection to server"));
}

TEST_F(KeeperTest, MarkersMadeLaterGetTheEpochInForce) {
    start();
    const std::uint64_t epoch = membership_.epoch;
    for (const auto& server : servers_) {
        server->psql("CREATE DATABASE later");
        server->psql(markers::setup_sql(4), "later");
    }
    keeper_->mark_refused(epoch);
    const TimePoint give_up = SteadyClock::now() + kLong;
    while (epochs(2, "later") != std::to_string(epoch) && SteadyClock::now() < give_up)
        std::this_thread::sleep_for(milliseconds(20));
    for (std::size_t i = 0; i < servers_.size(); ++i) EXPECT_EQ(epochs(i, "later"), std::to_string(epoch));
    EXPECT_EQ(membership_.epoch, epoch) << "nothing else is disturbed";
}

// By main's marker. Somebody else's stays.
TEST_F(KeeperTest, WhatIsLeftPreparedEndsAndANewEpochBegins) {
    start();
    const std::uint64_t epoch = membership_.epoch;
    execute(0, 1, 77, "COMMIT");
    execute(1, 1, 77, "PREPARE TRANSACTION 'pgpool_1_77'");
    execute(2, 1, 77, "PREPARE TRANSACTION 'pgpool_1_77'");
    execute(1, 2, 78, "PREPARE TRANSACTION 'pgpool_2_78'");
    servers_[2]->psql("CREATE TABLE aside (); BEGIN; LOCK aside; PREPARE TRANSACTION 'pgpool_mine';");
    keeper_->prepared_left(epoch - 1);
    keeper_->prepared_left(epoch);
    ASSERT_TRUE(wait_for([&] { return is_open_ && membership_.epoch == epoch + 1; }));
    EXPECT_EQ(outline(membership_), "a* b c");
    constexpr std::string_view kSlots =
        "SELECT string_agg(seq::text, ',' ORDER BY id) FROM pgpool_replication.slot";
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        EXPECT_EQ(ask(i, kSlots), "0,77,0,0");
        EXPECT_EQ(ask(i, "SELECT string_agg(gid, ',') FROM pg_prepared_xacts"), i == 2 ? "pgpool_mine" : "");
    }
    keeper_->prepared_left(epoch);
    std::this_thread::sleep_for(milliseconds(300));
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(membership_.epoch, epoch + 1) << "it was ended with that";
}

TEST_F(KeeperTest, WhoLacksWhatOthersMayHaveBuiltOnIsTakenOut) {
    start();
    const std::uint64_t epoch = membership_.epoch;
    for (const std::size_t server : {0, 1}) execute(server, 1, 77, "COMMIT");
    is_built_on_ = true;
    keeper_->report(kC, epoch, Sign::Doubtful, "lost a session");
    ASSERT_TRUE(wait_for([&] { return is_open_ && membership_.epoch > epoch; }));
    EXPECT_THAT(outline(membership_),
                HasSubstr("a* b c (it lacks transaction 77 of slot 1 in database postgres"));
}

// The source of a repair dies when the first of two nodes has it.
TEST_F(KeeperTest, ThatANodeHasGivenSomethingBeforeItWasTakenOutIsTold) {
    start();
    const std::uint64_t epoch = membership_.epoch;
    const std::string redo = markers::encode({.user = "postgres", .settings = {}, .statements = {}});
    servers_[0]->psql(fmt::format(
        "UPDATE pgpool_replication.slot SET seq = 77, redo = '\\x{}', owner = 'postgres' WHERE id = 1",
        to_hex(redo)));
    int repairs = 0;
    at_repair_ = [&] {
        if (++repairs == 2) servers_[0]->stop();
    };
    keeper_->report(kA, epoch, Sign::Doubtful, "lost a session");
    ASSERT_TRUE(wait_for([&] { return is_open_ && membership_.attached() == 2; }));
    EXPECT_EQ(membership_.main, "b");
    EXPECT_EQ(membership_.find("a")->given_under, membership_.epoch);
    for (const std::size_t server : {1, 2})
        EXPECT_EQ(ask(server, "SELECT seq FROM pgpool_replication.slot WHERE id = 1"), "77");
}

// As an earlier process has left the file: it died before it could tell what others had built on.
class DoubtedTest : public KeeperTest {
protected:
    // These have committed what the others lack.
    void start_doubting(const std::string& name, std::initializer_list<std::size_t> committed) {
        start();
        keeper_.reset();
        for (const std::size_t server : committed)
            servers_[server]->psql("UPDATE pgpool_replication.slot SET seq = 77 WHERE id = 1");
        Membership found = membership_;
        ASSERT_TRUE(cluster::doubt(found, name));
        std::ofstream(directory_ + "/membership") << cluster::to_text(found);
        start();
    }
    [[nodiscard]] std::string file() const {
        std::ifstream file(directory_ + "/membership");
        return {std::istreambuf_iterator<char>(file), {}};
    }
};

TEST_F(DoubtedTest, WhoLacksNothingStays) {
    start_doubting("c", {0, 1, 2});
    EXPECT_EQ(outline(membership_), "a* b c");
    EXPECT_THAT(file(), Not(HasSubstr("doubted: true")));
}

TEST_F(DoubtedTest, WhoLacksSomethingIsOut) {
    start_doubting("c", {0, 1});
    EXPECT_THAT(outline(membership_), HasSubstr("a* b c (it lacks transaction 77"));
    EXPECT_THAT(outline(membership_), HasSubstr("may have committed there already"));
}

TEST_F(DoubtedTest, WhoLacksWhatADoubtedMainNodeHasIsOut) {
    start_doubting("a", {0, 1});
    EXPECT_THAT(outline(membership_), HasSubstr("a* b c (it lacks transaction 77"));
    EXPECT_THAT(outline(membership_), HasSubstr("may have committed there already"));
}

// Before anything else: the settlement cannot connect.
TEST_F(DoubtedTest, TheMarkIsWrittenFirst) {
    change([](config::Config& config) { config.health.timeout = seconds(10); });
    start();
    servers_[2]->signal_all(SIGSTOP);
    keeper_->report(kC, membership_.epoch, Sign::Doubtful, "lost a session");
    const TimePoint give_up = SteadyClock::now() + kLong;
    while (file().find("doubted: true") == std::string::npos && SteadyClock::now() < give_up)
        std::this_thread::sleep_for(milliseconds(10));
    {
        const std::lock_guard lock(mutex_);
        EXPECT_EQ(published_, 2) << "not settled yet";
    }
    EXPECT_THAT(file(), HasSubstr(R"({name: "c", attached: true, doubted: true)"));
    servers_[2]->signal_all(SIGCONT);
    ASSERT_TRUE(wait_for([this] { return published_ == 3; }));
    EXPECT_EQ(outline(membership_), "a* b c");
    EXPECT_THAT(file(), Not(HasSubstr("doubted: true")));
}

// It may come back with what it has prepared; else probes say that it is gone.
TEST_F(KeeperTest, ANodeThatCannotBeReachedIsNotTakenOutForWhatItHasPrepared) {
    start();
    const std::uint64_t epoch = membership_.epoch;
    execute(1, 2, 78, "PREPARE TRANSACTION 'pgpool_2_78'");
    servers_[1]->stop();
    keeper_->prepared_left(epoch);
    std::this_thread::sleep_for(milliseconds(500));
    {
        const std::lock_guard lock(mutex_);
        EXPECT_EQ(membership_.epoch, epoch);
    }
    servers_[1]->start();
    ASSERT_TRUE(wait_for([&] { return is_open_ && membership_.epoch == epoch + 1; }));
    EXPECT_EQ(outline(membership_), "a* b c");
    EXPECT_EQ(ask(1, "SELECT count(*) FROM pg_prepared_xacts"), "0");
}

TEST_F(KeeperTest, AfterMainWasTakenOutNothingOfItsLastTransactionRemains) {
    start();
    execute(0, 1, 77, "COMMIT");
    execute(1, 1, 77, "PREPARE TRANSACTION 'pgpool_1_77'");
    execute(2, 1, 77, "PREPARE TRANSACTION 'pgpool_1_77'");
    const std::uint64_t epoch = membership_.epoch;
    keeper_->report(kA, epoch, Sign::Gone, "lost it");
    ASSERT_TRUE(wait_for("a (lost it) b* c"));
    EXPECT_EQ(membership_.find("a")->given_under, epoch) << "nor was it given to anybody";
    EXPECT_EQ(membership_.find("b")->given_under, epoch + 1);
    for (const std::size_t server : {1, 2}) {
        EXPECT_EQ(ask(server, "SELECT seq FROM pgpool_replication.slot WHERE id = 1"), "0");
        EXPECT_EQ(ask(server, "SELECT count(*) FROM pg_prepared_xacts"), "0");
    }
}

TEST_F(KeeperTest, ThatLargeTransactionsAreNotPreparedIsSaidOnce) {
    testing::internal::CaptureStderr();
    start();
    const std::uint64_t epoch = membership_.epoch;
    for (std::uint64_t left = epoch; left < epoch + 2; ++left) {
        keeper_->prepared_left(left);
        ASSERT_TRUE(wait_for([&] { return is_open_ && membership_.epoch == left + 1; }));
    }
    keeper_->detach("c", "another set of nodes", [](const Result<std::string>&) {});
    ASSERT_TRUE(wait_for("a* b c (another set of nodes)"));
    const std::string output = testing::internal::GetCapturedStderr();
    std::size_t said = 0;
    for (std::size_t at = 0; (at = output.find(" large_transactions_not_prepared", at)) != std::string::npos;
         ++at)
        ++said;
    EXPECT_EQ(said, 2U) << output;
}

TEST_F(KeeperTest, LargeTransactionsArePreparedWhereEveryNodeHasRoomForOneOfEachSlot) {
    start();
    EXPECT_FALSE(membership_.can_prepare) << "max_prepared_transactions is 4";
    EXPECT_EQ(outline(membership_), "a* b c");
    keeper_.reset();
    change([](config::Config& config) { config.replication.slots = 4; });
    start();
    EXPECT_TRUE(membership_.can_prepare);
    keeper_.reset();
    servers_[2]->psql("ALTER SYSTEM SET max_prepared_transactions = 3;");
    servers_[2]->stop();
    servers_[2]->start();
    start();
    EXPECT_FALSE(membership_.can_prepare);
    keeper_->detach("c", "too small", [](const Result<std::string>&) {});
    ASSERT_TRUE(wait_for("a* b c (too small)"));
    EXPECT_TRUE(membership_.can_prepare);
}

// Whatever they call themselves.
TEST_F(KeeperTest, SessionsThatAreInTheWayOfARepairAreEnded) {
    for (const auto& server : servers_)
        server->psql("CREATE ROLE alice LOGIN; CREATE TABLE hers (id int); ALTER TABLE hers OWNER TO alice");
    start();
    const std::uint64_t epoch = membership_.epoch;
    markers::Redo done{.user = "alice", .settings = {}, .statements = {}};
    done.statements.emplace_back().sql = "INSERT INTO hers VALUES (1)";
    const std::string redo = markers::encode(done);
    for (const std::size_t server : {0, 1})
        servers_[server]->psql(fmt::format(
            "UPDATE pgpool_replication.slot SET seq = 77, redo = '\\x{}', owner = 'alice' WHERE id = 1",
            to_hex(redo)));
    pg::Client forger = connect(2, "alice", pg::OwnSession::Keeper);
    pg::Client sequences = connect(2, "postgres", pg::OwnSession::Sequences);
    pg::Client keeper = connect(2, "postgres", pg::OwnSession::Keeper);
    for (pg::Client* client : {&forger, &sequences})
        ASSERT_TRUE(client->run("BEGIN; LOCK public.hers IN SHARE MODE", SteadyClock::now() + kLong));
    ASSERT_TRUE(keeper.run("BEGIN; SELECT count(*) FROM public.hers", SteadyClock::now() + kLong));
    keeper_->report(kC, epoch, Sign::Doubtful, "who knows");
    ASSERT_TRUE(wait_for([&] { return is_open_ && membership_.epoch == epoch + 1; }));
    EXPECT_EQ(outline(membership_), "a* b c");
    EXPECT_EQ(ask(2, "SELECT count(*) FROM public.hers"), "1");
    EXPECT_TRUE(keeper.check_idle());
    EXPECT_FALSE(forger.check_idle());
    EXPECT_FALSE(sequences.check_idle());
}

// What a DROP DATABASE that was cancelled leaves: nobody can connect there.
TEST_F(KeeperTest, AnInvalidDatabaseCostsNoNode) {
    for (const auto& server : servers_) {
        server->psql("CREATE DATABASE half");
        server->psql(markers::setup_sql(4), "half");
    }
    start();
    servers_[0]->psql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'");
    ASSERT_THAT(ask(0, "SELECT 1", "half"), HasSubstr("cannot connect to invalid database"));
    keeper_->report(kC, membership_.epoch, Sign::Gone, "lost it");
    ASSERT_TRUE(wait_for("a* b c (lost it)"));
    EXPECT_EQ(epochs(1), std::to_string(membership_.epoch));
    EXPECT_EQ(epochs(1, "half"), std::to_string(membership_.epoch));
}

// It waits for a session, and nobody can connect meanwhile; `ends`: which then goes.
class DropOfADatabase : public KeeperTest, public testing::WithParamInterface<bool> {};

TEST_P(DropOfADatabase, CostsNoNode) {
    for (const auto& server : servers_) {
        server->psql("CREATE DATABASE leaving");
        server->psql(markers::setup_sql(4), "leaving");
    }
    change([](config::Config& config) { config.health.timeout = milliseconds(1'000); });
    start();
    const std::uint64_t epoch = membership_.epoch;
    std::optional<pg::Client> session = connect(0, "postgres", pg::OwnSession::Ctl, "leaving");
    std::thread drop([this] { static_cast<void>(ask(0, "DROP DATABASE leaving")); });
    constexpr std::string_view kLocked =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND mode = 'AccessExclusiveLock' AND "
        "granted";
    while (ask(0, kLocked) == "0") std::this_thread::sleep_for(milliseconds(20));
    keeper_->report(kC, epoch, Sign::Gone, "lost it");
    std::this_thread::sleep_for(milliseconds(2'500));  // longer than health.timeout
    if (GetParam()) session.reset();
    EXPECT_TRUE(wait_for("a* b c (lost it)"));
    drop.join();
    constexpr std::string_view kDatabases = "SELECT count(*) FROM pg_database WHERE datname = 'leaving'";
    EXPECT_EQ(ask(0, kDatabases), GetParam() ? "0" : "1");
    if (!GetParam()) {
        EXPECT_EQ(epochs(0, "leaving"), std::to_string(epoch + 1));
    }
}

INSTANTIATE_TEST_SUITE_P(Both, DropOfADatabase, testing::Bool(),
                         [](const auto& one) { return one.param ? "Done" : "GivenUp"; });

// With FORCE: the keeper's own session there ends too, while it waits for one that has marked.
TEST_F(KeeperTest, ADatabaseThatIsDroppedWhileItsEpochIsRaisedCostsNoNode) {
    for (const auto& server : servers_) {
        server->psql("CREATE DATABASE leaving");
        server->psql(markers::setup_sql(4), "leaving");
    }
    start();
    pg::Client session = connect(0, "postgres", pg::OwnSession::Ctl, "leaving");
    ASSERT_TRUE(session.run("BEGIN; UPDATE pgpool_replication.slot SET seq = 5 WHERE id = 1",
                            SteadyClock::now() + kLong));
    keeper_->report(kC, membership_.epoch, Sign::Gone, "lost it");
    constexpr std::string_view kWaiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'leaving'";
    const TimePoint give_up = SteadyClock::now() + kLong;
    while (ask(0, kWaiting) == "0" && SteadyClock::now() < give_up)
        std::this_thread::sleep_for(milliseconds(20));
    EXPECT_EQ(ask(0, "DROP DATABASE leaving WITH (FORCE)"), "");
    EXPECT_TRUE(wait_for("a* b c (lost it)"));
    EXPECT_EQ(epochs(0), std::to_string(membership_.epoch));
}

TEST_F(KeeperTest, AnUnwritableDirectoryEndsTheStart) {
    std::filesystem::remove_all(directory_);
    Keeper keeper(
        config_, [this] { return topology_; }, [](const Membership&, bool) {}, [](std::uint64_t) {},
        [](std::uint32_t) { return false; });
    EXPECT_THROW(keeper.load(), std::runtime_error);
}

TEST_F(KeeperTest, WhatCannotBeSavedIsNotPublished) {
    start();
    const std::uint64_t epoch = membership_.epoch;
    std::filesystem::rename(directory_, directory_ + ".away");
    keeper_->detach("c", "no longer needed", [](const Result<std::string>&) {});
    ASSERT_TRUE(wait_for([&] { return !is_open_; }));
    std::filesystem::rename(directory_ + ".away", directory_);
    ASSERT_TRUE(wait_for([&] { return is_open_; }));
    EXPECT_EQ(outline(membership_), "a* b c") << "the request was forgotten";
    EXPECT_GT(membership_.epoch, epoch + 1);
}

}  // namespace
}  // namespace pgpool::keeper
