// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {
namespace {

// Bob holds the first connection, so that Amy gets the second one.
Client& busy_client(Exchange& x) {
    Client& bob = x.client();
    bob >> (query("BEGIN") + query("SELECT 'bob'"));
    static_cast<void>(bob.received());
    return bob;
}

// How a statement made by SQL is made again.
std::string by_sql(std::string_view text) {
    return "P(|" + std::string(text) + ") B(pgpool_x_0||) E(pgpool_x_0) C(P pgpool_x_0) ";
}

// One statement without its Sync.
std::string extended_batch(std::string_view sql) {
    return parse("", sql) + bind_portal("", "") + execute();
}

TEST(Prepared, StatementFollowsItsClientToAnotherConnection) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT $1") + sync());
        amy.expect("1 Z(I)");
        x.expect_server(0, "P(pgpool_x_1|SELECT $1) S");
        busy_client(x);
        amy >> (bind_portal("", "a", {"x"}) + execute() + sync());
        amy.expect("2 D(x) C(SELECT 1) Z(I)");
        x.expect_server(1, "P(pgpool_x_1|SELECT $1) B(|pgpool_x_1|x) E() S");
    });
}

TEST(Prepared, ManyBehindAStatementThatRuns) {
    Exchange x;
    Client& amy = x.client();
    std::string messages = parse("", "SELECT pg_sleep(1)") + bind_portal("", "") + execute();
    for (int i = 0; i < 30000; ++i) messages += parse("a" + std::to_string(i), "");
    amy >> (messages + sync());
    x.wake_sleepers();
    EXPECT_TRUE(amy.received().ends_with("1 Z(I)"));
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Prepared, UnnamedStatementFollowsToo) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "SELECT $1") + sync());
        busy_client(x);
        amy >> (bind_portal("", "", {"x"}) + execute() + sync());
        amy.expect("1 Z(I) 2 D(x) C(SELECT 1) Z(I)");
        x.expect_server(1, "P(|SELECT $1) B(||x) E() S");
    });
}

TEST(Prepared, UnnamedStatementOfAnotherIsNotSeen) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> (parse("", "SELECT 'amy'") + sync());
        bob >> (bind_portal("", "") + execute() + sync());
        bob.expect("E(26000) Z(I)");
        amy >> (bind_portal("", "") + execute() + sync());
        amy.expect("1 Z(I) 2 D(amy) C(SELECT 1) Z(I)");
    });
}

TEST(Prepared, SimpleQueryDestroysTheUnnamedStatement) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "SELECT 'x'") + sync() + query("SELECT 'y'") + bind_portal("", "") + sync());
        amy.expect("1 Z(I) T D(y) C(SELECT 1) Z(I) E(26000) Z(I)");
    });
}

TEST(Prepared, TwoClientsShareWhatMeansTheSame) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> (parse("a", "SELECT $1") + sync());
        x.expect_server(0, "P(pgpool_x_1|SELECT $1) S");
        bob >> (parse("b", "SELECT $1") + bind_portal("", "b", {"x"}) + execute() + sync());
        bob.expect("1 2 D(x) C(SELECT 1) Z(I)");
        x.expect_server(0, "B(|pgpool_x_1|x) E() S");
    });
}

TEST(Prepared, LeastUsedOneMakesRoom) {
    run_script({.prepared_statements = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT 'a'") + sync() + parse("b", "SELECT 'b'") + sync());
        amy >> (bind_portal("", "a") + execute() + sync() + bind_portal("", "b") + execute() + sync());
        amy.expect("1 Z(I) 1 Z(I) 2 D(a) C(SELECT 1) Z(I) 2 D(b) C(SELECT 1) Z(I)");
    });
}

TEST(Prepared, SqlPrepareFollowsItsClient) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("PREPARE a AS SELECT $1");
        amy >> query("EXECUTE a ('x')");
        amy.expect("C(PREPARE) Z(I) T D(x) C(SELECT 1) Z(I)");
        busy_client(x);
        amy >> query("EXECUTE a ('y')");
        amy.expect("T D(y) C(SELECT 1) Z(I)");
        x.expect_server(1, by_sql("PREPARE a AS SELECT $1") + "S Q(EXECUTE a ('y'))");
        amy >> (query("DEALLOCATE a") + query("EXECUTE a ('z')"));
        amy.expect("C(DEALLOCATE) Z(I) E(26000) Z(I)");
    });
}

TEST(Prepared, SqlPrepareIsTakenFromItsOwnText) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        bob >> query("PREPARE a AS SELECT 'x';");
        amy >> query("PREPARE a AS SELECT 'longer';");
        amy.expect("C(PREPARE) Z(I)");
        busy_client(x);
        amy >> query("EXECUTE a");
        amy.expect("T D(longer) C(SELECT 1) Z(I)");
        x.expect_server(1, by_sql("PREPARE a AS SELECT 'longer'") + "S Q(EXECUTE a)");
    });
}

TEST(Prepared, SqlPrepareOfAnotherIsNotSeen) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> query("PREPARE a AS SELECT 'amy'");
        bob >> query("EXECUTE a");
        bob.expect("E(26000) Z(I)");
        bob >> (query("PREPARE a AS SELECT 'bob'") + query("EXECUTE a"));
        bob.expect("C(PREPARE) Z(I) T D(bob) C(SELECT 1) Z(I)");
        amy >> query("EXECUTE a");
        amy.expect("C(PREPARE) Z(I) T D(amy) C(SELECT 1) Z(I)");
    });
}

TEST(Prepared, ProtocolStatementByItsNameInSql) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT 'x'") + sync() + query("EXECUTE a") + query("DEALLOCATE a") +
                bind_portal("", "a") + sync());
        amy.expect("1 Z(I) T D(x) C(SELECT 1) Z(I) C(DEALLOCATE) Z(I) E(26000) Z(I)");
    });
}

TEST(Prepared, SqlStatementByItsNameInTheProtocol) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("PREPARE a AS SELECT 'x'");
        busy_client(x);
        amy >> (bind_portal("", "a") + execute() + sync());
        amy.expect("C(PREPARE) Z(I) 2 D(x) C(SELECT 1) Z(I)");
    });
}

TEST(Prepared, DeallocateAllAndDiscardAll) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT 'x'") + sync() + query("DEALLOCATE ALL") + bind_portal("", "a") + sync());
        amy.expect("1 Z(I) C(DEALLOCATE ALL) Z(I) E(26000) Z(I)");
        amy >> (parse("a", "SELECT 'x'") + sync() + query("DISCARD ALL") + bind_portal("", "a") + sync());
        amy.expect("1 Z(I) C(DISCARD ALL) Z(I) E(26000) Z(I)");
        amy >> (parse("a", "SELECT 'y'") + bind_portal("", "a") + execute() + sync());
        amy.expect("1 2 D(y) C(SELECT 1) Z(I)");
    });
}

// In a failed transaction the statement that has the name cannot be brought to a connection that lacks it:
// what the server says is the same.
TEST(Prepared, TakenNameInAFailedTransaction) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> query("PREPARE a AS SELECT 'amy'");
        bob >> query("SELECT 'bob'");  // takes Amy's name away
        amy >> (query("BEGIN") + query("SELECT 1/0"));
        amy.expect("C(PREPARE) Z(I) C(BEGIN) Z(T) E(22012) Z(E)");
        amy >> (parse("a", "ROLLBACK") + sync() + parse("a", "") + sync());
        amy.expect("E(42P05) Z(E) E(42P05) Z(E)");
        amy >> (parse("a", "SELEC") + sync() + parse("a", "SELECT 'x'") + sync());
        amy.expect("E(42601) Z(E) E(25P02) Z(E)");
        amy >> (bind_portal("", "a") + execute() + sync());
        amy.expect("E(25P02) Z(E)");
        amy >> (query("ROLLBACK") + bind_portal("", "a") + execute() + sync());
        amy.expect("C(ROLLBACK) Z(I) 2 D(amy) C(SELECT 1) Z(I)");
    });
}

// A Parse, a Close or a Query that the server skips leaves the unnamed statement as it is; a Parse that fails
// takes it away.
TEST(Prepared, UnnamedStatementThatIsNotReplaced) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "SELECT 'x'") + sync());
        amy >> (parse("a", "SELEC") + parse("", "SELECT 'y'") + parse("", "SELECT 'z'") + sync());
        amy >> (bind_portal("", "") + execute() + sync());
        amy.expect("1 Z(I) E(42601) Z(I) 2 D(x) C(SELECT 1) Z(I)");
        amy >>
            (parse("a", "SELEC") + close_statement("") + sync() + bind_portal("", "") + execute() + sync());
        amy.expect("E(42601) Z(I) 2 D(x) C(SELECT 1) Z(I)");
        amy >> (parse("a", "SELEC") + parse("", "SELECT 'y'") + query("SELECT 'q'") + sync());
        amy >> (bind_portal("", "") + execute() + sync());
        amy.expect("E(42601) Z(I) 2 D(x) C(SELECT 1) Z(I)");
        amy >> (parse("b", "SELECT 'b'") + parse("", "SELEC") + sync() + bind_portal("", "") + sync());
        amy.expect("1 E(42601) Z(I) E(26000) Z(I)");
    });
}

// The older statement is not at that connection: what counts on it waits until it is clear which one there
// is.
TEST(Prepared, UnnamedStatementThatIsNotReplacedElsewhere) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "SELECT 'x'") + sync());
        busy_client(x);
        amy >> (parse("a", "SELEC") + parse("", "SELECT 'y'") + sync() + bind_portal("", "") + execute() +
                sync());
        amy.expect("1 Z(I) E(42601) Z(I) 2 D(x) C(SELECT 1) Z(I)");
    });
}

// Two batches on the way, of which the first one fails: the second one's statement counts, unless it is
// skipped too.
TEST(Prepared, UnnamedStatementOfALaterBatch) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        const std::string failing = parse("a", "SELEC") + parse("", "SELECT 'y'") + sync();
        amy >>
            (parse("", "SELECT 'x'") + sync() + failing + failing + bind_portal("", "") + execute() + sync());
        amy.expect("1 Z(I) E(42601) Z(I) E(42601) Z(I) 2 D(x) C(SELECT 1) Z(I)");
        amy >> (failing + parse("", "SELECT 'z'") + sync() + bind_portal("", "") + execute() + sync());
        amy.expect("E(42601) Z(I) 1 Z(I) 2 D(z) C(SELECT 1) Z(I)");
        const std::string failed = parse("", "SELEC") + sync();
        amy >> (failed + failed + bind_portal("", "") + sync());
        amy.expect("E(42601) Z(I) E(42601) Z(I) E(26000) Z(I)");
    });
}

// A skipped Close and a skipped preparation under the same name are both undone.
TEST(Prepared, OwnNameThatIsStillThere) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("b", "DEALLOCATE b") + bind_portal("", "") + close_statement("b") +
                parse("b", "PREPARE b AS SELECT 'x'") + sync());
        amy.expect("1 E(26000) Z(I)");
        amy >> (bind_portal("", "b") + execute() + sync());
        amy.expect("2 C(DEALLOCATE) Z(I)");
    });
}

// What an EXECUTE gives is described by what it runs, so that must be there when it is prepared again.
TEST(Prepared, ExecuteIsDescribedAfterItWasPreparedAgain) {
    run_script({.prepared_statements = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT 'x'") + sync() + parse("b", "EXECUTE a") + sync());
        amy >> (parse("c", "SELECT 'z'") + sync());
        static_cast<void>(amy.received());
        Client& bob = x.client();
        bob >> query("SELECT 'bob'");  // takes Amy's name away
        amy >> (describe_statement("b") + sync());
        amy.expect("t(0) T Z(I)");
    });
}

// What the proxy would do to show the client its own names fails there as the request does.
TEST(Prepared, ListOfNamesInAFailedTransaction) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT 'x'") + sync() + query("BEGIN") + query("SELECT 1/0"));
        amy >> (query("SELECT name FROM pg_prepared_statements") + query("ROLLBACK"));
        amy.expect("1 Z(I) C(BEGIN) Z(T) E(22012) Z(E) E(25P02) Z(E) C(ROLLBACK) Z(I)");
        Client& bob = x.client();
        bob >> (parse("b", "SELECT 'x'") + bind_portal("", "b") + execute() + sync());
        bob.expect("1 2 D(x) C(SELECT 1) Z(I)");
        amy >> (parse("c", "SELECT 'y'") + bind_portal("", "a") + execute() + sync());
        amy.expect("1 2 D(x) C(SELECT 1) Z(I)");
    });
}

TEST(Prepared, NameWithinWhatIsExecutedFollowsToo) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("PREPARE a AS SELECT 'x'") + parse("b", "EXECUTE a") +
                parse("c", "PREPARE a AS SELECT 'y'") + sync());
        amy.expect("C(PREPARE) Z(I) 1 1 Z(I)");
        busy_client(x);
        amy >> query("EXECUTE b");
        amy.expect("T D(x) C(SELECT 1) Z(I)");
        x.expect_server(1, by_sql("PREPARE a AS SELECT 'x'") + "S P(b|EXECUTE a) S Q(EXECUTE b)");
        amy >> query("EXECUTE c");
        amy.expect("E(42P05) Z(I)");
    });
}

TEST(Prepared, ExecuteThatDropsAllNames) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "DEALLOCATE ALL") + parse("b", "SELECT 'x'") + sync());
        amy >> (query("SELECT 'y'") + query("EXECUTE a") + query("SELECT 'z'") + describe_statement("b") +
                sync());
        amy.expect(
            "1 1 Z(I) T D(y) C(SELECT 1) Z(I) C(DEALLOCATE ALL) Z(I) T D(z) C(SELECT 1) Z(I) E(26000) Z(I)");
    });
}

// What is prepared behind a DEALLOCATE ALL of the same batch is there after it, and only that.
TEST(Prepared, AllNamesGoAndOthersCome) {
    for (const char* const drop : {"DEALLOCATE ALL", "DISCARD ALL"}) {
        run_script({.links_per_node = 1}, [drop](Exchange& x) {
            Client& amy = x.client();
            Client& bob = x.client();
            amy >> (parse("a", "SELECT 'old'") + parse("b", "SELECT 'b'") + sync());
            amy >> (extended_batch(drop) + parse("a", "SELECT 'new'") + parse("c", "SELECT $1") +
                    bind_portal("", "a") + execute() + sync());
            amy.expect(std::string("1 1 Z(I) 1 2 C(") + drop + ") 1 1 2 D(new) C(SELECT 1) Z(I)");
            amy >> (bind_portal("", "c", {"x"}) + execute() + sync() + bind_portal("", "b") + sync());
            amy.expect("2 D(x) C(SELECT 1) Z(I) E(26000) Z(I)");
            bob >> (parse("c", "SELECT $1") + bind_portal("", "c", {"y"}) + execute() + sync());
            bob.expect("1 2 D(y) C(SELECT 1) Z(I)");
            amy >> (bind_portal("", "a") + execute() + sync());
            amy.expect("2 D(new) C(SELECT 1) Z(I)");
        });
    }
}

TEST(Prepared, AllNamesGoAndOneIsClosed) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (extended_batch("DEALLOCATE ALL") + parse("a", "SELECT 'x'") + close_statement("a") +
                parse("b", "SELEC") + sync());
        amy.expect("1 2 C(DEALLOCATE ALL) 1 3 E(42601) Z(I)");
        amy >> (bind_portal("", "a") + sync() + bind_portal("", "b") + sync());
        amy.expect("E(26000) Z(I) E(26000) Z(I)");
        amy >> (parse("a", "SELECT 'y'") + bind_portal("", "a") + execute() + sync());
        amy.expect("1 2 D(y) C(SELECT 1) Z(I)");
    });
}

// A name that goes, comes back with another meaning and is used, all in one batch.
TEST(Prepared, NameGoesAndComes) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("PREPARE a AS SELECT 'x'") + extended_batch("DEALLOCATE a") +
                parse("a", "SET application_name = 'amy'") + bind_portal("", "a") + execute() + sync());
        amy.expect("C(PREPARE) Z(I) 1 2 C(DEALLOCATE) 1 2 C(SET) S(application_name=amy) Z(I)");
        Client& bob = x.client();
        bob >> query("SHOW application_name");
        bob.expect("T D() C(SHOW) Z(I)");
        amy >> (extended_batch("DEALLOCATE a") + parse("a", "SELEC") + sync());
        amy.expect("1 2 C(DEALLOCATE) E(42601) Z(I)");
        amy >> (bind_portal("", "a") + sync());
        amy.expect("E(26000) Z(I)");
    });
}

TEST(Prepared, ClosedAndGivenAnewInOneBatch) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT 'x'") + sync());
        amy >> (close_statement("a") + parse("a", "SELECT 'y'") + sync() + bind_portal("", "a") + execute() +
                sync());
        amy.expect("1 Z(I) 3 1 Z(I) 2 D(y) C(SELECT 1) Z(I)");
    });
}

// A change of the schema by anybody ends the sharing: what was analysed before it is not what a Parse behind
// it gives.
TEST(Prepared, StatementsOfAnOlderSchemaAreNotShared) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> (parse("a", "SELECT $1") + sync());
        x.expect_server(0, "P(pgpool_x_1|SELECT $1) S");
        bob >> query("CREATE TABLE t (a int)");
        x.expect_server(0, "Q(CREATE TABLE t (a int))");
        bob >> (parse("b", "SELECT $1") + sync());
        x.expect_server(0, "P(pgpool_x_2|SELECT $1) S");
        amy >> (bind_portal("", "a", {"x"}) + execute() + sync());
        x.expect_server(0, "B(|pgpool_x_1|x) E() S");
        amy.expect("1 Z(I) 2 D(x) C(SELECT 1) Z(I)");
    });
}

// In a transaction that has changed the schema nothing is shared, and what is there is not counted on.
TEST(Prepared, StatementsBehindAChangeOfTheSchema) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> (parse("a", "SELECT $1") + sync());
        amy >> (query("BEGIN") + query("CREATE TABLE t (a int)"));
        x.expect_server(0, "P(pgpool_x_1|SELECT $1) S Q(BEGIN) Q(CREATE TABLE t (a int))");
        amy >> (parse("b", "SELECT $1") + sync() + query("ROLLBACK"));
        x.expect_server(0, "P(pgpool_x_2|SELECT $1) S Q(ROLLBACK)");
        bob >> (parse("c", "SELECT $1") + sync() + bind_portal("", "c", {"x"}) + execute() + sync());
        x.expect_server(0, "P(pgpool_x_3|SELECT $1) S B(|pgpool_x_3|x) E() S");
        bob.expect("1 Z(I) 2 D(x) C(SELECT 1) Z(I)");
        amy >> (extended_batch("CREATE TABLE u (a int)") + parse("d", "SELECT $1") + sync());
        x.expect_server(0, "P(|CREATE TABLE u (a int)) B(||) E() P(pgpool_x_4|SELECT $1) S");
    });
}

// A standby may replay a change of the schema long after it: a Parse there is never spared.
TEST(Prepared, StatementsAtAStandbyAreParsedEachTime) {
    run_script({.standbys = 1,
                .links_per_node = 1,
                .configure = [](config::Config& config) { config.routing.primary_reads = false; }},
               [](Exchange& x) {
                   Client& amy = x.client();
                   Client& bob = x.client();
                   const auto once = [](const char* name) {
                       return parse(name, "SELECT $1") + bind_portal("", name, {"x"}) + execute() + sync();
                   };
                   amy >> once("a");
                   x.expect_server(1, "P(pgpool_x_1|SELECT $1) B(|pgpool_x_1|x) E() S");
                   bob >> once("b");
                   x.expect_server(1, "C(S pgpool_x_1) P(pgpool_x_1|SELECT $1) B(|pgpool_x_1|x) E() S");
                   bob.expect("1 2 D(x) C(SELECT 1) Z(I)");
               });
}

// Settings are joined to one scope: values that look like another setting do not make two scopes equal.
TEST(Prepared, ScopesAreToldApart) {
    Exchange x({.links_per_node = 1});
    Client& amy = x.client({{"my.a", "x"}, {"my.b", "y"}});
    Client& bob = x.client({{"my.a", "x\nmy.b==y"}});
    amy >> (parse("a", "SELECT $1") + sync());
    bob >> (parse("b", "SELECT $1") + sync());
    EXPECT_EQ(x.surroundings().prepared.size(), 2U);
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

// What is prepared again by SQL must not end the batch that it is for.
TEST(Prepared, SqlPrepareWithinABatch) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("PREPARE a AS SELECT 'x'");
        amy.expect("C(PREPARE) Z(I)");
        busy_client(x);
        amy >> (extended_batch("INSERT INTO t VALUES ('amy')") + flush());
        amy >> (extended_batch("EXECUTE a") + extended_batch("SELECT 1/0") + sync());
        amy.expect("1 2 C(INSERT 0 1) 1 2 D(x) C(SELECT 1) 1 2 E(22012) Z(I)");
        EXPECT_TRUE(x.node(0).committed.empty());
    });
}

// What an EXECUTE does is what the name meant when it was sent, whatever the batch makes of that name.
TEST(Prepared, ExecuteOfANameThatComesToMeanAnother) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> (parse("a", "SET application_name = 'amy'") + sync());
        amy >> (extended_batch("EXECUTE a") + close_statement("a") + parse("a", "SELECT 'x'") + sync());
        amy.expect("1 Z(I) 1 2 C(SET) 3 1 S(application_name=amy) Z(I)");
        bob >> query("SHOW application_name");
        bob.expect("T D() C(SHOW) Z(I)");
    });
}

// The Parse of the unnamed statement is skipped: the Bind behind its Sync means the one before.
TEST(Prepared, BindBehindASkippedParse) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("LISTEN amy") + parse("", "SELECT 'x'") + sync());
        amy >> (execute("none") + parse("", "UNLISTEN *") + bind_portal("", "") + execute() + sync() +
                bind_portal("", "") + execute() + sync());
        amy.expect("C(LISTEN) Z(I) 1 Z(I) E(34000) Z(I) 2 D(x) C(SELECT 1) Z(I)");
    });
}

// A statement that was made by SQL is used behind a Close of it that the server skips.
TEST(Prepared, SqlStatementBehindASkippedClose) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("PREPARE a AS SELECT 'x'");
        busy_client(x);
        amy >> (execute("none") + close_statement("a") + sync() + bind_portal("", "a") + execute() + sync());
        amy.expect("C(PREPARE) Z(I) E(34000) Z(I) 2 D(x) C(SELECT 1) Z(I)");
    });
}

// What the primary has prepared for one client needs no connection for the next one: pgbench waits for this
// answer while the clients that hold the connections wait for pgbench.
TEST(Prepared, ProvenParseNeedsNoConnection) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> (query("BEGIN") + parse("a", "SELECT 'x'") + sync());
        bob >> (query("BEGIN") + parse("b", "SELECT 'x'") + sync());
        bob.expect("C(BEGIN) Z(T) 1 Z(T)");
        bob >> (parse("b", "SELECT 'x'") + sync());
        amy >> query("COMMIT");
        amy.expect("C(BEGIN) Z(T) 1 Z(T) C(COMMIT) Z(I)");
        bob.expect("E(42P05) Z(E)");
        bob >> (query("ROLLBACK") + bind_portal("", "b") + execute() + sync());
        bob.expect("C(ROLLBACK) Z(I) 2 D(x) C(SELECT 1) Z(I)");
    });
}

// A read that a standby ends is repeated with the name that its batch has given.
TEST(Prepared, NameOfAReadThatIsRepeatedOnThePrimary) {
    run_script(
        {.standbys = 1, .configure = [](config::Config& config) { config.routing.primary_reads = false; }},
        [](Exchange& x) {
            Client& amy = x.client();
            amy >> (parse("s", "SELECT conflict()") + bind_portal("", "s") + execute() + sync());
            amy.expect("1 2 D(conflict) C(SELECT 1) Z(I)");
        });
}

// A PREPARE and a Close of what it makes in one batch: nothing is left, here and at the next client.
TEST(Prepared, SqlPrepareThatIsClosedBehindIt) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> (query("PREPARE b AS SELECT 'secret'") + extended_batch("PREPARE a AS SELECT 'x'") +
                close_statement("a") + sync());
        amy.expect("C(PREPARE) Z(I) 1 2 C(PREPARE) 3 Z(I)");
        bob >> (query("EXECUTE b") + query("EXECUTE a"));
        bob.expect("E(26000) Z(I) E(26000) Z(I)");
        amy >> (query("PREPARE a AS SELECT 'y'") + query("EXECUTE a"));
        amy.expect("C(PREPARE) Z(I) T D(y) C(SELECT 1) Z(I)");
    });
}

// A name that a DEALLOCATE ALL on the way drops is not brought to the server behind it.
TEST(Prepared, NameInSqlBehindDeallocateAll) {
    Exchange x({.links_per_node = 1});
    Client& amy = x.client();
    Client& bob = x.client();
    amy >> (parse("a", "SELECT 'amy'") + sync());
    x.hold_replies();
    amy >> (extended_batch("DEALLOCATE ALL") + flush());
    amy >> (extended_batch("EXECUTE a") + sync());
    x.let_replies_go();
    amy.expect("1 Z(I) 1 2 C(DEALLOCATE ALL) 1 2 E(26000) Z(I)");
    bob >> (parse("a", "SELECT 'bob'") + sync() + query("EXECUTE a"));
    bob.expect("1 Z(I) T D(bob) C(SELECT 1) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

// An EXECUTE whose name is made anew by SQL in the same batch.
TEST(Prepared, ExecuteOfANameThatSqlMakesAnew) {
    run_script({.links_per_node = 1}, [](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SET work_mem = '5MB'") + sync());
        amy >> (extended_batch("DEALLOCATE a") + extended_batch("PREPARE a AS SELECT 'x'") +
                extended_batch("EXECUTE a") + sync() + query("SHOW work_mem"));
        amy.expect("1 Z(I) 1 2 C(DEALLOCATE) 1 2 C(PREPARE) 1 2 D(x) C(SELECT 1) Z(I) T D() C(SHOW) Z(I)");
    });
}

// A name that SQL of the same batch takes first, together or in two parts.
TEST(Prepared, NameThatSqlHasTakenInTheSameBatch) {
    for (const bool in_parts : {false, true}) {
        run_script({.links_per_node = 1}, [in_parts](Exchange& x) {
            Client& amy = x.client();
            const std::string made = extended_batch("PREPARE a AS SELECT 'x'");
            if (in_parts) amy >> (made + flush());
            amy >> ((in_parts ? std::string() : made) + parse("a", "SELECT 'y'") + sync());
            amy.expect("1 2 C(PREPARE) E(42P05) Z(I)");
            amy >> query("EXECUTE a");
            amy.expect("T D(x) C(SELECT 1) Z(I)");
        });
    }
}

}  // namespace
}  // namespace pgpool::support
