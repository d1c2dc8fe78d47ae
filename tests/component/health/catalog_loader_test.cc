// SPDX-License-Identifier: PostgreSQL
// CatalogLoader against a real server: what the queries give, and when loads happen.
#include "proxy/health/catalog_loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tests/component/health/postgres_server.h"

namespace pgpool::health {
namespace {

using test::PostgresServer;

// Remembers the latest facts of every database.
class FactsRecorder {
public:
    [[nodiscard]] CatalogLoader::Publish publisher() {
        return [this](std::string_view database, sql::CatalogFactsPtr facts) {
            const std::lock_guard lock(mutex_);
            latest_[std::string(database)] = std::move(facts);
            changed_.notify_all();
        };
    }
    // Newer than `version`; null if nothing came in time.
    [[nodiscard]] sql::CatalogFactsPtr wait(const std::string& database, std::uint64_t version = 0,
                                            Duration limit = seconds(20)) {
        std::unique_lock lock(mutex_);
        const auto is_there = [&] { return latest_[database] && latest_[database]->version > version; };
        return changed_.wait_for(lock, limit, is_there) ? latest_[database] : nullptr;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, sql::CatalogFactsPtr> latest_;
};

cluster::TopologyPtr topology_of(const PostgresServer& server, cluster::Role role = cluster::Role::Primary) {
    cluster::Topology topology;
    cluster::NodeStatus node;
    node.name = server.name();
    node.host = "127.0.0.1";
    node.port = server.port();
    node.state = cluster::NodeState::Up;
    node.role = role;
    topology.nodes = {node};
    if (role == cluster::Role::Primary) topology.primary = node.id;
    return std::make_shared<const cluster::Topology>(std::move(topology));
}

class CatalogLoaderTest : public testing::Test {
protected:
    void SetUp() override {
        server_ = PostgresServer::primary("alpha");
        topology_ = topology_of(*server_);
        loader_ = std::make_unique<CatalogLoader>(
            std::make_shared<const config::Config>(config_), [this] { return topology_; },
            [this](std::string_view /*database*/) { return in_use_.load(); }, recorder_.publisher());
        loader_->start();
    }

    config::Config config_;
    FactsRecorder recorder_;
    std::atomic<bool> in_use_{true};
    std::unique_ptr<PostgresServer> server_;
    cluster::TopologyPtr topology_;
    std::unique_ptr<CatalogLoader> loader_;
};

constexpr const char* kSchema = R"sql(
CREATE SCHEMA app;
CREATE TABLE orders (id int PRIMARY KEY, at timestamptz);
CREATE TABLE lines (id int REFERENCES orders ON DELETE CASCADE);
CREATE UNLOGGED TABLE app.cache (id int);
CREATE VIEW fresh AS SELECT * FROM orders WHERE at > now();
CREATE VIEW dice AS SELECT random() FROM orders;
CREATE VIEW dice_again AS SELECT * FROM dice;
CREATE FUNCTION total() RETURNS bigint LANGUAGE plpgsql STABLE AS $$BEGIN RETURN (SELECT count(*) FROM orders); END$$;
CREATE FUNCTION standard(x int) RETURNS int LANGUAGE sql IMMUTABLE RETURN abs(x) + 1;
CREATE FUNCTION standard_bad(x text) RETURNS text LANGUAGE sql RETURN set_config('a.b', x, false);
CREATE FUNCTION app.remember() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM set_config('a.b', 'c', false); END$$;
CREATE FUNCTION calls_remember() RETURNS void LANGUAGE sql AS 'SELECT app.remember()';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.at := now(); RETURN NEW; END$$;
CREATE FUNCTION noise() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM app.remember(); RETURN NEW; END$$;
CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER noise BEFORE DELETE ON lines FOR EACH ROW EXECUTE FUNCTION noise();
CREATE FUNCTION pick(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a';
CREATE AGGREGATE first_of(int) (SFUNC = pick, STYPE = int);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN name_like AS text;
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE guarded (id int);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON guarded USING (random() < 2);
CREATE FUNCTION lines_of(orders) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM lines';
CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = pick);
CREATE FUNCTION defaulted(a text DEFAULT set_config('a.b', 'c', false)) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION with_setting() RETURNS int LANGUAGE sql SET work_mem = '1MB' AS 'SELECT 1';
)sql";

TEST_F(CatalogLoaderTest, FactsOfARealDatabase) {
    server_->psql(kSchema);
    loader_->request("postgres");
    const sql::CatalogFactsPtr facts = recorder_.wait("postgres");
    ASSERT_NE(facts, nullptr);

    EXPECT_TRUE(facts->function("", "abs")->builtin);
    EXPECT_EQ(facts->function("", "random")->volatility, sql::Volatility::Volatile);
    EXPECT_TRUE(facts->function("public", "total")->harmless);
    EXPECT_EQ(facts->function("public", "total")->volatility, sql::Volatility::Stable);
    EXPECT_TRUE(facts->function("", "standard")->harmless);
    EXPECT_FALSE(facts->function("", "standard_bad")->harmless);
    EXPECT_FALSE(facts->function("app", "remember")->harmless);
    EXPECT_FALSE(facts->function("", "calls_remember")->harmless);
    EXPECT_TRUE(facts->function("", "first_of")->harmless);
    EXPECT_TRUE(facts->function("", "with_setting")->harmless);
    EXPECT_FALSE(facts->function("", "defaulted")->harmless);

    EXPECT_TRUE(facts->relation("app", "cache")->unlogged);
    EXPECT_TRUE(facts->relation("pg_catalog", "pg_class")->system);
    EXPECT_TRUE(facts->relation("information_schema", "tables")->system);
    EXPECT_TRUE(facts->relation("", "fresh")->view);
    EXPECT_FALSE(facts->relation("", "fresh")->reads_volatile);
    EXPECT_TRUE(facts->relation("", "dice")->reads_volatile);
    EXPECT_TRUE(facts->relation("", "dice_again")->reads_volatile);
    EXPECT_TRUE(facts->relation("", "guarded")->reads_volatile);
    EXPECT_FALSE(facts->relation("", "lines")->writes_harmless);
    EXPECT_FALSE(facts->relation("", "orders")->writes_harmless) << "a delete cascades into lines";

    EXPECT_EQ(facts->operators.at("###").volatility, sql::Volatility::Volatile);
    EXPECT_FALSE(facts->operators.contains("="));
    EXPECT_EQ(facts->row_functions.at("lines_of").volatility, sql::Volatility::Stable);
    EXPECT_FALSE(facts->row_functions.contains("pick"));
    EXPECT_TRUE(facts->conversions_harmless);

    EXPECT_TRUE(facts->type("", "mood")->harmless);
    EXPECT_TRUE(facts->type("", "_mood")->harmless);
    EXPECT_TRUE(facts->type("", "name_like")->harmless);
    EXPECT_EQ(facts->type("", "positive"), nullptr);
}

TEST_F(CatalogLoaderTest, CheckOfADomainCountsEverywhere) {
    server_->psql(R"sql(
CREATE FUNCTION checks(int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN PERFORM set_config('a.b', 'c', false); RETURN true; END$$;
CREATE DOMAIN checked AS int CHECK (checks(VALUE));
)sql");
    loader_->request("postgres");
    const sql::CatalogFactsPtr facts = recorder_.wait("postgres");
    ASSERT_NE(facts, nullptr);
    EXPECT_FALSE(facts->conversions_harmless);
}

TEST_F(CatalogLoaderTest, DdlIsFollowedSoon) {
    loader_->request("postgres");
    const sql::CatalogFactsPtr before = recorder_.wait("postgres");
    ASSERT_NE(before, nullptr);
    EXPECT_EQ(before->relation("", "young"), nullptr);
    server_->psql("CREATE TABLE young (id int)");
    const TimePoint told = SteadyClock::now();
    for (int i = 0; i < 50; ++i) loader_->ddl_seen("postgres");
    const sql::CatalogFactsPtr after = recorder_.wait("postgres", before->version, seconds(5));
    ASSERT_NE(after, nullptr);
    std::printf(
        "[ measured ] facts_after_ddl: %lld ms\n",
        static_cast<long long>(std::chrono::duration_cast<milliseconds>(SteadyClock::now() - told).count()));
    EXPECT_NE(after->relation("", "young"), nullptr);
    EXPECT_EQ(recorder_.wait("postgres", after->version, milliseconds(500)), nullptr) << "coalesced";
}

TEST_F(CatalogLoaderTest, AnUnknownDatabaseDoesNotHoldUpOthers) {
    loader_->request("does_not_exist");
    loader_->request("template1");
    EXPECT_NE(recorder_.wait("template1"), nullptr);
    EXPECT_EQ(recorder_.wait("does_not_exist", 0, milliseconds(100)), nullptr);
    server_->psql("CREATE DATABASE does_not_exist");
    loader_->request("does_not_exist");
    EXPECT_NE(recorder_.wait("does_not_exist"), nullptr);
}

TEST_F(CatalogLoaderTest, ADatabaseThatNobodyUsesIsLoadedNoMore) {
    config_.routing.facts_refresh = milliseconds(50);
    loader_->reload(std::make_shared<const config::Config>(config_));
    loader_->request("postgres");
    const sql::CatalogFactsPtr first = recorder_.wait("postgres");
    ASSERT_NE(first, nullptr);
    sql::CatalogFactsPtr last = recorder_.wait("postgres", first->version);
    ASSERT_NE(last, nullptr) << "it is refreshed while it is in use";
    in_use_ = false;
    int later = 0;
    while (const auto next = recorder_.wait("postgres", last->version, seconds(2))) {
        last = next;
        ASSERT_LT(++later, 4) << "not only what was under way";
    }
    in_use_ = true;
    loader_->request("postgres");
    EXPECT_NE(recorder_.wait("postgres", last->version), nullptr) << "requested again";
}

TEST_F(CatalogLoaderTest, AServerThatComesBackIsAskedAgain) {
    server_->stop();
    loader_->request("postgres");
    EXPECT_EQ(recorder_.wait("postgres", 0, milliseconds(400)), nullptr);
    server_->start();
    EXPECT_NE(recorder_.wait("postgres", 0, seconds(10)), nullptr);
}

TEST_F(CatalogLoaderTest, AnUnprivilegedRoleIsEnoughAlsoOnAStandby) {
    server_->psql("CREATE ROLE plain LOGIN");
    server_->psql(kSchema);
    const auto standby = server_->standby("beta");
    topology_ = topology_of(*standby, cluster::Role::Standby);
    config_.health.user = "plain";
    loader_->reload(std::make_shared<const config::Config>(config_));
    loader_->request("postgres");
    const sql::CatalogFactsPtr facts = recorder_.wait("postgres");
    ASSERT_NE(facts, nullptr);
    EXPECT_TRUE(facts->relation("", "dice")->reads_volatile);
}

TEST_F(CatalogLoaderTest, StopIsQuickWithAFrozenServer) {
    server_->signal_all(SIGSTOP);
    loader_->request("postgres");
    std::this_thread::sleep_for(milliseconds(200));
    const TimePoint stopping = SteadyClock::now();
    loader_->stop();
    EXPECT_LT(SteadyClock::now() - stopping, milliseconds(250));
}

}  // namespace
}  // namespace pgpool::health
