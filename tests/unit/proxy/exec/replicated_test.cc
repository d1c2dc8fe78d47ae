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

class CommitThatTakesLong : public ReplicatedTest {
protected:
    CommitThatTakesLong() {
        client_sends(query(kDdl));
        const std::string done = executed("BEGIN") + tag("COMMENT") +
                                 ready(TransactionStatus::InTransaction) + marked() +
                                 ready(TransactionStatus::InTransaction);
        answers(shell.main, done);
        answers(shell.other, done);
        EXPECT_TRUE(shell.main.sent.ends_with(query("COMMIT")));
        shell.main.sent.clear(), shell.other.sent.clear();
    }
    void probe_fails() {
        auto next = std::make_shared<cluster::Topology>(*around.topology);
        next->nodes[0].reach = cluster::Reach::Timeout;
        around.topology = next;
    }
};

TEST_F(CommitThatTakesLong, AMainNodeThatIsWellIsWaitedForAndTheOthersToo) {
    for (int late = 1; late < 6; ++late) session.on_timer(TimerKind::Wait);
    around.now += seconds(25);
    answers(shell.main, tag("COMMIT") + ready(TransactionStatus::Idle));
    EXPECT_EQ(shell.waits, around.config->replication.stall_timeout + seconds(100));
    answers(shell.other, tag("COMMIT") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "CZ");
    expect_given_back();
}

TEST_F(CommitThatTakesLong, AMainNodeIsNotWaitedForForEver) {
    for (int late = 1; late < 6; ++late) session.on_timer(TimerKind::Wait);
    shell.may_fail = true;
    session.on_timer(TimerKind::Wait);
    EXPECT_NE(shell.failed.find("it did not commit in time"), std::string::npos);
}

TEST_F(CommitThatTakesLong, AMainNodeThatFailsItsProbesIsNotWaitedFor) {
    session.on_timer(TimerKind::Wait);
    probe_fails();
    shell.may_fail = true;
    session.on_timer(TimerKind::Wait);
    EXPECT_NE(shell.failed.find("it did not commit in time"), std::string::npos);
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

TEST_F(ReplicatedTest, ASavepointBesideAWriteNeedsABlock) {
    for (const char* text :
         {"SAVEPOINT a; CREATE SCHEMA s", "CREATE SCHEMA s; ROLLBACK TO a", "RELEASE a; CREATE SCHEMA s"}) {
        client_sends(query(text));
        EXPECT_NE(shell.replied.find("25P01"), std::string::npos) << text;
        EXPECT_EQ(replied(), "EZ");
        EXPECT_EQ(sent_to(shell.main) + sent_to(shell.other), "");
    }
    const std::string savepoint = batch("SAVEPOINT a");
    client_sends(savepoint.substr(0, savepoint.size() - wire::kFrameHeader) + batch(kDdl));
    EXPECT_NE(shell.replied.find("25P01"), std::string::npos);
    EXPECT_EQ(sent_to(shell.main) + sent_to(shell.other), "");
}

TEST_F(ReplicatedTest, ACommitInABatchFailsWhenItIsExecuted) {
    client_sends(query("BEGIN"));
    client_sends(query(kDdl));
    for (TestLink* link : {&shell.main, &shell.other})
        answers(*link, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    const std::string commit = batch("COMMIT");
    EXPECT_EQ(session.pump(commit), 0U);
    answers(shell.main, done('1') + done('2') + error("23503") + ready(TransactionStatus::Failed));
    answers(shell.other, marked() + ready(TransactionStatus::InTransaction));
    replied();
    for (TestLink* link : {&shell.main, &shell.other})
        answers(*link, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    client_sends(commit);
    EXPECT_NE(shell.replied.find("23503"), std::string::npos);
    EXPECT_EQ(replied(), "12EZ");
}

class CopyOfWhatIsNotKnown : public ReplicatedTest {
protected:
    CopyOfWhatIsNotKnown() {
        const std::string copy = query("COPY nosuch FROM STDIN");
        for (int i = 0; i < 50 && session.pump(copy) == 0; ++i) session.on_timer(TimerKind::Wait);
        EXPECT_EQ(sent_to(shell.main), "PBEQ");
    }
    void rolls_back() {
        EXPECT_EQ(sent_to(shell.main), "Q") << "ROLLBACK";
        answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
        EXPECT_EQ(sent_to(shell.other), "");
        EXPECT_EQ(around.free_slots.size(), 1U);
    }
};

TEST_F(CopyOfWhatIsNotKnown, TheMainNodeSaysWhyNot) {
    answers(shell.main, executed("BEGIN") + error("42P01") + ready(TransactionStatus::Failed));
    rolls_back();
    EXPECT_NE(shell.replied.find("42P01"), std::string::npos);
    EXPECT_EQ(replied(), "EZ");
}

TEST_F(CopyOfWhatIsNotKnown, WhatWasMadeMeanwhileIsUndone) {
    std::string copy_in;
    wire::FrameBuilder(copy_in, wire::backend::kCopyInResponse).bytes("\0"sv).int16(0);
    answers(shell.main, executed("BEGIN") + copy_in);
    std::string data;
    wire::FrameBuilder(data, wire::frontend::kCopyData).bytes("1\n");
    wire::append_frame(data, wire::frontend::kCopyDone, {});
    client_sends(data);
    EXPECT_EQ(sent_to(shell.main), "dc");
    answers(shell.main, tag("COPY 1") + ready(TransactionStatus::InTransaction));
    rolls_back();
    EXPECT_NE(shell.replied.find("40001"), std::string::npos);
}

TEST_F(ReplicatedTest, AfterSettingsOfRolesChangeWhatIsPinnedForNothingIsGivenBack) {
    shell.is_wanted = false;
    LoginMarks logins;
    around.logins = &logins;
    client_sends(query("DECLARE c CURSOR WITH HOLD FOR SELECT 1"));
    answers(shell.main, tag("DECLARE CURSOR") + ready(TransactionStatus::Idle));
    client_sends(query("CLOSE c"));
    answers(shell.main, tag("CLOSE CURSOR") + ready(TransactionStatus::Idle));
    EXPECT_EQ(sent_to(shell.main), "QQ");
    EXPECT_TRUE(shell.main.is_lent);
    logins.changed(TimePoint(seconds(1)));
    client_sends(query("SHOW work_mem"));
    answers(shell.main, tag("SHOW") + ready(TransactionStatus::Idle));
    EXPECT_EQ(sent_to(shell.main), "QQ") << "whether a cursor is left";
    answers(shell.main, row("f") + tag("SELECT 1") + ready(TransactionStatus::Idle));
    EXPECT_FALSE(shell.main.is_lent);
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

TEST_F(ReplicatedTest, ASlotIsHeldIfNobodyDecides) {
    shell.may_fail = true;
    client_sends(query("CREATE INDEX CONCURRENTLY i ON s.t (v)"));
    session.on_link_lost(shell.main, "gone");
    EXPECT_EQ(shell.replied, "") << "it waits for the decision";
    around.now += around.config->health.failover_park_timeout;
    session.on_timer(TimerKind::Wait);
    EXPECT_NE(shell.replied.find("08007"), std::string::npos);
    EXPECT_TRUE(around.free_slots.empty());
    ASSERT_EQ(around.held_slots.size(), 1U) << "until a later epoch";
    EXPECT_EQ(around.held_slots[0].slot, 0U);
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

// As pg_dump asks: the name comes from a row of the catalog, if there is one.
TEST_F(ReplicatedTest, ASettingThatIsLookedForIsKnown) {
    client_sends(query("SET search_path TO ''"));
    answers(shell.main, tag("SET") + ready(TransactionStatus::Idle));
    client_sends(query(kLookedFor));
    answers(shell.main, tag("SELECT 0") + ready(TransactionStatus::Idle));
    EXPECT_EQ(shell.main.settings.current()->find("my.kind"), nullptr);
    client_sends(query(kLookedFor));
    answers(shell.main, row("view") + tag("SELECT 1") + ready(TransactionStatus::Idle));
    EXPECT_NE(shell.main.settings.current()->find("my.kind"), nullptr);
    EXPECT_EQ(session.pins(), sql::Leaves::Nothing);
}

TEST_F(ReplicatedTest, ASettingThatIsLookedForElsewhereIsUnknown) {
    client_sends(query("SET search_path TO mine, pg_catalog"));
    answers(shell.main, tag("SET") + ready(TransactionStatus::Idle));
    client_sends(query(kLookedFor));
    answers(shell.main, row("view") + tag("SELECT 1") + ready(TransactionStatus::Idle));
    EXPECT_EQ(session.pins(), sql::Leaves::UnknownSetting);
    client_sends(query(kDdl));
    EXPECT_NE(shell.replied.find("settings that could not be read"), std::string::npos);
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
