// SPDX-License-Identifier: PostgreSQL
// Mode replication: in which messages a transaction goes to main and to the other node.
#include <gtest/gtest.h>

#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;
using namespace std::string_literals;
using namespace std::string_view_literals;

TEST_F(ReplicatedTest, AQueryByItselfTakesFourRoundTrips) {
    client_sends(query(kDdl));
    EXPECT_EQ(sent_to(shell.main), "PBEQPBEPBES") << "BEGIN, the Query, SET CONSTRAINTS, the marker";
    EXPECT_EQ(sent_to(shell.other), "");
    answers(shell.main, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.other), "PBEQPBEPBES");
    answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.main), "") << "the other node has not answered";
    answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction) +
                             marked() + ready(TransactionStatus::InTransaction));
    commits();
    EXPECT_EQ(replied(), "CZ");
    expect_given_back();
}

TEST_F(ReplicatedTest, AClientThatLeavesDuringACommitThatFailsLeavesNothingBehind) {
    client_sends(query(kDdl));
    const std::string done = executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction) +
                             marked() + ready(TransactionStatus::InTransaction);
    answers(shell.main, done);
    answers(shell.other, done);
    shell.other.sent.clear();
    session.on_client_gone();
    EXPECT_TRUE(session.must_finish()) << "main was told to commit";
    answers(shell.main, error("53100") + ready(TransactionStatus::Idle));
    EXPECT_EQ(sent_to(shell.other), "Q") << "ROLLBACK";
    EXPECT_TRUE(session.must_finish());
    answers(shell.other, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_FALSE(session.must_finish());
    expect_given_back();
}

TEST_F(ReplicatedTest, ABatchByItselfSharesItsSyncWithTheMarker) {
    client_sends(batch(kDdl));
    EXPECT_EQ(sent_to(shell.main), "PBEPBEPBEPBES");
    answers(shell.main,
            executed("BEGIN") + executed("COMMENT") + marked() + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.main), "");
    EXPECT_EQ(sent_to(shell.other), "PBEPBEPBEPBES");
    answers(shell.other,
            executed("BEGIN") + executed("COMMENT") + marked() + ready(TransactionStatus::InTransaction));
    const std::string told = replied();
    EXPECT_EQ(told, "12C");
    commits();
    EXPECT_EQ(replied(), "Z");
    expect_given_back();
}

TEST_F(ReplicatedTest, AnIndexThatWasBegunIsDroppedBeforeTheNextTry) {
    const std::string settings = tag("SET") + ready(TransactionStatus::Idle);
    client_sends(query("CREATE INDEX CONCURRENTLY i ON s.t (v)"));
    answers(shell.main, tag("CREATE INDEX") + ready(TransactionStatus::Idle));
    EXPECT_EQ(sent_to(shell.other), "QQ");
    answers(shell.other, settings + error("40P01") + ready(TransactionStatus::Idle));
    EXPECT_NE(shell.other.sent.find("DROP INDEX CONCURRENTLY IF EXISTS \"s\".\"i\""), std::string::npos);
    EXPECT_EQ(sent_to(shell.other), "QQ");
    answers(shell.other, tag("DROP INDEX") + ready(TransactionStatus::Idle) + tag("CREATE INDEX") +
                             ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "CZ");
}

TEST_F(ReplicatedTest, AnIndexIsDroppedWhereverItIs) {
    client_sends(query("DROP INDEX i"));
    EXPECT_NE(shell.main.sent.find("DROP INDEX i\0"s), std::string::npos);
    answers(shell.main, executed("BEGIN") + tag("DROP INDEX") + ready(TransactionStatus::InTransaction));
    EXPECT_NE(shell.other.sent.find("DROP INDEX IF EXISTS i"), std::string::npos);
    sent_to(shell.other);
    session.on_client_gone();
}

TEST_F(ReplicatedTest, NumbersOfUsersTypesStayAtMain) {
    const auto own = "\0\2\0\0\x40\0\0\0\0\x17"sv;     // 16384, int4
    const auto portable = "\0\2\0\0\0\0\0\0\0\x17"sv;  // to be inferred, int4
    const std::string sql(kDdl);
    client_sends(batch(sql, own));
    EXPECT_NE(shell.main.sent.find(sql + "\0"s + std::string(own)), std::string::npos);
    answers(shell.main,
            executed("BEGIN") + executed("COMMENT") + marked() + ready(TransactionStatus::InTransaction));
    EXPECT_NE(shell.other.sent.find(sql + "\0"s + std::string(portable)), std::string::npos);
    answers(shell.other,
            executed("BEGIN") + executed("COMMENT") + marked() + ready(TransactionStatus::InTransaction));
    shell.main.sent.clear();
    answers(shell.main, tag("COMMIT") + ready(TransactionStatus::Idle));
    answers(shell.other, tag("COMMIT") + ready(TransactionStatus::Idle));
    expect_given_back();
}

// The server skips all up to the marker's Sync.
TEST_F(ReplicatedTest, ABeginThatFailsIsTheErrorOfItsQuery) {
    client_sends(query(kDdl));
    answers(shell.main, error("57014") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "EZ");
    EXPECT_EQ(sent_to(shell.main), "PBEQPBEPBES") << "and nothing else";
    EXPECT_EQ(sent_to(shell.other), "");
    EXPECT_TRUE(shell.main.replies.empty());
    EXPECT_FALSE(shell.main.replies.owes_client());
    EXPECT_FALSE(shell.other.is_lent);
    EXPECT_EQ(around.free_slots.size(), 1U);
}

// Nothing is anywhere, and nobody is taken out.
TEST_F(ReplicatedTest, ABeginThatFailsInABlockIsTheErrorOfItsQuery) {
    client_sends(query("BEGIN"));
    EXPECT_EQ(replied(), "CZ");
    client_sends(query(kDdl));
    EXPECT_EQ(sent_to(shell.main), "PBEQ");
    answers(shell.main, done('1') + done('2') + error("57014"));
    EXPECT_EQ(sent_to(shell.main), "S");
    answers(shell.main, ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "EZ");
    EXPECT_EQ(sent_to(shell.other), "");
    EXPECT_TRUE(shell.main.replies.empty());
    EXPECT_FALSE(shell.other.is_lent);
    EXPECT_EQ(around.free_slots.size(), 1U);
}

TEST_F(ReplicatedTest, ARollbackIsToldThoughMainIsLostBeforeTheOthersHaveDoneIt) {
    client_sends(query("BEGIN"));
    client_sends(query(kDdl));
    answers(shell.main, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(replied(), "CZCZ");
    client_sends(query("ROLLBACK"));
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "") << "the other still executes";
    session.on_link_lost(shell.main, "it shuts down");
    EXPECT_EQ(replied(), "CZ");
    EXPECT_FALSE(session.in_transaction());
    EXPECT_FALSE(shell.main.is_lent || shell.other.is_lent);
    EXPECT_EQ(shell.other.disposal, Disposal::Close);
    EXPECT_EQ(around.free_slots.size(), 1U);
}

TEST_F(ReplicatedTest, AnErrorOfTheStatementIsToldAlone) {
    client_sends(query(kDdl));
    sent_to(shell.main);
    answers(shell.main, executed("BEGIN") + error("42P01") + ready(TransactionStatus::Failed));
    answers(shell.main, error("25P02") + ready(TransactionStatus::Failed));
    EXPECT_EQ(sent_to(shell.main), "Q") << "ROLLBACK";
    EXPECT_EQ(sent_to(shell.other), "");
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "EZ");
    expect_given_back();
}

}  // namespace
}  // namespace pgpool::exec
