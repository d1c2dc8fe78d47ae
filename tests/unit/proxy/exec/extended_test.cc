// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {
namespace {

TEST(Extended, UnnamedStatementGoesThroughUnchanged) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> extended("SELECT $1", {"one"});
        amy.expect("1 2 D(one) C(SELECT 1) Z(I)");
        x.expect_server(0, "P(|SELECT $1) B(||one) E() S");
        amy >> (bind_portal("", "", {"two"}) + describe_portal("") + execute() + sync());
        amy.expect("2 T D(two) C(SELECT 1) Z(I)");
    });
}

TEST(Extended, NamedStatementIsKnownByAnotherNameAtTheServer) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT $1") + describe_statement("a") + sync());
        amy.expect("1 t(1) T Z(I)");
        amy >> (bind_portal("", "a", {"x"}) + execute() + sync());
        amy.expect("2 D(x) C(SELECT 1) Z(I)");
        x.expect_server(0, "P(pgpool_x_1|SELECT $1) D(S pgpool_x_1) S B(|pgpool_x_1|x) E() S");
        amy >> (close_statement("a") + bind_portal("", "a", {"x"}) + sync());
        amy.expect("3 E(26000) Z(I)");
    });
}

TEST(Extended, NameThatIsTaken) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT 'one'") + sync());
        amy >> (parse("a", "SELECT 'two'") + sync());
        amy.expect("1 Z(I) E(42P05) Z(I)");
        amy >> (bind_portal("", "a") + execute() + sync());
        amy.expect("2 D(one) C(SELECT 1) Z(I)");
    });
}

TEST(Extended, NamesThatNobodyHas) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (bind_portal("", "nothing") + execute() + sync());
        amy >> (describe_statement("nothing") + sync());
        amy >> (execute("nothing") + sync());
        amy.expect("E(26000) Z(I) E(26000) Z(I) E(34000) Z(I)");
        amy >> (close_statement("nothing") + close_portal("nothing") + sync());
        amy.expect("3 3 Z(I)");
    });
}

TEST(Extended, ErrorSkipsUpToSync) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "SELECT 'one'") + bind_portal("", "") + execute() + parse("b", "SELEC") +
                bind_portal("", "b") + execute() + sync() + extended("SELECT 'two'"));
        amy.expect("1 2 D(one) C(SELECT 1) E(42601) Z(I) 1 2 D(two) C(SELECT 1) Z(I)");
        amy >> (bind_portal("", "b") + sync());
        amy.expect("E(26000) Z(I)");
    });
}

TEST(Extended, StatementParsedBehindAnErrorDoesNotExist) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELECT 1/0") + bind_portal("", "a") + execute() + parse("b", "SELECT 'b'") +
                close_statement("a") + sync());
        amy.expect("1 2 E(22012) Z(I)");
        amy >> (describe_statement("b") + sync() + describe_statement("a") + sync());
        amy.expect("E(26000) Z(I) t(0) T Z(I)");
    });
}

TEST(Extended, BatchIsOneTransaction) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "INSERT INTO t VALUES ('a')") + bind_portal("", "") + execute() +
                parse("", "INSERT INTO t VALUES ('dup')") + bind_portal("", "") + execute() + sync());
        amy.expect("1 2 C(INSERT 0 1) 1 2 E(23505) Z(I)");
        EXPECT_TRUE(x.node(0).committed.empty());
    });
}

TEST(Extended, PipelineOfBatches) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (extended("SELECT 'one'") + extended("SELECT 1/0") + extended("INSERT INTO t VALUES ('a')") +
                query("SELECT 'four'") + extended("SELECT 'five'"));
        amy.expect(
            "1 2 D(one) C(SELECT 1) Z(I) 1 2 E(22012) Z(I) 1 2 C(INSERT 0 1) Z(I) T D(four) C(SELECT 1) Z(I) "
            "1 2 D(five) C(SELECT 1) Z(I)");
    });
}

TEST(Extended, PipelineWithATransaction) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (extended("BEGIN") + extended("INSERT INTO t VALUES ('a')") + extended("COMMIT") +
                extended("SELECT 'done'"));
        amy.expect(
            "1 2 C(BEGIN) Z(T) 1 2 C(INSERT 0 1) Z(T) 1 2 C(COMMIT) Z(I) 1 2 D(done) C(SELECT 1) Z(I)");
    });
}

TEST(Extended, NoTransactionBeginsBehindAnError) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "BEGIN") + describe_portal("") + bind_portal("", "") + execute() + sync());
        amy.expect("1 E(34000) Z(I)");
    });
}

TEST(Extended, SyncAloneAndTwice) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> sync();
        amy >> (sync() + sync() + flush() + sync());
        amy.expect("Z(I) Z(I) Z(I) Z(I)");
    });
}

TEST(Extended, FlushAsksForAnswersBeforeSync) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "SELECT 'x'") + bind_portal("", "") + describe_portal("") + flush());
        amy.expect("1 2 T");
        amy >> (execute() + flush());
        amy.expect("D(x) C(SELECT 1)");
        amy >> sync();
        amy.expect("Z(I)");
    });
}

TEST(Extended, ErrorToAFlushSkipsUpToSync) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("a", "SELEC") + flush());
        amy.expect("E(42601)");
        amy >> (bind_portal("", "a") + execute() + flush());
        amy.expect("");
        amy >> sync();
        amy.expect("Z(I)");
        amy >> extended("SELECT 'on'");
        amy.expect("1 2 D(on) C(SELECT 1) Z(I)");
    });
}

// PostgreSQL tells an error at once, so a client may wait for one without having sent a Sync.
TEST(Extended, UnfinishedBatchIsSentAfterAMoment) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> parse("", "SELEC");
        amy.expect("");
        x.advance(milliseconds(25));
        amy.expect("E(42601)");
        amy >> sync();
        amy.expect("Z(I)");
    });
}

TEST(Extended, PortalWithRowLimit) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "SELECT 'x' FROM generate_series(1, 5)") + bind_portal("p", "") + execute("p", 2) +
                execute("p", 2) + execute("p", 2) + close_portal("p") + sync());
        amy.expect("1 2 D(x) D(x) s D(x) D(x) s D(x) C(SELECT 1) 3 Z(I)");
    });
}

TEST(Extended, PortalLivesUntilItsTransactionEnds) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("BEGIN");
        amy >> (parse("", "SELECT 'x' FROM generate_series(1, 3)") + bind_portal("p", "") + execute("p", 2) +
                sync());
        amy.expect("C(BEGIN) Z(T) 1 2 D(x) D(x) s Z(T)");
        amy >> (execute("p", 2) + sync());
        amy.expect("D(x) C(SELECT 1) Z(T)");
        amy >> query("COMMIT");
        amy >> (execute("p", 2) + sync());
        amy.expect("C(COMMIT) Z(I) E(34000) Z(I)");
    });
}

TEST(Extended, EmptyStatement) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> extended("");
        amy.expect("1 2 I Z(I)");
    });
}

TEST(Extended, FunctionCall) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> function_call(1598);
        amy.expect("V Z(I)");
    });
}

TEST(Extended, LargeParameterIsStreamed) {
    const std::string large(200'000, 'x');
    Exchange x;
    Client& amy = x.client();
    amy >> (parse("a", "SELECT length($1)") + bind_portal("", "a", {large}) + execute() + sync() +
            query("SELECT 'on'"));
    amy.expect("1 2 D(length) C(SELECT 1) Z(I) T D(on) C(SELECT 1) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

}  // namespace
}  // namespace pgpool::support
