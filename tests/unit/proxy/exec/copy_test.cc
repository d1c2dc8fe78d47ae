// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {
namespace {

TEST(Copy, FromStdin) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("COPY t FROM STDIN");
        amy.expect("G");
        amy >> (copy_data("one\n") + copy_data("two\n"));
        amy >> copy_done();
        amy.expect("C(COPY 2) Z(I)");
        x.expect_server(0, "Q(COPY t FROM STDIN) d(4) d(4) c");
    });
}

TEST(Copy, FailsAsTheClientWishes) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("COPY t FROM STDIN");
        amy >> (copy_data("one\n") + copy_fail("no more"));
        amy.expect("G E(57014) Z(I)");
        EXPECT_TRUE(x.node(0).committed.empty());
        amy >> query("SELECT 'on'");
        amy.expect("T D(on) C(SELECT 1) Z(I)");
    });
}

TEST(Copy, DataSentBeforeTheyAreAskedFor) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("COPY t FROM STDIN") + copy_data("one\n") + copy_done() + query("SELECT 'on'"));
        amy.expect("G C(COPY 2) Z(I) T D(on) C(SELECT 1) Z(I)");
    });
}

TEST(Copy, DataAreIgnoredWhereNobodyCopies) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >>
            (copy_data("one\n") + copy_done() + query("SELECT 'on'") + copy_fail("no") + query("SELECT 2"));
        amy.expect("T D(on) C(SELECT 1) Z(I) T D(2) C(SELECT 1) Z(I)");
    });
}

TEST(Copy, OfAStatementThatFails) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("COPY t FROM STDIN; SELECT 1/0") + copy_data("one\n") + copy_done());
        amy.expect("G C(COPY 2) E(22012) Z(I)");
    });
}

TEST(Copy, ToStdout) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("COPY t TO STDOUT");
        amy.expect("H d(4) d(4) c C(COPY 2) Z(I)");
        amy >> extended("COPY t TO STDOUT");
        amy.expect("1 2 H d(4) d(4) c C(COPY 2) Z(I)");
    });
}

TEST(Copy, FromStdinWithinABatch) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "COPY t FROM STDIN") + bind_portal("", "") + execute() + flush());
        amy.expect("1 2 G");
        amy >> (copy_data("one\n") + copy_done() + sync());
        amy.expect("C(COPY 2) Z(I)");
    });
}

// PG documentation 55.2.6: a Sync that comes while the server reads the data is ignored.
TEST(Copy, SyncBeforeTheDataIsIgnored) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (extended("COPY t FROM STDIN") + copy_data("one\n") + copy_done() + sync() + sync());
        amy.expect("1 2 G C(COPY 2) Z(I) Z(I)");
        amy >> query("SELECT 'on'");
        amy.expect("T D(on) C(SELECT 1) Z(I)");
    });
}

TEST(Copy, InATransaction) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("BEGIN");
        amy >> (query("COPY t FROM STDIN") + copy_data("one\n") + copy_done());
        amy >> query("COMMIT");
        amy.expect("C(BEGIN) Z(T) G C(COPY 2) Z(T) C(COMMIT) Z(I)");
    });
}

// The server cannot go on: it has not read the body of what came instead.
TEST(Copy, AnythingElseLosesTheFraming) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("COPY t FROM STDIN");
        amy >> query("SELECT 'one'");
        amy.expect("G E(08P01) E(FATAL 08P01)");
        EXPECT_TRUE(x.disturbance().loses() || amy.closed());
    });
}

// The COPY has failed at the server and the news is on its way: a Query that crosses it runs, and counts as a
// write.
TEST(Copy, QueryThatCrossesItsFailureMayWrite) {
    Exchange x;
    Client& amy = x.client();
    amy >> query("COPY t FROM STDIN");
    amy.expect("G");
    x.link(0).postgres.cancel();
    amy >> query("INSERT INTO t VALUES ('x')");
    amy.expect("E(57014) Z(I) C(INSERT 0 1) Z(I)");
    EXPECT_NE(x.database().marks->last_write(), TimePoint{});
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

TEST(Copy, ClientLeavesInTheMiddle) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("COPY t FROM STDIN") + copy_data("one\n"));
        amy.leave();
        EXPECT_TRUE(x.disturbance().loses() || !x.link(0).alive);
        Client& bob = x.client();
        bob >> query("SELECT 'on'");
        bob.expect("T D(on) C(SELECT 1) Z(I)");
    });
}

}  // namespace
}  // namespace pgpool::support
