// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {
namespace {

TEST(Transactions, BeginIsSentWithTheFirstStatement) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("BEGIN");
        amy.expect("C(BEGIN) Z(T)");
        x.expect_server(0, "");
        amy >> query("SELECT 'one'");
        amy.expect("T D(one) C(SELECT 1) Z(T)");
        x.expect_server(0, "Q(BEGIN) Q(SELECT 'one')");
        amy >> query("COMMIT");
        amy.expect("C(COMMIT) Z(I)");
    });
}

// The bytes of a comment may be invalid in the client's encoding: the server must have said that it has begun
// before anything follows.
TEST(Transactions, BeginThatMayFailIsSentAtOnce) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("BEGIN /* \xff */");
        amy.expect("C(BEGIN) Z(T)");
        x.expect_server(0, "Q(BEGIN /* \xff */)");
        amy >> (query("BEGIN /* \xff */") + query("COMMIT"));
        amy.expect("N(25001) C(BEGIN) Z(T) C(COMMIT) Z(I)");
    });
}

TEST(Transactions, EmptyOneNeedsNoServer) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("START TRANSACTION") + query("COMMIT") + extended("BEGIN") + extended("ROLLBACK"));
        amy.expect("C(START TRANSACTION) Z(T) C(COMMIT) Z(I) 1 2 C(BEGIN) Z(T) 1 2 C(ROLLBACK) Z(I)");
        x.expect_server(0, "");
    });
}

TEST(Transactions, BeginTwiceWarns) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN") + query("BEGIN") + query("COMMIT") + query("COMMIT"));
        amy.expect("C(BEGIN) Z(T) N(25001) C(BEGIN) Z(T) C(COMMIT) Z(I) N(25P01) C(COMMIT) Z(I)");
    });
}

TEST(Transactions, FailedOneIsRolledBackByCommit) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN") + query("INSERT INTO t VALUES ('a')") + query("SELECT 1/0") +
                query("SELECT 'one'") + extended("SELECT 'two'") + query("COMMIT"));
        amy.expect(
            "C(BEGIN) Z(T) C(INSERT 0 1) Z(T) E(22012) Z(E) E(25P02) Z(E) E(25P02) Z(E) C(ROLLBACK) Z(I)");
        EXPECT_TRUE(x.node(0).committed.empty());
    });
}

TEST(Transactions, Savepoints) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN") + query("SET work_mem TO '1MB'") + query("SAVEPOINT s") +
                query("SET work_mem TO '2MB'") + query("SELECT 1/0") + query("ROLLBACK TO s") +
                query("SHOW work_mem") + query("COMMIT"));
        amy.expect(
            "C(BEGIN) Z(T) C(SET) Z(T) C(SAVEPOINT) Z(T) C(SET) Z(T) E(22012) Z(E) C(ROLLBACK) Z(T) "
            "T D(1MB) C(SHOW) Z(T) C(COMMIT) Z(I)");
        amy >> query("SHOW work_mem");
        amy.expect("T D(1MB) C(SHOW) Z(I)");
    });
}

TEST(Transactions, ChainedOneKeepsItsConnection) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN") + query("SELECT 'one'") + query("COMMIT AND CHAIN"));
        amy.expect("C(BEGIN) Z(T) T D(one) C(SELECT 1) Z(T) C(COMMIT) Z(T)");
        amy >> (query("SELECT 'two'") + query("ROLLBACK"));
        amy.expect("T D(two) C(SELECT 1) Z(T) C(ROLLBACK) Z(I)");
    });
}

TEST(Transactions, WholeOneInOneQuery) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("BEGIN; INSERT INTO t VALUES ('a'); COMMIT");
        amy.expect("C(BEGIN) C(INSERT 0 1) C(COMMIT) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || x.node(0).committed.size() == 1U);
    });
}

TEST(Transactions, TwoClientsHaveTheirOwn) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> (query("BEGIN") + query("INSERT INTO t VALUES ('a')"));
        bob >> (query("BEGIN") + query("INSERT INTO t VALUES ('b')"));
        amy >> query("ROLLBACK");
        bob >> query("COMMIT");
        amy.expect("C(BEGIN) Z(T) C(INSERT 0 1) Z(T) C(ROLLBACK) Z(I)");
        bob.expect("C(BEGIN) Z(T) C(INSERT 0 1) Z(T) C(COMMIT) Z(I)");
        x.expect_server(1, "Q(BEGIN) Q(INSERT INTO t VALUES ('b')) Q(COMMIT)");
    });
}

TEST(Transactions, IdleOneThatIsLostIsToldOnce) {
    Exchange x;
    Client& amy = x.client();
    amy >> (query("BEGIN") + query("INSERT INTO t VALUES ('a')"));
    x.lose(0);
    amy.expect("C(BEGIN) Z(T) C(INSERT 0 1) Z(T)");
    amy >> query("SELECT 'one'");
    amy >> query("SELECT 'two'");
    amy >> query("COMMIT");
    amy.expect("E(40001) Z(E) E(25P02) Z(E) C(ROLLBACK) Z(I)");
    amy >> query("SELECT 'on'");
    amy.expect("T D(on) C(SELECT 1) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Transactions, OutcomeOfALostCommitIsUnknown) {
    Exchange x;
    Client& amy = x.client();
    amy >> (query("BEGIN") + query("INSERT INTO t VALUES ('a')"));
    x.hold_replies();
    amy >> query("COMMIT");
    x.lose(0);
    x.let_replies_go();
    amy.expect("C(BEGIN) Z(T) C(INSERT 0 1) Z(T) E(08007) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

// Whatever may have been committed is never said to be void.
TEST(Transactions, OutcomeIsUnknownWhereverACommitMayHaveBeen) {
    const std::string insert = "INSERT INTO t VALUES ('a')";
    const std::string prepared = parse("", insert) + bind_portal("", "");
    struct Case {
        const char* what;
        std::string answered;  // before the loss
        std::string lost;
    };
    const std::vector<Case> cases{
        {"an autocommit write before BEGIN", "", extended(insert) + extended("BEGIN")},
        {"a write behind ROLLBACK", query("BEGIN") + query("SELECT 1"), query("ROLLBACK; " + insert)},
        {"a Sync alone", prepared + execute() + flush(), sync()},
        {"an Execute alone", prepared + flush(), execute() + sync()},
        {"the Sync of a COMMIT",
         query("BEGIN") + query(insert) + parse("", "COMMIT") + bind_portal("", "") + execute() + flush(),
         sync()},
    };
    for (const Case& one : cases) {
        SCOPED_TRACE(one.what);
        Exchange x;
        Client& amy = x.client();
        amy >> one.answered;
        static_cast<void>(amy.received());
        x.hold_replies();
        amy >> one.lost;
        x.lose(0);
        x.let_replies_go();
        const std::string heard = amy.received();
        EXPECT_NE(heard.find("E(08007) Z(I)"), std::string::npos) << heard;
        x.finish();
        EXPECT_EQ(x.problem(), "");
    }
}

TEST(Transactions, ReadThatIsLostIsRepeatedWithItsName) {
    Exchange x;
    Client& bob = x.client();
    bob >> (parse("b", "SELECT 'one'") + sync());
    Client& amy = x.client();
    x.hold_servers();
    amy >> (parse("a", "SELECT 'one'") + bind_portal("", "a") + execute() + sync());
    x.lose(0);
    x.let_servers_go();
    amy.expect("1 2 D(one) C(SELECT 1) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Transactions, ReadThatIsLostIsRepeated) {
    Exchange x;
    Client& amy = x.client();
    x.hold_servers();
    amy >> query("SELECT 'one'");
    x.lose(0);
    x.let_servers_go();
    amy.expect("T D(one) C(SELECT 1) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Transactions, WriteThatIsLostIsNotRepeated) {
    Exchange x;
    Client& amy = x.client();
    x.hold_servers();
    amy >> query("INSERT INTO t VALUES ('a')");
    x.lose(0);
    x.let_servers_go();
    amy.expect("E(08007) Z(I)");
    EXPECT_TRUE(x.node(0).committed.empty());
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Transactions, ReadOfAStandbyIsRepeatedOnThePrimaryWhereItWrites) {
    run_script({.standbys = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> query("SELECT writes_after_all()");
        amy.expect("T D(writes_after_all) C(SELECT 1) Z(I)");
        amy >> extended("SELECT conflict()");
        amy.expect("1 2 D(conflict) C(SELECT 1) Z(I)");
    });
}

TEST(Transactions, ReadOnlyOneRunsOnAStandby) {
    run_script({.standbys = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN READ ONLY") + query("SELECT 'one' FROM t") +
                query("INSERT INTO t VALUES ('a')") + query("ROLLBACK"));
        amy.expect("C(BEGIN) Z(T) T D(one) C(SELECT 1) Z(T) E(25006) Z(E) C(ROLLBACK) Z(I)");
        x.expect_server(
            1, "Q(BEGIN READ ONLY) Q(SELECT 'one' FROM t) Q(INSERT INTO t VALUES ('a')) Q(ROLLBACK)");
    });
}

// What the proxy would refuse in a transaction at a standby has no error of its own once that has failed.
TEST(Transactions, FailedOneAtAStandbyRefusesAllTheSame) {
    run_script({.standbys = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN READ ONLY") + query("SELECT 1/0"));
        amy >> (query("SELECT pg_advisory_lock(1)") + query("ROLLBACK"));
        amy.expect("C(BEGIN) Z(T) E(22012) Z(E) E(25P02) Z(E) C(ROLLBACK) Z(I)");
    });
}

// A Query that follows messages without their Sync has one answer of its own when its node is lost.
TEST(Transactions, QueryBehindUnsyncedMessagesIsLost) {
    Exchange x;
    Client& amy = x.client();
    amy >> (query("PREPARE a AS SELECT 'x'") + query("SELECT 'y'"));
    static_cast<void>(amy.received());
    Client& bob = x.client();
    bob >> (query("BEGIN") + query("SELECT 'bob'"));
    amy >> (close_portal("p") + flush());
    x.hold_servers();
    amy >> query("DEALLOCATE a");
    x.lose(1);
    amy.expect("3 E(40001) Z(I)");
    x.let_servers_go();
    amy >> query("SELECT 'z'");
    amy.expect("T D(z) C(SELECT 1) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

// Of a batch that is lost, the names that its client has heard of stay and the others go.
TEST(Transactions, NamesOfABatchThatIsLost) {
    Exchange x({.links_per_node = 1});
    Client& amy = x.client();
    amy >> (parse("a", "SELECT 'a'") + flush());
    x.hold_servers();
    amy >> (parse("b", "SELECT 'b'") + bind_portal("", "b") + execute() + sync());
    x.lose(0);
    amy.expect("1 E(40001) Z(I)");
    x.let_servers_go();
    amy >> (parse("b", "SELECT 'b'") + sync() + bind_portal("", "a") + execute() + sync());
    amy.expect("1 Z(I) 2 D(a) C(SELECT 1) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

}  // namespace
}  // namespace pgpool::support
