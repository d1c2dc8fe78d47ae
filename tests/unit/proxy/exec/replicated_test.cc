// SPDX-License-Identifier: PostgreSQL
// Mode replication: in which messages a transaction goes to main and to the other node. Both are played by
// hand.
#include <gtest/gtest.h>

#include <atomic>

#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;
using namespace std::string_literals;

class TestLink final : public ServerLink {
public:
    TestLink(NodeId at, NameValuesTable& names) : ServerLink(at, names, 20) {}

    std::string sent;
    bool is_lent = false;
    Disposal disposal = Disposal::Keep;
};

// The types of the messages.
std::string types(std::string_view bytes) {
    std::string types;
    while (!bytes.empty()) {
        const auto frame = wire::next_frame(bytes).frame;
        types.push_back(frame.type);
        bytes.remove_prefix(frame.bytes.size());
    }
    return types;
}

class Shell final : public Effects {
public:
    explicit Shell(NameValuesTable& names) : main(NodeId(0), names), other(NodeId(1), names) {}

    TestLink main, other;
    std::string replied;
    bool may_fail = false;  // a node
    std::string failed;
    bool is_mark_refused = false;
    bool is_left = false;

    void reply(ByteView bytes) override { replied += bytes; }
    bool client_is_behind() override { return false; }
    void send(ServerLink& link, ByteView bytes) override { static_cast<TestLink&>(link).sent += bytes; }
    ServerLink* acquire(const route::Target& target) override {
        TestLink& link = target.is_primary() || target.node == main.node ? main : other;
        EXPECT_FALSE(std::exchange(link.is_lent, true));
        return &link;
    }
    void withdraw() override {}
    void release(ServerLink& link, Disposal disposal) override {
        auto& given = static_cast<TestLink&>(link);
        given.is_lent = false;
        given.disposal = disposal;
    }
    bool connection_wanted() override { return true; }
    void cancel(ServerLink& /*link*/) override {}
    void await_news() override {}
    void arm(TimerKind /*timer*/, milliseconds /*after*/) override {}
    void disarm(TimerKind /*timer*/) override {}
    void login_refused(const Error& /*error*/) override {}
    void close() override {}
    TimePoint clock() override { return {}; }
    void ddl_seen() override {}
    void facts_wanted() override {}
    void statement(std::string_view /*sql*/, const ServerLink* /*at*/) override {}
    void node_suspect(NodeId /*node*/) override {}
    void node_failed(NodeId /*node*/, std::uint64_t /*epoch*/, std::string_view reason) override {
        if (!may_fail) ADD_FAILURE() << reason;
        failed = reason;
    }
    void mark_refused(std::uint64_t /*epoch*/) override { is_mark_refused = true; }
    void prepared_left(std::uint64_t /*epoch*/) override { is_left = true; }
    OwnAnswer own_command(const sql::Statement& /*statement*/, Run /*run*/) override {
        return milliseconds(0);
    }
    Result<OwnResult> own_result() override { return OwnResult{}; }
};

config::ConfigPtr configuration(config::Commit commit) {
    auto config = std::make_shared<config::Config>();
    config->mode = config::ClusterMode::Replication;
    config->replication.commit = commit;
    return config;
}

cluster::TopologyPtr two_nodes() {
    auto topology = std::make_shared<cluster::Topology>();
    for (const NodeId id : {NodeId(0), NodeId(1)}) {
        cluster::NodeStatus node;
        node.id = id;
        node.role = id == NodeId(0) ? cluster::Role::Primary : cluster::Role::Replica;
        node.state = cluster::NodeState::Up;
        topology->nodes.push_back(node);
    }
    topology->primary = NodeId(0);
    return topology;
}

class ReplicatedTest : public testing::Test {
protected:
    explicit ReplicatedTest(config::Commit commit = config::Commit::Ordered)
        : around(configuration(commit), "_p_", 1) {
        around.topology = two_nodes();
        around.next_sequence = &sequence;
        around.free_slots = {0};
        database.name = "app";
        auto facts = std::make_shared<sql::CatalogFacts>();
        facts->version = 1;
        facts->writes_known = true;
        database.facts = facts;
        session.start();
        shell.replied.clear();
    }

    static std::string tag(std::string_view text) {
        std::string frame;
        wire::append_command_complete(frame, text);
        return frame;
    }
    static std::string ready(TransactionStatus status) {
        std::string frame;
        wire::append_ready_for_query(frame, status);
        return frame;
    }
    static std::string error(std::string_view sqlstate) {
        std::string frame;
        wire::append_error(frame, {.sqlstate = SqlState(sqlstate), .message = "no"});
        return frame;
    }
    static std::string done(char type) {
        std::string frame;
        wire::append_frame(frame, type, {});
        return frame;
    }
    // A statement that had to be prepared first.
    static std::string executed(std::string_view text) { return done('1') + done('2') + tag(text); }
    static std::string marked(std::string_view value = "t") {
        std::string row;
        wire::FrameBuilder(row, wire::backend::kDataRow).int16(1).int32(1).bytes(value);
        return executed("SET CONSTRAINTS") + done('1') + done('2') + row + tag("SELECT 1");
    }
    static std::string query(std::string_view sql) {
        std::string frame;
        wire::append_query(frame, sql);
        return frame;
    }
    static std::string batch(std::string_view sql) {
        std::string frames;
        wire::append_parse(frames, "", std::string(sql) + "\0\0\0"s);
        wire::FrameBuilder(frames, wire::frontend::kBind).string("").string("").int16(0).int16(0).int16(0);
        wire::FrameBuilder(frames, wire::frontend::kExecute).string("").int32(0);
        wire::append_sync(frames);
        return frames;
    }
    void client_sends(const std::string& bytes) { EXPECT_EQ(session.pump(bytes), bytes.size()); }
    void answers(TestLink& link, const std::string& bytes) {
        EXPECT_EQ(session.on_server_bytes(link, bytes), bytes.size());
    }
    static std::string sent_to(TestLink& link) { return types(std::exchange(link.sent, {})); }
    std::string replied() { return types(std::exchange(shell.replied, {})); }
    void expect_given_back(Disposal disposal = Disposal::Keep) {
        for (const TestLink* link : {&shell.main, &shell.other}) {
            EXPECT_FALSE(link->is_lent) << "to node " << link->node.value;
            EXPECT_TRUE(link->replies.empty());
        }
        EXPECT_EQ(shell.other.disposal, disposal);
        EXPECT_EQ(around.free_slots.size(), 1U);
    }
    void commits() {
        EXPECT_EQ(sent_to(shell.main), "Q") << "COMMIT";
        EXPECT_EQ(sent_to(shell.other), "");
        answers(shell.main, tag("COMMIT") + ready(TransactionStatus::Idle));
        EXPECT_EQ(sent_to(shell.other), "Q") << "COMMIT";
        EXPECT_EQ(replied().find('Z'), std::string::npos);
        answers(shell.other, tag("COMMIT") + ready(TransactionStatus::Idle));
    }

    static constexpr std::string_view kDdl = "COMMENT ON TABLE t IS 'x'";
    std::atomic<std::uint64_t> sequence{1};
    Surroundings around;
    Database database;
    Shell shell{around.names};
    Session session{
        1, {.user = "amy", .database = &database, .startup = around.names.empty()}, around, shell};
};

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

TEST_F(ReplicatedTest, AMarkerThatMainRefusesUndoesTheTransaction) {
    client_sends(batch(kDdl));
    answers(shell.main,
            executed("BEGIN") + executed("COMMENT") + marked("f") + ready(TransactionStatus::InTransaction));
    answers(shell.other,
            executed("BEGIN") + executed("COMMENT") + marked() + ready(TransactionStatus::InTransaction));
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    answers(shell.other, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "12CEZ");
    expect_given_back();
}

// A constraint that was deferred: found out before anybody commits.
TEST_F(ReplicatedTest, AnErrorOfTheMarkerIsTheErrorOfTheBatch) {
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
    EXPECT_TRUE(shell.is_mark_refused);
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

// What is set would outlive PREPARE TRANSACTION.
TEST_F(TwoPhaseTest, ATransactionThatSetsSomethingCommitsInOrder) {
    client_sends(query("BEGIN"));
    client_sends(query("SET LOCAL lock_timeout = 1"));
    answers(shell.main, executed("BEGIN") + tag("SET") + ready(TransactionStatus::InTransaction));
    client_sends(query(kDdl));
    answers(shell.main, tag("COMMENT") + ready(TransactionStatus::InTransaction));
    answers(shell.other, executed("BEGIN") + tag("SET") + ready(TransactionStatus::InTransaction) +
                             tag("COMMENT") + ready(TransactionStatus::InTransaction));
    shell.other.sent.clear();
    EXPECT_EQ(session.pump(query("COMMIT")), 0U);
    EXPECT_EQ(types(shell.other.sent), "PBEPBES");
    EXPECT_EQ(shell.other.sent.find("PREPARE TRANSACTION"), std::string::npos);
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

}  // namespace
}  // namespace pgpool::exec
