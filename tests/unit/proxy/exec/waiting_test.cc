// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {
namespace {

const Exchange::Setup kOneLink{.links_per_node = 1, .configure = [](config::Config& config) {
                                   config.pool.queue_notice = milliseconds(50);
                                   config.pool.wait_timeout = milliseconds(100);
                               }};

// Holds the only connection.
Client& holder(Exchange& x) {
    Client& bob = x.client();
    bob >> (query("BEGIN") + query("SELECT 'bob'"));
    static_cast<void>(bob.received());
    return bob;
}

TEST(Waiting, ForAConnectionThatBecomesFree) {
    run_script(kOneLink, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = holder(x);
        amy >> query("SELECT 'one'");
        amy.expect("");
        bob >> query("COMMIT");
        amy.expect("T D(one) C(SELECT 1) Z(I)");
    });
}

TEST(Waiting, RepetitionThatFailsTakesNothingFromTheNextAnswer) {
    Exchange x({.standbys = 1, .links_per_node = 1});
    Client& amy = x.client();
    Client& bob = holder(x);
    amy >> extended("SELECT conflict()");
    amy.cancel();
    amy.expect("1 2 E(57014) Z(I)");
    bob >> query("COMMIT");
    amy >> query("SELECT 'next'");
    amy.expect("T D(next) C(SELECT 1) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Waiting, NoticeFirstThenTheError) {
    run_script(kOneLink, [](Exchange& x) {
        Client& amy = x.client();
        holder(x);
        amy >> query("SELECT 'one'");
        x.advance(milliseconds(60));
        amy.expect("N(00000)");
        x.advance(milliseconds(60));
        amy.expect("E(53300) Z(I)");
    });
}

TEST(Waiting, ErrorFailsTheWholeBatch) {
    run_script(kOneLink, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = holder(x);
        amy >> (parse("a", "SELECT 'one'") + bind_portal("", "a") + execute() + sync());
        x.advance(milliseconds(120));
        amy.expect("N(00000) E(53300) Z(I)");
        bob >> query("COMMIT");
        amy >> (bind_portal("", "a") + sync());
        amy.expect("E(26000) Z(I)");
    });
}

// As an error of the server's: nothing of it may be committed later.
TEST(Waiting, ErrorEndsTheTransaction) {
    run_script(kOneLink, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = holder(x);
        amy >> (query("BEGIN") + query("INSERT INTO t VALUES ('a')"));
        x.advance(milliseconds(120));
        amy.expect("C(BEGIN) Z(T) N(00000) E(53300) Z(E)");
        bob >> query("COMMIT");
        amy >> (query("INSERT INTO t VALUES ('b')") + query("COMMIT"));
        amy.expect("E(25P02) Z(E) C(ROLLBACK) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || x.node(0).committed.empty());
    });
}

TEST(Waiting, IsCancelled) {
    run_script(kOneLink, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = holder(x);
        amy >> query("SELECT 'one'");
        amy.cancel();
        amy.expect("E(57014) Z(I)");
        bob >> query("COMMIT");
        amy >> query("SELECT 'two'");
        amy.expect("T D(two) C(SELECT 1) Z(I)");
    });
}

TEST(Waiting, ForAPrimary) {
    run_script({.standbys = 1}, [](Exchange& x) {
        Client& amy = x.client();
        x.stop_node(0);
        amy >> query("INSERT INTO t VALUES ('a')");
        amy.expect("");
        x.promote(1);
        amy.expect("C(INSERT 0 1) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || x.node(1).committed.size() == 1U);
    });
}

TEST(Waiting, ForAPrimaryThatDoesNotCome) {
    run_script({.configure =
                    [](config::Config& config) {
                        config.pool.queue_notice = milliseconds(0);
                        config.health.failover_park_timeout = milliseconds(200);
                    }},
               [](Exchange& x) {
                   Client& amy = x.client();
                   x.stop_node(0);
                   amy >> query("INSERT INTO t VALUES ('a')");
                   x.advance(seconds(60));
                   amy.expect("E(57P03) Z(I)");
               });
}

const Exchange::Setup kPinned{.standbys = 1, .configure = [](config::Config& config) {
                                  config.pool.mode = config::PoolMode::Session;
                                  config.pool.queue_notice = milliseconds(0);
                                  config.health.failover_park_timeout = milliseconds(200);
                              }};

TEST(Parking, TransactionsEndWhereTheyAreAndTheNextWaits) {
    Exchange x({.standbys = 1});
    Client& amy = x.client();
    amy >> (query("BEGIN") + query("INSERT INTO t VALUES ('a')"));
    amy.expect("C(BEGIN) Z(T) C(INSERT 0 1) Z(T)");
    x.park_primary();
    amy >> query("INSERT INTO t VALUES ('c')");
    amy.expect("C(INSERT 0 1) Z(T)");
    amy >> query("COMMIT");
    amy.expect("C(COMMIT) Z(I)");
    amy >> query("INSERT INTO t VALUES ('b')");
    amy.expect("");
    x.promote(1);
    amy.expect("C(INSERT 0 1) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Parking, APinnedSessionBeginsNothingWhereTheRoleMoves) {
    Exchange x(kPinned);
    Client& amy = x.client();
    amy >> query("INSERT INTO t VALUES ('a')");
    amy.expect("C(INSERT 0 1) Z(I)");
    x.park_primary();
    amy >> (query("BEGIN") + query("INSERT INTO t VALUES ('b')"));
    amy.expect("");
    x.promote(0);  // it was taken back
    amy.expect("C(BEGIN) Z(T) C(INSERT 0 1) Z(T)");
    x.park_primary();
    amy >> query("INSERT INTO t VALUES ('c')");
    amy.expect("C(INSERT 0 1) Z(T)");
    amy >> query("COMMIT");
    amy.expect("C(COMMIT) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

// A connection that was on its way when the role began to move, and requests that are sent ahead.
TEST(Parking, WhatIsSentAheadGoesToTheNextPrimary) {
    Exchange x({.standbys = 1});
    Client& amy = x.client();
    x.hold_replies();
    amy >> query("INSERT INTO t VALUES ('a')");
    x.park_primary();
    amy >> query("INSERT INTO t VALUES ('b')");
    x.let_replies_go();
    amy.expect("C(INSERT 0 1) Z(I)");
    EXPECT_EQ(x.node(0).committed.size(), 1U);
    x.promote(1);
    amy.expect("C(INSERT 0 1) Z(I)");
    EXPECT_EQ(x.node(1).committed.size(), 1U);
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Parking, APinnedSessionDoesNotWaitForEver) {
    Exchange x(kPinned);
    Client& amy = x.client();
    amy >> query("INSERT INTO t VALUES ('a')");
    amy.expect("C(INSERT 0 1) Z(I)");
    x.park_primary();
    amy >> query("INSERT INTO t VALUES ('b')");
    x.advance(milliseconds(199));
    amy.expect("");
    x.advance(milliseconds(2));
    amy.expect("E(57P03) Z(I)");
    amy >> query("INSERT INTO t VALUES ('c')");
    amy.cancel();
    amy.expect("E(57014) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Waiting, NodeThatRefuses) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        holder(x);
        x.refuse_connections("53300");
        amy >> query("SELECT 'one'");
        amy.expect("E(53300) Z(I)");
        x.refuse_connections("");
        amy >> query("SELECT 'two'");
        amy.expect("T D(two) C(SELECT 1) Z(I)");
    });
}

TEST(Cancel, OfWhatRuns) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("SELECT pg_sleep(1)");
        amy.expect("");
        amy.cancel();
        amy.expect("E(57014) Z(I)");
        amy.cancel();
        amy >> query("SELECT 'on'");
        amy.expect("T D(on) C(SELECT 1) Z(I)");
    });
}

TEST(Cancel, InABatch) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (extended("SELECT pg_sleep(1)") + extended("SELECT 'on'"));
        amy.cancel();
        amy.expect("1 2 E(57014) Z(I) 1 2 D(on) C(SELECT 1) Z(I)");
    });
}

TEST(TimeLimits, OfAQuery) {
    run_script({.configure = [](config::Config& config) { config.limits.query_timeout = milliseconds(50); }},
               [](Exchange& x) {
                   Client& amy = x.client();
                   amy >> query("SELECT pg_sleep(1)");
                   x.advance(milliseconds(60));
                   amy.expect("E(57014) Z(I)");
                   amy >> query("SELECT 'on'");
                   x.advance(milliseconds(60));
                   amy.expect("T D(on) C(SELECT 1) Z(I)");
               });
}

TEST(TimeLimits, OfAnIdleTransaction) {
    run_script(
        {.configure =
             [](config::Config& config) { config.limits.idle_transaction_timeout = milliseconds(50); }},
        [](Exchange& x) {
            Client& amy = x.client();
            amy >> query("SELECT 'one'");
            x.advance(milliseconds(60));
            amy >> (query("BEGIN") + query("SELECT 'two'"));
            x.advance(milliseconds(60));
            amy.expect("T D(one) C(SELECT 1) Z(I) C(BEGIN) Z(T) T D(two) C(SELECT 1) Z(T) E(FATAL 25P03)");
            EXPECT_TRUE(x.disturbance().loses() || !x.link(0).alive);
        });
}

TEST(TimeLimits, OfAnIdleClient) {
    run_script(
        {.configure = [](config::Config& config) { config.limits.client_idle_timeout = milliseconds(50); }},
        [](Exchange& x) {
            Client& amy = x.client();
            amy >> query("SELECT 'one'");
            x.advance(milliseconds(60));
            amy.expect("T D(one) C(SELECT 1) Z(I) E(FATAL 57P05)");
            EXPECT_TRUE(x.disturbance().loses() || x.link(0).alive);
        });
}

TEST(Drain, IdleClientIsToldAtOnce) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy.session().on_drain();
        amy.expect("E(FATAL 57P01)");
    });
}

TEST(Drain, TransactionIsFinishedFirst) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN") + query("INSERT INTO t VALUES ('a')"));
        amy.session().on_drain();
        amy >> query("COMMIT");
        amy.expect("C(BEGIN) Z(T) C(INSERT 0 1) Z(T) C(COMMIT) Z(I) E(FATAL 57P01)");
    });
}

}  // namespace
}  // namespace pgpool::support
