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
#include <tuple>
#include <vector>

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
    EXPECT_FALSE(facts->writes_known);
    EXPECT_EQ(facts->relation("", "orders")->write, nullptr);
}

constexpr const char* kWriteSchema = R"sql(
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN made AS timestamptz DEFAULT now();
CREATE DOMAIN small AS int CHECK (VALUE < 10);
CREATE FUNCTION acts() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN 1; END$$;
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO audited VALUES (1); RETURN NEW; END$$;
CREATE TABLE plain (id bigint PRIMARY KEY, email text UNIQUE, m mood, f float8, ts timestamptz, r tstzrange,
    made made, s small, five int DEFAULT 5, day text DEFAULT to_char(timestamp '2020-01-01', 'DD'),
    at timestamptz DEFAULT now(), who name DEFAULT current_user, a int DEFAULT acts(), u uuid DEFAULT gen_random_uuid(),
    twice int GENERATED ALWAYS AS (five * 2) STORED, CHECK (five > 0), CHECK (m IN ('sad', 'happy')));
CREATE UNIQUE INDEX partial ON plain (five) WHERE five > 1;
CREATE UNIQUE INDEX expression ON plain (lower(email));
CREATE UNIQUE INDEX pattern ON plain (day text_pattern_ops);
CREATE UNIQUE INDEX other_collation ON plain (day COLLATE "C");
CREATE UNIQUE INDEX several ON plain (m, five) INCLUDE (f);
CREATE TABLE later (id int UNIQUE DEFERRABLE, n serial, i int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE clocked (id int PRIMARY KEY, ts timestamptz CHECK (ts < now()));
CREATE TABLE guarded (id int PRIMARY KEY);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE TABLE ruled (id int PRIMARY KEY);
CREATE RULE nothing AS ON DELETE TO ruled DO INSTEAD NOTHING;
CREATE VIEW seen AS SELECT id FROM plain;
CREATE TABLE parent (id int PRIMARY KEY, a int);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE grandchild (child int REFERENCES child ON DELETE CASCADE);
CREATE TABLE quiet (id int PRIMARY KEY);
CREATE TABLE quiet_child (quiet int REFERENCES quiet ON DELETE CASCADE);
CREATE TRIGGER noise BEFORE DELETE ON grandchild FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TRIGGER change BEFORE INSERT OR UPDATE ON child FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TABLE silent (id int PRIMARY KEY);
CREATE TRIGGER off BEFORE INSERT ON silent FOR EACH ROW EXECUTE FUNCTION audit();
ALTER TABLE silent DISABLE TRIGGER off;
CREATE TABLE root (id int, k int, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (10);
CREATE TRIGGER of_leaf BEFORE INSERT ON leaf FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TABLE base (id int PRIMARY KEY);
CREATE TABLE derived () INHERITS (base);
CREATE SCHEMA app;
CREATE TABLE app.quiet (id int PRIMARY KEY, more serial);
)sql";

std::string keys_of(const sql::CatalogFacts& facts, std::string_view name) {
    std::string out;
    for (const sql::UniqueKey& key : facts.relation("public", name)->write->keys) {
        out += key.name + "(";
        for (const std::string& column : key.columns) out += column + ",";
        out += key.has_nulls ? ") with nulls; " : "); ";
    }
    return out;
}

TEST_F(CatalogLoaderTest, FactsOfWritesInModeReplication) {
    config_.mode = config::ClusterMode::Replication;
    loader_->reload(std::make_shared<const config::Config>(config_));
    server_->psql(kWriteSchema);
    loader_->request("postgres");
    const sql::CatalogFactsPtr facts = recorder_.wait("postgres");
    ASSERT_NE(facts, nullptr);
    ASSERT_TRUE(facts->writes_known);
    const auto write = [&](const char* name) { return *facts->relation("public", name)->write; };

    EXPECT_EQ(keys_of(*facts, "plain"),
              "plain_pkey(id,); plain_email_key(email,) with nulls; several(m,five,) with nulls; ");
    EXPECT_EQ(keys_of(*facts, "later"), "");
    EXPECT_EQ(keys_of(*facts, "root"), "root_pkey(id,k,); ");

    const sql::WriteFacts plain = write("plain");
    EXPECT_EQ(plain.obstacle, "");
    ASSERT_EQ(plain.columns.size(), 15U);
    EXPECT_EQ(plain.columns[1].name, "email");
    using sql::Content;
    using sql::Default;
    const std::vector<std::tuple<const char*, Default, Content>> columns = {
        {"id", Default::Null, Content::Plain},
        {"m", Default::Null, Content::Plain},
        {"f", Default::Null, Content::Float},
        {"ts", Default::Null, Content::Date},
        {"r", Default::Null, Content::DateContainer},
        {"made", Default::NotDeterministic, Content::Date},
        {"s", Default::Null, Content::Plain},
        {"five", Default::Deterministic, Content::Plain},
        {"day", Default::Deterministic, Content::Plain},
        {"at", Default::NotDeterministic, Content::Date},
        {"who", Default::NotDeterministic, Content::Plain},
        {"a", Default::MayWrite, Content::Plain},
        {"u", Default::NotDeterministic, Content::Plain},
        {"twice", Default::Generated, Content::Plain}};
    for (const auto& [name, filled, content] : columns) {
        const sql::ColumnFacts* column = plain.column(name);
        ASSERT_NE(column, nullptr) << name;
        EXPECT_EQ(column->filled, filled) << name;
        EXPECT_EQ(column->content, content) << name;
    }
    EXPECT_EQ(write("later").column("n")->filled, Default::Sequence);
    EXPECT_EQ(write("later").column("i")->filled, Default::Sequence);

    EXPECT_EQ(write("clocked").obstacle, "check \"clocked_ts_check\" of table \"clocked\" is not immutable");
    EXPECT_EQ(write("guarded").obstacle, "row security on table \"guarded\"");
    EXPECT_EQ(write("ruled").obstacle, "a rule on table \"ruled\"");
    EXPECT_EQ(write("seen").obstacle, "\"seen\" is a view");
    EXPECT_EQ(write("base").obstacle, "inheritance of table \"base\"");
    EXPECT_EQ(write("derived").obstacle, "inheritance of table \"derived\"");
    EXPECT_EQ(write("leaf").obstacle, "");
    EXPECT_EQ(write("root").insert_obstacle, "trigger \"of_leaf\" on table \"leaf\", which may write");
    EXPECT_EQ(write("root").update_obstacle, "trigger \"of_leaf\" on table \"leaf\", which may write");
    EXPECT_EQ(write("root").delete_obstacle, "");
    EXPECT_EQ(write("silent").insert_obstacle, "");
    EXPECT_EQ(write("child").insert_obstacle, "trigger \"change\" on table \"child\", which may write");
    EXPECT_EQ(write("parent").delete_obstacle,
              "trigger \"noise\" on table \"grandchild\", which may write (by foreign key "
              "\"grandchild_child_fkey\") (by foreign "
              "key \"child_parent_fkey\")");
    ASSERT_EQ(write("parent").followed.size(), 1U);
    EXPECT_EQ(write("parent").followed[0].columns, std::vector<std::string>{"id"});
    EXPECT_EQ(write("quiet").delete_obstacle, "");

    // Of two tables with one name what is true of both.
    const sql::WriteFacts both = *facts->relation("", "quiet")->write;
    EXPECT_TRUE(both.several);
    EXPECT_EQ(both.keys.size(), 1U);
    EXPECT_EQ(both.column("more")->filled, Default::Sequence);

    EXPECT_NE(facts->relation("", "later_n_seq"), nullptr);
    EXPECT_TRUE(facts->type("", "mood")->deterministic);
    EXPECT_FALSE(facts->type("", "made")->deterministic);
    EXPECT_EQ(facts->cast_obstacle, "");
    EXPECT_EQ(facts->ddl_obstacle, "");
    EXPECT_TRUE(facts->shadowing_operators.empty());
}

TEST_F(CatalogLoaderTest, WhatConcernsAllWritesOfADatabase) {
    config_.mode = config::ClusterMode::Replication;
    loader_->reload(std::make_shared<const config::Config>(config_));
    server_->psql(R"sql(
CREATE FUNCTION happens() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$;
CREATE EVENT TRIGGER watch ON ddl_command_start EXECUTE FUNCTION happens();
CREATE DOMAIN past AS timestamptz CHECK (VALUE < now());
CREATE FUNCTION odd(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = odd);
)sql");
    loader_->request("postgres");
    const sql::CatalogFactsPtr facts = recorder_.wait("postgres");
    ASSERT_NE(facts, nullptr);
    EXPECT_EQ(facts->ddl_obstacle, "event trigger \"watch\"");
    EXPECT_EQ(facts->cast_obstacle, "check \"past_check\" of a domain is not immutable");
    EXPECT_TRUE(facts->shadowing_operators.contains("="));
}

TEST_F(CatalogLoaderTest, TextThatBecomesADateIsNotImmutable) {
    config_.mode = config::ClusterMode::Replication;
    loader_->reload(std::make_shared<const config::Config>(config_));
    server_->psql(R"sql(
CREATE FUNCTION in_body(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN ($1::timestamptz)::text; END$$;
CREATE FUNCTION by_result(text) RETURNS date LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN $1; END$$;
CREATE FUNCTION by_out(varchar, OUT d date) LANGUAGE plpgsql IMMUTABLE AS $$BEGIN d := $1; END$$;
CREATE FUNCTION of_list(VARIADIC text[]) RETURNS date LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN $1[1]; END$$;
CREATE FUNCTION of_json(json) RETURNS date LANGUAGE sql IMMUTABLE AS $$SELECT ($1 ->> 'd')::date$$;
CREATE FUNCTION of_any(anyelement) RETURNS date LANGUAGE sql IMMUTABLE AS $$SELECT $1::text::date$$;
CREATE FUNCTION by_number() RETURNS oid LANGUAGE sql IMMUTABLE AS $$SELECT 'pg_class'::regclass::oid$$;
CREATE FUNCTION of_date(timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS $$SELECT $1::date$$;
CREATE FUNCTION of_dates(timestamp[], uuid, int) RETURNS date LANGUAGE sql IMMUTABLE AS $$SELECT $1[1]::date$$;
CREATE FUNCTION of_text(text) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT $1::int$$;
)sql");
    loader_->request("postgres");
    const sql::CatalogFactsPtr facts = recorder_.wait("postgres");
    ASSERT_NE(facts, nullptr);
    for (const char* name : {"in_body", "by_result", "by_out", "of_list", "of_json", "of_any", "by_number"})
        EXPECT_EQ(facts->function("public", name)->volatility, sql::Volatility::Stable) << name;
    for (const char* name : {"of_date", "of_dates", "of_text"})
        EXPECT_EQ(facts->function("public", name)->volatility, sql::Volatility::Immutable) << name;
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
