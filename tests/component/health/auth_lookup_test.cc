// SPDX-License-Identifier: PostgreSQL
// AuthLookup against a real server.
#include "proxy/health/auth_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/component/health/postgres_server.h"

namespace pgpool::health {
namespace {

using test::PostgresServer;
using testing::HasSubstr;
using testing::StartsWith;

class AuthLookupTest : public testing::Test {
protected:
    void SetUp() override {
        server_ = PostgresServer::primary("alpha");
        server_->psql(
            "CREATE TABLE asked (who text, at timestamptz DEFAULT now());"
            "CREATE FUNCTION find(who text, OUT name text, OUT password text) RETURNS SETOF record "
            "LANGUAGE plpgsql SET search_path = public, pg_temp AS $$BEGIN INSERT INTO asked VALUES (who); "
            "PERFORM pg_sleep(0.1); "
            "RETURN QUERY SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = who; END$$;"
            "CREATE ROLE ann LOGIN PASSWORD 'secret'; CREATE ROLE nopass LOGIN");
        config_.auth.auth_user = "postgres";
        config_.auth.auth_query = "SELECT name, password FROM public.find($1)";
        config_.health.timeout = milliseconds(2'000);
        cluster::NodeStatus node;
        node.host = "127.0.0.1";
        node.port = server_->port();
        node.state = cluster::NodeState::Up;
        cluster::Topology topology;
        topology.nodes = {node};
        topology.primary = node.id;
        topology_ = std::make_shared<const cluster::Topology>(std::move(topology));
    }

    void start() {
        lookup_ = std::make_unique<AuthLookup>(std::make_shared<const config::Config>(config_),
                                               [this] { return topology_; });
        lookup_->start();
    }

    [[nodiscard]] std::future<AuthLookup::Answer> ask_later(std::string user, std::string database = "app") {
        auto promise = std::make_shared<std::promise<AuthLookup::Answer>>();
        lookup_->lookup(std::move(user), std::move(database),
                        [promise](const AuthLookup::Answer& answer) { promise->set_value(answer); });
        return promise->get_future();
    }
    [[nodiscard]] AuthLookup::Answer ask(std::string user, std::string database = "app") {
        auto answer = ask_later(std::move(user), std::move(database));
        if (answer.wait_for(seconds(10)) != std::future_status::ready)
            return fail(SqlState("ZZZZZ"), "no answer");
        return answer.get();
    }
    // Fails the test when the table holds another number of rows.
    void expect_asked(int times) {
        server_->psql("DO $$ BEGIN ASSERT (SELECT count(*) FROM asked) = " + std::to_string(times) +
                      ", (SELECT count(*)::text FROM asked); END $$");
    }

    config::Config config_;
    std::unique_ptr<PostgresServer> server_;
    cluster::TopologyPtr topology_;
    std::unique_ptr<AuthLookup> lookup_;
};

TEST_F(AuthLookupTest, GivesTheVerifier) {
    start();
    const AuthLookup::Answer ann = ask("ann");
    ASSERT_TRUE(ann && *ann);
    EXPECT_THAT(**ann, StartsWith("SCRAM-SHA-256$"));
    const AuthLookup::Answer nobody = ask("nobody");
    ASSERT_TRUE(nobody);
    EXPECT_EQ(*nobody, std::nullopt);
    EXPECT_EQ(*ask("nopass"), std::nullopt);
    EXPECT_EQ(*ask("'; DROP TABLE asked; --"), std::nullopt);
}

TEST_F(AuthLookupTest, SharesAnswersAndKeepsThemUntilTheyAreForgotten) {
    start();
    std::vector<std::future<AuthLookup::Answer>> answers;
    for (int i = 0; i < 100; ++i) answers.push_back(ask_later("ann", "db" + std::to_string(i)));
    for (auto& answer : answers) EXPECT_TRUE(answer.get().value().has_value());
    expect_asked(1);
    EXPECT_TRUE(ask("ann").value().has_value());
    expect_asked(1);
    lookup_->reload(std::make_shared<const config::Config>(config_));
    EXPECT_TRUE(ask("ann").value().has_value());
    expect_asked(2);
    lookup_->forget();
    EXPECT_TRUE(ask("ann").value().has_value());
    expect_asked(3);
}

TEST_F(AuthLookupTest, WrongPasswordsAskAtMostOnceASecond) {
    start();
    const TimePoint begin = SteadyClock::now();
    int logins = 0;
    for (; SteadyClock::now() < begin + milliseconds(2'500); ++logins) {
        EXPECT_TRUE(ask("ann").value().has_value());
        lookup_->doubt("ann");
    }
    EXPECT_GT(logins, 10);
    server_->psql("DO $$ BEGIN ASSERT (SELECT count(*) BETWEEN 2 AND 3 FROM asked); END $$");
}

TEST_F(AuthLookupTest, PassesTheDatabaseWhenAskedFor) {
    config_.auth.auth_query = "SELECT $1, $2";
    start();
    EXPECT_EQ(ask("ann", "one").value(), "one");
    EXPECT_EQ(ask("ann", "two").value(), "two");
}

TEST_F(AuthLookupTest, SurvivesARestartOfTheServer) {
    config_.auth.auth_query_ttl = milliseconds(0);
    start();
    EXPECT_TRUE(ask("ann"));
    server_->stop();
    const AuthLookup::Answer away = ask("ann");
    ASSERT_FALSE(away);
    EXPECT_THAT(away.error().message, StartsWith("auth_query: "));
    server_->start();
    EXPECT_TRUE(ask("ann"));
}

TEST_F(AuthLookupTest, AQueryThatFailsIsAnError) {
    config_.auth.auth_query = "SELECT usename FROM pg_shadow WHERE usename = $1";
    start();
    EXPECT_THAT(ask("ann").error().message, HasSubstr("needed are name and password"));
    config_.auth.auth_query = "SELECT * FROM no_such_table WHERE x = $1";
    lookup_->reload(std::make_shared<const config::Config>(config_));
    EXPECT_THAT(ask("ann").error().message, HasSubstr("no_such_table"));
    EXPECT_EQ(ask("ann").error().sqlstate.view(), "42P01");
}

TEST_F(AuthLookupTest, NoNodeUpIsAnErrorAtOnce) {
    topology_ = std::make_shared<const cluster::Topology>();
    start();
    EXPECT_THAT(ask("ann").error().message, HasSubstr("no PostgreSQL node is up"));
}

TEST_F(AuthLookupTest, StopAnswersEveryoneAndIsQuick) {
    config_.health.timeout = seconds(60);
    start();
    server_->signal_all(SIGSTOP);
    std::vector<std::future<AuthLookup::Answer>> answers;
    for (int i = 0; i < 10; ++i) answers.push_back(ask_later("user" + std::to_string(i)));
    std::this_thread::sleep_for(milliseconds(100));
    const TimePoint stopping = SteadyClock::now();
    lookup_->stop();
    EXPECT_LT(SteadyClock::now() - stopping, milliseconds(250));
    for (auto& answer : answers) {
        ASSERT_EQ(answer.wait_for(seconds(0)), std::future_status::ready);
        EXPECT_EQ(answer.get().error().sqlstate.view(), "57P01");
    }
    EXPECT_EQ(ask("ann").error().sqlstate.view(), "57P01");
}

TEST_F(AuthLookupTest, TheQueueIsBounded) {
    start();
    server_->signal_all(SIGSTOP);
    std::atomic<int> refused{0};
    for (std::size_t i = 0; i < AuthLookup::kMaxWaiting + 5; ++i) {
        lookup_->lookup("user" + std::to_string(i), "app", [&refused](const AuthLookup::Answer& answer) {
            if (!answer && answer.error().sqlstate == sqlstate::kTooManyConnections) ++refused;
        });
    }
    EXPECT_EQ(refused, 5);
    lookup_->stop();
}

}  // namespace
}  // namespace pgpool::health
