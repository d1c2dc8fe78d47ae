// SPDX-License-Identifier: PostgreSQL
// Mode replication: the marker behind a transaction, and what becomes of it if a node refuses it.
#include <gtest/gtest.h>

#include "common/wire/encoder.h"
#include "common/wire/messages.h"
#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;

class MarkTest : public ReplicatedTest {};

TEST_F(MarkTest, AMarkThatCameTooEarlyIsMadeAgain) {
    client_sends(query(kDdl));
    answers(shell.main, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
    answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction) +
                             marked("9") + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(shell.marks_refused, 1);
    sent_to(shell.main), sent_to(shell.other);
    session.on_news();
    EXPECT_EQ(sent_to(shell.main), "BEBES") << "SET CONSTRAINTS, the marker";
    EXPECT_EQ(sent_to(shell.other), "BEBES");
    const std::string again = done('2') + tag("SET CONSTRAINTS") + done('2') + row("0") + tag("SELECT 1") +
                              ready(TransactionStatus::InTransaction);
    answers(shell.main, again);
    answers(shell.other, again);
    commits();
    EXPECT_EQ(replied(), "CZ");
    expect_given_back();
}

TEST_F(MarkTest, AMarkIsNotMadeAgainForEver) {
    client_sends(query(kDdl));
    answers(shell.main, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    answers(shell.main, marked("9") + ready(TransactionStatus::InTransaction));
    answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction) +
                             marked("9") + ready(TransactionStatus::InTransaction));
    sent_to(shell.main), sent_to(shell.other);
    session.on_timer(TimerKind::Wait);
    EXPECT_EQ(sent_to(shell.main) + sent_to(shell.other), "QQ") << "ROLLBACK";
    for (TestLink* link : {&shell.main, &shell.other})
        answers(*link, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_NE(shell.replied.find("the nodes do not know the new membership in time"), std::string::npos);
    EXPECT_EQ(replied(), "EZ");
}

TEST_F(MarkTest, UnderAnOlderSnapshotAMarkIsNotMadeAgain) {
    client_sends(query("BEGIN ISOLATION LEVEL REPEATABLE READ"));
    replied();
    client_sends(query(kDdl));
    answers(shell.main, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    const std::string commit = query("COMMIT");
    EXPECT_EQ(session.pump(commit), 0U);
    sent_to(shell.main), sent_to(shell.other);
    answers(shell.main, marked("9") + ready(TransactionStatus::InTransaction));
    answers(shell.other, marked("9") + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.main) + sent_to(shell.other), "QQ") << "ROLLBACK";
}

TEST_F(MarkTest, AMarkerThatMainRefusesUndoesTheTransaction) {
    client_sends(batch(kDdl));
    answers(shell.main,
            executed("BEGIN") + executed("COMMENT") + marked("1") + ready(TransactionStatus::InTransaction));
    answers(shell.other,
            executed("BEGIN") + executed("COMMENT") + marked() + ready(TransactionStatus::InTransaction));
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    answers(shell.other, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "12CEZ");
    expect_given_back();
}

// A constraint that was deferred: found out before anybody commits.
TEST_F(MarkTest, AnErrorOfTheMarkerIsTheErrorOfTheBatch) {
    client_sends(batch(kDdl));
    sent_to(shell.main);
    answers(shell.main, executed("BEGIN") + executed("COMMENT") + done('1') + done('2') + error("23503") +
                            ready(TransactionStatus::Failed));
    EXPECT_EQ(sent_to(shell.main), "Q") << "ROLLBACK";
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_EQ(sent_to(shell.other), "");
    EXPECT_EQ(replied(), "12CEZ");
    expect_given_back();
}

// With what it was executed the context may tell, if the client has set that.
class MarkErrorTest : public ReplicatedTest {
protected:
    // What the client is told of an error in main's batch with the marker, behind `before`.
    [[nodiscard]] std::string told(const std::string& before) {
        client_sends(query(kDdl));
        answers(shell.main, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
        std::string error;
        wire::append_frame(error, wire::backend::kErrorResponse,
                           std::string_view("SERROR\0VERROR\0C55P03\0Mno\0Wcontext\0\0", 35));
        answers(shell.main, before + error + ready(TransactionStatus::Failed));
        answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
        answers(shell.other, marked() + ready(TransactionStatus::InTransaction));
        for (TestLink* link : {&shell.main, &shell.other})
            answers(*link, tag("ROLLBACK") + ready(TransactionStatus::Idle));
        return std::exchange(shell.replied, {});
    }
};

TEST_F(MarkErrorTest, OfTheMarkHasNoContext) {
    const std::string told_client = told(executed("SET CONSTRAINTS") + done('1') + done('2'));
    EXPECT_NE(told_client.find("C55P03"), std::string::npos);
    EXPECT_EQ(told_client.find("context"), std::string::npos);
}

TEST_F(MarkErrorTest, OfWhatWasDeferredHasIt) {
    EXPECT_NE(told(done('1') + done('2')).find("Wcontext"), std::string::npos);
}

}  // namespace
}  // namespace pgpool::exec
