// SPDX-License-Identifier: PostgreSQL
// Mode replication: statements that repeat under locks.
#include <gtest/gtest.h>

#include "common/wire/messages.h"
#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;

class LocksTest : public ReplicatedTest {};

TEST_F(LocksTest, LocksComeBeforeTheStatementOnAllNodes) {
    client_sends(query("DELETE FROM log"));
    EXPECT_NE(shell.main.sent.find("lock_tables"), std::string::npos);
    EXPECT_EQ(sent_to(shell.main), "PBEPBECQ") << "BEGIN, locks, the Query";
    answers(shell.main, executed("BEGIN") + executed("SELECT 1") + done('3') + tag("DELETE 3") +
                            ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.main), "PBEPBES") << "the marker";
    EXPECT_EQ(sent_to(shell.other), "PBEPBES") << "BEGIN, locks";
    answers(shell.other, executed("BEGIN") + executed("SELECT 1") + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.other), "QPBEPBES") << "the Query, the marker";
    answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
    answers(shell.other, tag("DELETE 3") + ready(TransactionStatus::InTransaction) + marked() +
                             ready(TransactionStatus::InTransaction));
    commits();
    EXPECT_EQ(replied(), "CZ");
    expect_given_back();
}

TEST_F(LocksTest, WhatWasNotLockedForIsNotRepeatedIfItChangedNothing) {
    client_sends(query("BEGIN"));
    client_sends(query("DELETE FROM log"));
    sent_to(shell.main);
    answers(shell.main, executed("BEGIN") + executed("SELECT 1") + done('3') + tag("DELETE 0") +
                            ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.other), "");
    client_sends(query("WITH gone AS (DELETE FROM log RETURNING a) SELECT a FROM gone"));
    answers(shell.main, done('2') + tag("SELECT 1") + done('3') + tag("SELECT 0") +
                            ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.other), "PBEPBES") << "its tag does not tell that nothing was deleted";
}

TEST_F(LocksTest, LocksThatAreNotToBeHadAreTheErrorOfTheStatement) {
    for (const bool is_query : {true, false}) {
        shell.main.statements.clear();
        client_sends(is_query ? query("DELETE FROM log") : batch("DELETE FROM log"));
        EXPECT_EQ(sent_to(shell.main), is_query ? "PBEPBECQ" : "PBEPBECPBES");
        answers(shell.main, executed("BEGIN") + done('1') + done('2') + error("55P03"));
        EXPECT_EQ(sent_to(shell.main), is_query ? "S" : "");
        answers(shell.main, ready(TransactionStatus::Failed));
        EXPECT_EQ(sent_to(shell.main), "Q") << "ROLLBACK";
        answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
        EXPECT_NE(shell.replied.find("55P03"), std::string::npos);
        EXPECT_EQ(replied(), "EZ");
        EXPECT_EQ(sent_to(shell.other), "");
        expect_given_back();
    }
}

TEST_F(LocksTest, NodesOfAnOlderVersionAreToldOf) {
    client_sends(query("DELETE FROM log"));
    answers(shell.main, executed("BEGIN") + error("42883") + ready(TransactionStatus::Failed));
    EXPECT_NE(shell.replied.find("older version"), std::string::npos);
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "EZ");
    sent_to(shell.main);
    client_sends(query("DELETE FROM log"));
    EXPECT_EQ(sent_to(shell.main), "BEPBECQ") << "what was not prepared there is prepared again";
}

TEST_F(LocksTest, BehindABeginOfTheSameBatchComeTheLocks) {
    std::string frames = batch("BEGIN");
    frames.resize(frames.size() - wire::kFrameHeader);  // its Sync
    client_sends(frames + batch("DELETE FROM log"));
    EXPECT_EQ(sent_to(shell.main), "PBEPPBECBES");
}

TEST_F(LocksTest, AFirstStatementIsLockedForByACommandWithoutSnapshot) {
    client_sends(query("BEGIN ISOLATION LEVEL SERIALIZABLE"));
    client_sends(batch("DELETE FROM log"));
    EXPECT_NE(shell.main.sent.find("LOCK TABLE \"log\" IN SHARE ROW EXCLUSIVE MODE"), std::string::npos);
    EXPECT_EQ(sent_to(shell.main), "PBEPBECPBES") << "before the Parse, which needs one";
    answers(shell.main, executed("BEGIN") + executed("LOCK TABLE") + done('3') + executed("DELETE 3") +
                            ready(TransactionStatus::InTransaction));
    EXPECT_NE(shell.other.sent.find("lock_tables"), std::string::npos);
    client_sends(batch("DELETE FROM log"));
    EXPECT_NE(shell.main.sent.find("lock_tables"), std::string::npos) << "which refuses it";
}

}  // namespace
}  // namespace pgpool::exec
