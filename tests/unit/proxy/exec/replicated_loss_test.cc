// SPDX-License-Identifier: PostgreSQL
// Mode replication: what becomes of a transaction whose nodes are lost, and of what runs outside of one.
#include <gtest/gtest.h>

#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using cluster::NodeState;
using wire::TransactionStatus;

class LossTest : public ReplicatedTest {
protected:
    LossTest() { shell.may_fail = true; }

    // The next topology, as the keeper and the probes make it.
    template <typename Change>
    void becomes(Change change) {
        auto next = std::make_shared<cluster::Topology>(*around.topology);
        change(*next);
        around.topology = next;
        session.on_news();
    }
    static void take_out(cluster::Topology& topology, std::size_t node) {
        topology.nodes[node].state = NodeState::Down;
        topology.nodes[node].is_taken_out = true;
        ++topology.epoch;
    }
    void main_is_told_to_commit() {
        client_sends(query(kDdl));
        const std::string done = executed("BEGIN") + tag("COMMENT") +
                                 ready(TransactionStatus::InTransaction) + marked() +
                                 ready(TransactionStatus::InTransaction);
        answers(shell.main, done);
        if (shell.other.is_lent) answers(shell.other, done);
        EXPECT_TRUE(shell.main.sent.ends_with(query("COMMIT")));
    }
    // Of what was replied; empty: no error.
    [[nodiscard]] std::string told_sqlstate() {
        for (ByteView rest = shell.replied; !rest.empty();) {
            const auto frame = wire::next_frame(rest).frame;
            if (frame.type == wire::backend::kErrorResponse)
                return std::string(wire::read_error_fields(frame.body).sqlstate);
            rest.remove_prefix(frame.bytes.size());
        }
        return {};
    }
};

// It sleeps, and will commit when it wakes.
TEST_F(LossTest, ACommitOfTheLastNodeIsUnknownWhileThatIsOnlyDown) {
    becomes([](auto& topology) { take_out(topology, 1); });
    main_is_told_to_commit();
    becomes([](auto& topology) { topology.nodes[0].state = NodeState::Down; });
    session.on_link_lost(shell.main, "its probes fail");
    EXPECT_EQ(told_sqlstate(), "08007");
}

TEST_F(LossTest, ACommitOfAMainNodeThatWasTakenOutCanBeRepeated) {
    main_is_told_to_commit();
    session.on_link_lost(shell.main, "gone");
    EXPECT_EQ(shell.replied, "") << "it may not be out";
    becomes([](auto& topology) { topology.nodes[0].state = NodeState::Down; });
    EXPECT_EQ(shell.replied, "");
    becomes([](auto& topology) { take_out(topology, 0); });
    EXPECT_EQ(told_sqlstate(), "40001");
}

TEST_F(LossTest, ACommitThatOthersMayHaveTakenOverIsUnknown) {
    main_is_told_to_commit();
    session.on_link_lost(shell.main, "gone");
    becomes([](auto& topology) {
        take_out(topology, 0);
        topology.nodes[0].given_under = topology.epoch;
    });
    EXPECT_EQ(told_sqlstate(), "08007");
}

TEST_F(LossTest, WhoIsAwayWhileMainRunsWhatHasNoMarkerMustBeOut) {
    client_sends(query("CREATE INDEX CONCURRENTLY i ON s.t (v)"));
    session.on_link_lost(shell.other, "terminating connection due to idle-session timeout");
    EXPECT_EQ(shell.failed, "");
    answers(shell.main, tag("CREATE INDEX") + ready(TransactionStatus::Idle));
    EXPECT_NE(shell.failed, "");
    EXPECT_EQ(shell.sign, cluster::Sign::Unequal);
    EXPECT_EQ(shell.replied, "") << "the other must be out before the client hears of it";
    becomes([](auto& topology) { ++topology.epoch; });
    EXPECT_EQ(shell.replied, "") << "nothing is made equal without a marker";
    becomes([](auto& topology) { take_out(topology, 1); });
    EXPECT_EQ(replied(), "CZ");
}

TEST_F(LossTest, WhatFailsOnMainNobodyHasMissed) {
    client_sends(query("CREATE INDEX CONCURRENTLY i ON s.t (v)"));
    session.on_link_lost(shell.other, "gone");
    answers(shell.main, error("42P01") + ready(TransactionStatus::Idle));
    EXPECT_EQ(shell.failed, "");
    EXPECT_EQ(replied(), "EZ");
}

TEST_F(LossTest, AMainNodeThatIsLostInWhatHasNoMarkerMustBeOut) {
    client_sends(query("CREATE INDEX CONCURRENTLY i ON s.t (v)"));
    session.on_link_lost(shell.main, "gone");
    EXPECT_EQ(shell.sign, cluster::Sign::Unequal);
    becomes([](auto& topology) { topology.nodes[0].given_under = ++topology.epoch; });
    EXPECT_EQ(shell.replied, "") << "main may have done it, the other has not";
    becomes([](auto& topology) { take_out(topology, 0); });
    EXPECT_EQ(told_sqlstate(), "40001");
}

TEST_F(LossTest, HowLongMainTookIsNotWaitedForANodeThatIsMissing) {
    client_sends(query("BEGIN"));
    client_sends(query(kDdl));
    around.now += seconds(100);
    for (TestLink* link : {&shell.main, &shell.other})
        answers(*link, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    becomes([](auto& topology) {  // one that is lost
        topology.nodes.push_back(topology.nodes[1]);
        topology.nodes.back().id = NodeId(2);
    });
    EXPECT_EQ(session.pump(query("COMMIT")), 0U);
    EXPECT_EQ(shell.waits, around.config->replication.stall_timeout);
    around.now += seconds(1);
    session.on_news();
    EXPECT_EQ(shell.waits, around.config->replication.stall_timeout - seconds(1))
        << "not anew with each topology";
}

// Both are timers of the same kind.
TEST_F(LossTest, AnUnfinishedBatchDoesNotTakeTheBoundOfACommit) {
    client_sends(query(kDdl));
    std::string parse;
    wire::append_parse(parse, "", std::string("SELECT 1\0\0\0", 11));
    EXPECT_EQ(session.pump(parse), 0U) << "its Sync is to come";
    const std::string done = executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction) +
                             marked() + ready(TransactionStatus::InTransaction);
    answers(shell.main, done);
    answers(shell.other, done);
    answers(shell.main, tag("COMMIT") + ready(TransactionStatus::Idle));
    EXPECT_EQ(session.pump(parse), 0U);
    session.on_timer(TimerKind::Wait);
    EXPECT_NE(shell.failed, "") << "the other has not committed in time";
}

TEST_F(LossTest, HowLongACommitMayTakeCountsFromWhenMainIsToldSo) {
    client_sends(query(kDdl));
    around.now += seconds(100);
    const std::string done = executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction) +
                             marked() + ready(TransactionStatus::InTransaction);
    answers(shell.main, done);
    shell.waits = {};  // nearly over
    answers(shell.other, done);
    EXPECT_TRUE(shell.main.sent.ends_with(query("COMMIT")));
    EXPECT_EQ(shell.waits, around.config->replication.stall_timeout);
}

TEST_F(LossTest, WhyATransactionHadToEndIsNotToldOfTheNext) {
    client_sends(query("BEGIN"));
    client_sends(query(kDdl));
    for (TestLink* link : {&shell.main, &shell.other})
        answers(*link, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    session.on_link_lost(shell.other, "gone");
    shell.other.is_lent = false;
    EXPECT_EQ(session.pump(query("ROLLBACK")), 0U);
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    shell.replied.clear();
    client_sends(query("ROLLBACK"));
    EXPECT_EQ(shell.replied, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    client_sends(query("BEGIN"));
    client_sends(query("SELECT 1"));
    answers(shell.main, done('2') + tag("BEGIN") + tag("SELECT 1") + ready(TransactionStatus::InTransaction));
    session.on_link_lost(shell.main, "gone too");
    shell.replied.clear();
    client_sends(query("SELECT 1"));
    EXPECT_NE(shell.replied.find("the node was lost"), std::string::npos) << shell.replied;
}

TEST_F(LossTest, NobodyWaitsForANodeThatHasComeIn) {
    client_sends(query("BEGIN"));
    client_sends(query(kDdl));
    for (TestLink* link : {&shell.main, &shell.other})
        answers(*link, executed("BEGIN") + tag("COMMENT") + ready(TransactionStatus::InTransaction));
    becomes([](auto& topology) {
        topology.nodes.push_back(topology.nodes[1]);
        topology.nodes.back().id = NodeId(2);
        ++topology.epoch;
    });
    sent_to(shell.main);
    EXPECT_EQ(session.pump(query("COMMIT")), 0U);
    EXPECT_EQ(sent_to(shell.main), "Q") << "ROLLBACK";
}

}  // namespace
}  // namespace pgpool::exec
