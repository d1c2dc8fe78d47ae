// SPDX-License-Identifier: PostgreSQL
// Mode replication: what statements and libpq do to large objects is done on the other node by number.
#include <gtest/gtest.h>

#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;

class LargeObjectsTest : public ReplicatedTest {};

// What it changes is locked first.
TEST_F(LargeObjectsTest, ALargeObjectIsWrittenUnderItsLock) {
    client_sends(query("SELECT pg_catalog.lo_put(5, 0, 'x')"));
    EXPECT_EQ(sent_to(shell.main), "PBEPBECQ")
        << "BEGIN, the lock, the Query; what others do is not known yet";
    answers(shell.main, executed("BEGIN") + locked() + row("") + tag("SELECT 1") +
                            ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.main), "PBEPBES") << "the marker";
    EXPECT_NE(shell.other.sent.find("pg_catalog.lo_put($1, $2, $3)"), std::string::npos);
    EXPECT_EQ(sent_to(shell.other), "PBEPBEPBEPBES");
    answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
    answers(shell.other, executed("BEGIN") + done('1') + done('2') + row("") + tag("SELECT 1") + marked() +
                             ready(TransactionStatus::InTransaction));
    commits();
    EXPECT_EQ(replied(), "CZ");
    expect_given_back();
}

TEST_F(LargeObjectsTest, ALockThatIsRefusedIsTheErrorOfItsQuery) {
    client_sends(query("SELECT pg_catalog.lo_unlink(5)"));
    sent_to(shell.main);
    answers(shell.main, executed("BEGIN") + done('1') + done('2') + error("55P03"));
    EXPECT_EQ(sent_to(shell.main), "S") << "the Query was skipped";
    answers(shell.main, ready(TransactionStatus::Failed));
    EXPECT_EQ(sent_to(shell.main), "Q") << "ROLLBACK";
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "EZ");
    EXPECT_EQ(sent_to(shell.other), "");
    expect_given_back();
}

// lo_creat(-1) and lo_unlink() by libpq.
TEST_F(LargeObjectsTest, AFunctionCallMakesWhatMainHasMade) {
    client_sends(function_call(957, {"-1"}));
    EXPECT_EQ(sent_to(shell.main), "PBEF");
    answers(shell.main, executed("BEGIN") + response("16400") + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(replied(), "") << "until it is committed";
    EXPECT_NE(shell.other.sent.find("pg_catalog.lo_create($1)"), std::string::npos);
    EXPECT_NE(shell.other.sent.find("16400"), std::string::npos);
    answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
    answers(shell.other, executed("BEGIN") + done('1') + done('2') + row("1") + tag("SELECT 1") + marked() +
                             ready(TransactionStatus::InTransaction));
    sent_to(shell.main), sent_to(shell.other);
    answers(shell.main, tag("COMMIT") + ready(TransactionStatus::Idle));
    answers(shell.other, tag("COMMIT") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "VZ");
    expect_given_back();
}

TEST_F(LargeObjectsTest, ANodeThatCameToAnotherResultIsSeen) {
    client_sends(query("SELECT pg_catalog.lo_create(0)"));
    answers(shell.main, executed("BEGIN") + row("16400") + tag("SELECT 1") +
                            ready(TransactionStatus::InTransaction) + marked() +
                            ready(TransactionStatus::InTransaction));
    sent_to(shell.main), sent_to(shell.other);
    answers(shell.other, executed("BEGIN") + done('1') + done('2') + tag("SELECT 0") + marked() +
                             ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.other).substr(0, 5), "QPBES") << "ROLLBACK, settle, and once more";
    EXPECT_EQ(sent_to(shell.main), "");
}

TEST_F(LargeObjectsTest, WhoOnlyReadsLargeObjectsConcernsMainAlone) {
    const auto asks = [this](std::string_view sql, std::string_view result) {
        client_sends(query(sql));
        answers(shell.main, row(result) + tag("SELECT 1") + ready(TransactionStatus::InTransaction));
    };
    client_sends(query("BEGIN"));
    client_sends(query("SELECT pg_catalog.lo_open(5, 262144)"));
    answers(shell.main,
            executed("BEGIN") + row("0") + tag("SELECT 1") + ready(TransactionStatus::InTransaction));
    asks("SELECT pg_catalog.loread(0, 100)", "data");
    asks("SELECT pg_catalog.lo_open(6, 262144)", "1");
    asks("SELECT pg_catalog.lo_close(1)", "0");
    EXPECT_EQ(sent_to(shell.main), "PBEQQQQ");
    EXPECT_FALSE(shell.other.is_lent);
    asks("SELECT pg_catalog.lowrite(0, 'x')", "1");  // by now the number of the first must be taken there
    EXPECT_NE(shell.other.sent.find("pg_catalog.lo_open($1, $2)"), std::string::npos);
    EXPECT_EQ(shell.other.sent.find("pg_catalog.lo_close($1)"), std::string::npos)
        << "opened and closed: nothing";
    EXPECT_EQ(shell.other.sent.find("pg_catalog.loread($1"), std::string::npos);
}

}  // namespace
}  // namespace pgpool::exec
