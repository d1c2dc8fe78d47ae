// SPDX-License-Identifier: PostgreSQL
// Mode replication with commit prepared: the other node prepares behind its marker.
#include <gtest/gtest.h>

#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;

// The other node prepares behind its marker.
class TwoPhaseTest : public ReplicatedTest {
protected:
    explicit TwoPhaseTest(config::Commit commit = config::Commit::Prepared) : ReplicatedTest(commit) {}

    static std::string prepared() { return executed("PREPARE TRANSACTION") + ready(TransactionStatus::Idle); }
    static std::string undone() { return tag("ROLLBACK") + ready(TransactionStatus::Idle); }
    void main_executes() {
        client_sends(query(kDdl));
        answers(shell.main, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
        answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
        shell.main.sent.clear();
    }
    void other_executes(std::string_view what = "COMMENT") {
        answers(shell.other, executed("BEGIN") + tag(what) + ready(TransactionStatus::InTransaction));
        shell.other.sent.clear();
        answers(shell.other, marked() + prepared());
    }
    void main_commits() {
        EXPECT_EQ(shell.main.sent, query("COMMIT"));
        shell.main.sent.clear();
        EXPECT_EQ(shell.other.sent, "");
        answers(shell.main, tag("COMMIT") + ready(TransactionStatus::Idle));
    }
    [[nodiscard]] std::string told_sqlstate() {
        const std::string frames = std::exchange(shell.replied, {});
        const std::size_t at = types(frames).find('E');
        if (at == std::string::npos) return {};
        ByteView rest = frames;
        for (std::size_t i = 0; i < at; ++i) rest.remove_prefix(wire::next_frame(rest).frame.bytes.size());
        return std::string(wire::read_error_fields(wire::next_frame(rest).frame.body).sqlstate);
    }
    void expect_held() const {
        EXPECT_TRUE(shell.is_left);
        EXPECT_TRUE(around.free_slots.empty());
        EXPECT_EQ(around.held_slots.size(), 1U);
    }
    void next_epoch(cluster::NodeState main = cluster::NodeState::Up) {
        auto next = std::make_shared<cluster::Topology>(*around.topology);
        next->epoch += 1;
        next->nodes[0].state = main;
        next->nodes[0].is_taken_out = main == cluster::NodeState::Down;
        around.topology = next;
        session.on_news();
    }

    static constexpr std::string_view kCommit = "COMMIT PREPARED 'pgpool_0_1'";
    static constexpr std::string_view kRollback = "ROLLBACK PREPARED 'pgpool_0_1'";
};

TEST_F(TwoPhaseTest, TheOtherPreparesInTheSameWriteAsItsMarker) {
    client_sends(query(kDdl));
    EXPECT_EQ(sent_to(shell.main), "PBEQPBEPBES");
    answers(shell.main, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    EXPECT_NE(shell.other.sent.find("PREPARE TRANSACTION 'pgpool_0_1'"), std::string::npos);
    EXPECT_EQ(sent_to(shell.other), "PBEQPBEPBEPBES");
    answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.main), "") << "the other node has not prepared";
    other_executes();
    main_commits();
    EXPECT_EQ(shell.other.sent, query(kCommit));
    EXPECT_EQ(replied().find('Z'), std::string::npos);
    answers(shell.other, tag("COMMIT PREPARED") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "CZ");
    expect_given_back();
    EXPECT_FALSE(shell.is_left);
}

TEST_F(TwoPhaseTest, ABatchIsPreparedToo) {
    client_sends(batch(kDdl));
    answers(shell.main,
            executed("BEGIN") + executed("COMMENT") + marked() + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.other), "PBEPBEPBEPBEPBES");
    shell.main.sent.clear();
    answers(shell.other, executed("BEGIN") + executed("COMMENT") + marked() + prepared());
    main_commits();
    EXPECT_EQ(shell.other.sent, query(kCommit));
    answers(shell.other, tag("COMMIT PREPARED") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "12CZ");
    expect_given_back();
}

TEST_F(TwoPhaseTest, WhatMainCannotCommitIsRolledBack) {
    main_executes();
    other_executes();
    answers(shell.main, error("40001") + ready(TransactionStatus::Idle));
    EXPECT_EQ(shell.other.sent, query(kRollback));
    answers(shell.other, tag("ROLLBACK PREPARED") + ready(TransactionStatus::Idle));
    EXPECT_EQ(told_sqlstate(), "40001");
    expect_given_back();
    EXPECT_FALSE(shell.is_left);
}

// A difference does not stop the server: it prepares all the same. It may have been early.
TEST_F(TwoPhaseTest, WhatCameToAnotherResultIsRolledBackAndDoneAnew) {
    main_executes();
    other_executes("DROP TABLE");
    EXPECT_TRUE(shell.other.sent.starts_with(query(kRollback)));
    EXPECT_EQ(shell.main.sent, "");
    answers(shell.other, tag("ROLLBACK PREPARED") + ready(TransactionStatus::Idle) + tag("SELECT 1") +
                             ready(TransactionStatus::Idle));
    EXPECT_EQ(shell.main.sent, "");
    answers(shell.other, done('2') + tag("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    shell.other.sent.clear();
    answers(shell.other, marked() + prepared());
    main_commits();
    EXPECT_EQ(shell.other.sent, query(kCommit));
    answers(shell.other, tag("COMMIT PREPARED") + ready(TransactionStatus::Idle));
    EXPECT_EQ(told_sqlstate(), "");
    expect_given_back();
}

// By the epoch: it is an error there, so nothing was prepared.
TEST_F(TwoPhaseTest, AMarkerThatIsRefusedPreparesNothing) {
    main_executes();
    answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    shell.other.sent.clear();
    answers(shell.other, executed("SET CONSTRAINTS") + done('1') + done('2') + error("22012") +
                             ready(TransactionStatus::Failed));
    EXPECT_EQ(shell.marks_refused, 1);
    EXPECT_EQ(shell.main.sent, query("ROLLBACK"));
    EXPECT_EQ(shell.other.sent, query("ROLLBACK"));
    answers(shell.main, undone());
    answers(shell.other, undone());
    EXPECT_EQ(told_sqlstate(), "40001");
    expect_given_back(Disposal::Reset);
    EXPECT_FALSE(shell.is_left);
}

TEST_F(TwoPhaseTest, WhatCannotBePreparedIsToldInTheNodesWords) {
    main_executes();
    answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction) +
                             marked() + done('1') + done('2') + error("0A000") +
                             ready(TransactionStatus::Failed));
    answers(shell.main, undone());
    answers(shell.other, undone());
    EXPECT_NE(shell.replied.find("cannot be prepared on node"), std::string::npos);
    EXPECT_EQ(told_sqlstate(), "0A000");
    expect_given_back(Disposal::Reset);
}

// Nobody knows whether it had prepared: the keeper looks, the slot waits.
TEST_F(TwoPhaseTest, ALostNodeMayHaveItPrepared) {
    main_executes();
    session.on_link_lost(shell.other, "gone");
    shell.other.is_lent = false;
    EXPECT_EQ(shell.main.sent, query("ROLLBACK"));
    answers(shell.main, undone());
    EXPECT_EQ(told_sqlstate(), "40001");
    expect_held();
    EXPECT_EQ(session.pump(query(kDdl)), 0U) << "it waits";
    EXPECT_FALSE(shell.other.is_lent);
    next_epoch();
    client_sends(query(kDdl));
    EXPECT_EQ(sent_to(shell.main), "QBEQBEBES") << "behind the ROLLBACK";
    EXPECT_TRUE(around.held_slots.empty());
}

TEST_F(TwoPhaseTest, FactsThatComeTooLateMayComeInTimeTheNextTime) {
    database.marks->ddl_seen(TimePoint(seconds(2)));
    const std::string late = query("DELETE FROM log WHERE a = 1");
    for (int i = 0; i < 50 && session.pump(late) == 0; ++i) session.on_timer(TimerKind::Wait);
    EXPECT_EQ(told_sqlstate(), "40001");
}

TEST_F(TwoPhaseTest, AHeldSlotIsNotWaitedForForEver) {
    around.held_slots = {{0, 0}};
    around.free_slots.clear();
    around.now = TimePoint(seconds(1));
    EXPECT_EQ(session.pump(query(kDdl)), 0U);
    around.now += around.config->health.failover_park_timeout;
    session.on_timer(TimerKind::Wait);
    client_sends(query(kDdl));
    EXPECT_EQ(told_sqlstate(), "53300") << "no slot";
}

TEST_F(TwoPhaseTest, WhatIsPreparedBehindARollbackIsRolledBackToo) {
    main_executes();
    session.on_timer(TimerKind::Wait);  // stall_timeout
    EXPECT_TRUE(shell.other.sent.ends_with(query("ROLLBACK")));
    answers(shell.main, undone());
    shell.other.sent.clear();
    answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction) +
                             marked() + prepared() + undone());
    EXPECT_EQ(shell.other.sent, query(kRollback));
    EXPECT_EQ(replied(), "");
    answers(shell.other, tag("ROLLBACK PREPARED") + ready(TransactionStatus::Idle));
    EXPECT_EQ(told_sqlstate(), "40001");
    EXPECT_FALSE(shell.is_left);
    EXPECT_EQ(around.free_slots.size(), 1U);
}

// The late cancel request has hit it.
TEST_F(TwoPhaseTest, WhatCouldNotBeRolledBackIsLeft) {
    main_executes();
    other_executes();
    answers(shell.main, error("40001") + ready(TransactionStatus::Idle));
    answers(shell.other, error("57014") + ready(TransactionStatus::Idle));
    EXPECT_EQ(told_sqlstate(), "40001");
    expect_held();
}

TEST_F(TwoPhaseTest, MainIsLostBeforeItWasToldToCommit) {
    main_executes();
    answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    session.on_link_lost(shell.main, "gone");
    EXPECT_EQ(told_sqlstate(), "40001");
    expect_held();
}

TEST_F(TwoPhaseTest, AClientThatIsGoneLeavesNothingPrepared) {
    main_executes();
    session.on_client_gone();
    EXPECT_TRUE(session.must_finish());
    answers(shell.main, undone());
    answers(shell.other, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction) +
                             marked() + prepared());
    EXPECT_TRUE(session.must_finish());
    answers(shell.other, undone());
    EXPECT_TRUE(session.must_finish());
    answers(shell.other, tag("ROLLBACK PREPARED") + ready(TransactionStatus::Idle));
    EXPECT_FALSE(session.must_finish());
    EXPECT_FALSE(shell.main.is_lent);
    EXPECT_FALSE(shell.other.is_lent);
    EXPECT_FALSE(shell.is_left);
    EXPECT_EQ(around.free_slots.size(), 1U);
}

// The keeper has ended it there: as main did, if main is still in.
TEST_F(TwoPhaseTest, WhatTheKeeperHasCommittedIsCommitted) {
    shell.may_fail = true;
    main_executes();
    other_executes();
    main_commits();
    answers(shell.other, error("42704") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "") << "the next epoch is awaited";
    next_epoch();
    EXPECT_EQ(told_sqlstate(), "");
    EXPECT_EQ(around.free_slots.size(), 1U);
}

// statement_timeout may have ended just then: the node has all of it, prepared if not committed.
TEST_F(TwoPhaseTest, ANodeWhereTheCommitFailsIsNotTakenOut) {
    main_executes();
    other_executes();
    main_commits();
    answers(shell.other, error("57014") + ready(TransactionStatus::Idle));
    EXPECT_TRUE(shell.is_left);
    EXPECT_EQ(replied(), "") << "the next epoch is awaited";
    next_epoch();
    EXPECT_EQ(replied(), "CZ");
    EXPECT_EQ(around.held_slots.size(), 1U);
}

// Its connection is of no use any more, what it has committed is.
TEST_F(TwoPhaseTest, WhatAnotherHasCommittedStaysThoughBothConnectionsAreLost) {
    shell.may_fail = true;
    main_executes();
    other_executes();
    main_commits();
    session.on_link_lost(shell.main, "gone");
    answers(shell.other, tag("COMMIT PREPARED") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "") << "main must be out";
    session.on_link_lost(shell.other, "gone");
    next_epoch(cluster::NodeState::Down);
    EXPECT_EQ(replied(), "CZ");
}

TEST_F(TwoPhaseTest, WhatTheKeeperHasEndedWithoutMainIsUnknown) {
    shell.may_fail = true;
    main_executes();
    other_executes();
    main_commits();
    answers(shell.other, error("42704") + ready(TransactionStatus::Idle));
    next_epoch(cluster::NodeState::Down);
    EXPECT_EQ(told_sqlstate(), "08007");
    EXPECT_EQ(around.free_slots.size(), 1U);
}

// SET LOCAL ROLE would leave it to another owner.
TEST_F(TwoPhaseTest, ATransactionThatSetsSomethingIsPreparedByTheUserOfTheSession) {
    client_sends(query("BEGIN"));
    client_sends(query("SET LOCAL work_mem = 64"));
    answers(shell.main, executed("BEGIN") + tag("SET") + ready(TransactionStatus::InTransaction));
    client_sends(query(kDdl));
    answers(shell.main, tag("COMMENT") + ready(TransactionStatus::InTransaction));
    answers(shell.other, executed("BEGIN") + tag("SET") + ready(TransactionStatus::InTransaction) +
                             tag("COMMENT") + ready(TransactionStatus::InTransaction));
    shell.other.sent.clear();
    EXPECT_EQ(session.pump(query("COMMIT")), 0U);
    EXPECT_EQ(types(shell.other.sent), "PBEPBEPBEPBES");
    const std::size_t role = shell.other.sent.find("SET ROLE NONE");
    EXPECT_LT(shell.other.sent.find("COALESCE(answer"), role) << "what is deferred has run as that role";
    EXPECT_LT(role, shell.other.sent.find("PREPARE TRANSACTION"));
}

class TwoPhaseIfLargeTest : public TwoPhaseTest {
protected:
    TwoPhaseIfLargeTest() : TwoPhaseTest(config::Commit::Auto) {}

    [[nodiscard]] bool prepares_comment(std::size_t size) {
        client_sends(query("COMMENT ON TABLE t IS '" + std::string(size, 'x') + "'"));
        answers(shell.main, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
        return shell.other.sent.find("PREPARE TRANSACTION") != std::string::npos;
    }
};

TEST_F(TwoPhaseIfLargeTest, WhatFitsIntoTheMarkerIsNotPrepared) {
    EXPECT_FALSE(prepares_comment(10));
}

TEST_F(TwoPhaseIfLargeTest, WhatDoesNotFitIsPrepared) {
    EXPECT_TRUE(prepares_comment(70'000));
}

TEST_F(TwoPhaseIfLargeTest, WhatDoesNotFitIsNotPreparedWhereNodesCannot) {
    auto topology = std::make_shared<cluster::Topology>(*around.topology);
    topology->can_prepare = false;
    around.topology = topology;
    EXPECT_FALSE(prepares_comment(70'000));
}

}  // namespace
}  // namespace pgpool::exec
