// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {
namespace {

TEST(Pins, ListenKeepsTheConnectionUntilUnlisten) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> query("LISTEN news");
        amy.expect("C(LISTEN) Z(I)");
        x.expect_server(0, "Q(LISTEN news)");
        bob >> query("SELECT 'bob'");
        x.expect_server(0, "");
        x.expect_server(1, "Q(SELECT 'bob')");
        amy >> query("SELECT 'amy'");
        x.expect_server(0, "Q(SELECT 'amy')");
        amy >> query("UNLISTEN *");
        amy.expect("T D(amy) C(SELECT 1) Z(I) C(UNLISTEN) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || amy.session().link() == nullptr);
    });
}

TEST(Pins, LossOfStateEndsTheSession) {
    Exchange x;
    Client& amy = x.client();
    amy >> query("LISTEN news");
    x.lose(0);
    amy.expect("C(LISTEN) Z(I) E(FATAL 08006)");
    EXPECT_TRUE(amy.closed());
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Pins, ClientThatLeavesLeavesNothingBehind) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("CREATE TEMP TABLE own (v text)") + query("SELECT pg_advisory_lock(1)") + terminate());
        amy.expect("C(CREATE TABLE) Z(I) T D(pg_advisory_lock) C(SELECT 1) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || x.link(0).postgres.sql().own_state() == "");
    });
}

TEST(Pins, WhatARollbackTakesBackDoesNotPin) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN") + query("CREATE TEMP TABLE own (v text)") + query("ROLLBACK"));
        amy.expect("C(BEGIN) Z(T) C(CREATE TABLE) Z(T) C(ROLLBACK) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || amy.session().link() == nullptr);
    });
}

TEST(Pins, WhatFailedBeforeItRanDoesNotPin) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("SELEC 1") + parse("", "SELEC 2") + bind_portal("", "") + execute() + sync());
        amy.expect("E(42601) Z(I) E(42601) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || amy.session().link() == nullptr);
    });
}

TEST(Pins, WhatFailedBeforeItRanDoesNotPinAtAStandby) {
    run_script(Exchange::Setup{.standbys = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN READ ONLY") + query("SELECT 'a' FROM t") + query("SELEC 1") + query("ROLLBACK"));
        amy >> query("INSERT INTO t VALUES ('a')");
        amy.expect("C(BEGIN) Z(T) T D(a) C(SELECT 1) Z(T) E(42601) Z(E) C(ROLLBACK) Z(I) C(INSERT 0 1) Z(I)");
    });
}

TEST(Pins, HeldCursor) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> query("DECLARE h CURSOR WITH HOLD FOR SELECT 1");
        bob >> query("SELECT 'bob'");
        amy >> (query("FETCH h") + query("DISCARD ALL"));
        amy.expect("C(DECLARE CURSOR) Z(I) T D(h) C(FETCH 1) Z(I) C(DISCARD ALL) Z(I)");
        bob.expect("T D(bob) C(SELECT 1) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || amy.session().link() == nullptr);
    });
}

TEST(Pins, ExecuteLeavesWhatThePreparedStatementLeaves) {
    for (const char* executes :
         {"CREATE TABLE made AS EXECUTE p", "EXPLAIN ANALYZE EXECUTE p", "SELECT 1; EXECUTE p"}) {
        SCOPED_TRACE(executes);
        Exchange x;
        Client& amy = x.client();
        amy >> query("PREPARE p AS SELECT pg_advisory_lock(1)");
        EXPECT_EQ(amy.session().link(), nullptr);
        amy >> query(executes);
        EXPECT_NE(amy.session().link(), nullptr) << "pinned";
        x.finish();
        EXPECT_EQ(x.problem(), "");
    }
}

TEST(Pins, ExecuteOfWhatTheSameRequestPrepares) {
    Exchange x;
    Client& amy = x.client();
    amy >> query("PREPARE p AS SELECT pg_advisory_lock(1); EXECUTE p");
    EXPECT_NE(amy.session().link(), nullptr) << "pinned";
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Pins, ModeTransactionKeepsNoState) {
    run_script(
        {.configure = [](config::Config& config) { config.pool.mode = config::PoolMode::Transaction; }},
        [](Exchange& x) {
            Client& amy = x.client();
            amy >> query("CREATE TEMP TABLE own (v text)");
            amy.expect("C(CREATE TABLE) Z(I)");
            if (x.disturbance().loses()) return;
            EXPECT_EQ(amy.session().link(), nullptr);
            EXPECT_EQ(x.link(0).postgres.sql().own_state(), "");
        });
}

TEST(Pins, ModeSessionKeepsTheConnection) {
    run_script({.configure = [](config::Config& config) { config.pool.mode = config::PoolMode::Session; }},
               [](Exchange& x) {
                   Client& amy = x.client();
                   amy >> (query("BEGIN") + query("COMMIT") + query("SELECT 'one'"));
                   amy.expect("C(BEGIN) Z(T) C(COMMIT) Z(I) T D(one) C(SELECT 1) Z(I)");
                   EXPECT_TRUE(x.disturbance().loses() || amy.session().link() == &x.link(0));
                   Client& bob = x.client();
                   bob >> query("SELECT 'two'");
                   bob.expect("T D(two) C(SELECT 1) Z(I)");
               });
}

// A rollback takes back what came before it, not what the same request does behind it.
TEST(Pins, StateThatComesBehindARollback) {
    Exchange x;
    Client& amy = x.client();
    amy >> query("ROLLBACK; LISTEN amy");
    EXPECT_EQ(amy.session().pins(), sql::Leaves::Listen);
    amy >> query("UNLISTEN *");
    EXPECT_EQ(amy.session().pins(), sql::Leaves::Nothing);
    amy >> (parse("a", "ROLLBACK") + sync() + bind_portal("", "a") + execute() +
            parse("", "CREATE TEMP TABLE amy (v text)") + bind_portal("", "") + execute() + sync());
    EXPECT_EQ(amy.session().pins(), sql::Leaves::TempObject);
    amy >> query("LISTEN amy; ROLLBACK");
    EXPECT_EQ(amy.session().pins(), sql::Leaves::TempObject);
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

// What is refused in a failed or read-only transaction has left nothing.
TEST(Pins, CommandsThatAreRefused) {
    run_script(
        {.standbys = 1, .configure = [](config::Config& config) { config.routing.primary_reads = false; }},
        [](Exchange& x) {
            Client& amy = x.client();
            amy >> (query("BEGIN READ ONLY") + query("SELECT 'x'") + query("COPY t FROM STDIN"));
            amy >> (query("DO $$ x $$") + query("ROLLBACK"));
            amy.expect("C(BEGIN) Z(T) T D(x) C(SELECT 1) Z(T) E(25006) Z(E) E(25P02) Z(E) C(ROLLBACK) Z(I)");
            amy >> query("INSERT INTO t VALUES (1)");
            amy.expect("C(INSERT 0 1) Z(I)");
        });
}

// Unknown code at a standby may have left anything there: the client is told why it cannot write.
TEST(Pins, WriteOfAClientThatIsKeptOnAStandby) {
    run_script(
        {.standbys = 1, .configure = [](config::Config& config) { config.routing.primary_reads = false; }},
        [](Exchange& x) {
            Client& amy = x.client();
            amy >> (query("BEGIN READ ONLY") + query("SELECT 'x'") + query("DO $$ x $$") + query("COMMIT"));
            amy >> query("INSERT INTO t VALUES (1)");
            amy.expect("C(BEGIN) Z(T) T D(x) C(SELECT 1) Z(T) C(DO) Z(T) C(COMMIT) Z(I) E(25006) Z(I)");
            amy >> (query("DISCARD ALL") + query("INSERT INTO t VALUES (1)"));
            amy.expect("C(DISCARD ALL) Z(I) C(INSERT 0 1) Z(I)");
        });
}

}  // namespace
}  // namespace pgpool::support
