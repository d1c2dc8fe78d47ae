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
        ADD_FAILURE() << reason;
    }
    void mark_refused(std::uint64_t /*epoch*/) override {}
    OwnAnswer own_command(const sql::Statement& /*statement*/, Run /*run*/) override {
        return milliseconds(0);
    }
    Result<OwnResult> own_result() override { return OwnResult{}; }
};

config::ConfigPtr configuration() {
    auto config = std::make_shared<config::Config>();
    config->mode = config::ClusterMode::Replication;
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
    ReplicatedTest() {
        around.topology = two_nodes();
        around.next_sequence = &sequence;
        around.free_slots = {0};
        database.name = "app";
        auto facts = std::make_shared<sql::CatalogFacts>();
        facts->version = 1;
        facts->writes_known = true;
        facts->as_of = TimePoint(seconds(1));
        sql::WriteFacts keyless;
        keyless.columns = {{.name = "a"}};
        facts->relations["log"].write = std::make_shared<const sql::WriteFacts>(keyless);
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
    Surroundings around{configuration(), "_p_", 1};
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

// --- statements that repeat under locks

TEST_F(ReplicatedTest, LocksComeBeforeTheStatementOnAllNodes) {
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

TEST_F(ReplicatedTest, WhatWasNotLockedForIsNotRepeatedIfItChangedNothing) {
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

TEST_F(ReplicatedTest, LocksThatAreNotToBeHadAreTheErrorOfTheStatement) {
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

TEST_F(ReplicatedTest, NodesOfAnOlderVersionAreToldOf) {
    client_sends(query("DELETE FROM log"));
    answers(shell.main, executed("BEGIN") + error("42883") + ready(TransactionStatus::Failed));
    EXPECT_NE(shell.replied.find("older version"), std::string::npos);
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "EZ");
    sent_to(shell.main);
    client_sends(query("DELETE FROM log"));
    EXPECT_EQ(sent_to(shell.main), "BEPBECQ") << "what was not prepared there is prepared again";
}

TEST_F(ReplicatedTest, BehindABeginOfTheSameBatchComeTheLocks) {
    std::string frames = batch("BEGIN");
    frames.resize(frames.size() - wire::kFrameHeader);  // its Sync
    client_sends(frames + batch("DELETE FROM log"));
    EXPECT_EQ(sent_to(shell.main), "PBEPPBECBES");
}

TEST_F(ReplicatedTest, AFirstStatementIsLockedForByACommandWithoutSnapshot) {
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
