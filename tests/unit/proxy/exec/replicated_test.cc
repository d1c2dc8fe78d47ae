// SPDX-License-Identifier: PostgreSQL
// Mode replication: in which messages a transaction goes to main and to the other node. Both are played by
// hand.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <vector>

#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;
using namespace std::string_literals;
using namespace std::string_view_literals;

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

class TestVacancy final : public Vacancy {
public:
    explicit TestVacancy(sql::DatabaseUse use) : use_(std::move(use)) {}
    [[nodiscard]] const sql::DatabaseUse& use() const override { return use_; }
    [[nodiscard]] State state() const override { return now; }
    [[nodiscard]] std::vector<std::string> users() const override { return {"bob's"}; }
    void look_again() override { ++looks; }
    void end_sessions() override { now = State::Vacant; }

    State now = State::Asked;
    int looks = 1;

private:
    sql::DatabaseUse use_;
};

class Shell final : public Effects {
public:
    explicit Shell(NameValuesTable& names) : main(NodeId(0), names), other(NodeId(1), names) {}

    TestLink main, other;
    std::string replied;
    bool may_fail = false;  // a node
    std::string failed;
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
    TimePoint now;
    TimePoint clock() override { return now; }
    void ddl_seen() override {}
    void facts_wanted() override {}
    void statement(std::string_view /*sql*/, const ServerLink* /*at*/) override {}
    void node_suspect(NodeId /*node*/) override {}
    void node_failed(NodeId /*node*/, std::uint64_t /*epoch*/, cluster::Sign /*sign*/,
                     std::string_view reason) override {
        if (!may_fail) ADD_FAILURE() << reason;
        failed = reason;
    }
    int marks_refused = 0;
    void mark_refused(std::uint64_t /*epoch*/) override { ++marks_refused; }
    void prepared_left(std::uint64_t /*epoch*/) override { is_left = true; }
    std::weak_ptr<TestVacancy> vacancy;
    std::shared_ptr<Vacancy> vacate(const sql::DatabaseUse& use) override {
        auto asked = std::make_shared<TestVacancy>(use);
        vacancy = asked;
        return asked;
    }
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
    topology->can_prepare = true;
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
        for (const char* name :
             {"lo_put", "lo_unlink", "lo_create", "lo_open", "loread", "lo_close", "lowrite", "set_config"})
            facts->functions["pg_catalog." + std::string(name)] = {sql::Volatility::Volatile, true, true};
        facts->functions["unread"] = {sql::Volatility::Stable, false, false};
        facts->relations["pg_catalog.pg_settings"].system = true;
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
    static std::string marked(std::string_view value = "0") {
        std::string row;
        wire::FrameBuilder(row, wire::backend::kDataRow).int16(1).int32(1).bytes(value);
        return executed("SET CONSTRAINTS") + done('1') + done('2') + row + tag("SELECT 1");
    }
    static std::string row(std::string_view value) {
        std::string frame;
        wire::FrameBuilder(frame, wire::backend::kDataRow)
            .int16(1)
            .int32(static_cast<std::uint32_t>(value.size()))
            .bytes(value);
        return frame;
    }
    static std::string locked() { return done('1') + done('2') + row("") + tag("SELECT 1") + done('3'); }
    static std::string function_call(std::uint32_t oid, const std::vector<std::string>& values) {
        std::string given;
        for (const std::string& value : values) {
            append_be32(given, static_cast<std::uint32_t>(value.size()));
            given += value;
        }
        std::string frame;
        wire::FrameBuilder(frame, wire::frontend::kFunctionCall)
            .int32(oid)
            .int16(0)
            .int16(static_cast<std::uint16_t>(values.size()))
            .bytes(given)
            .int16(0);
        return frame;
    }
    static std::string response(std::string_view value) {
        std::string frame;
        wire::FrameBuilder(frame, wire::backend::kFunctionCallResponse)
            .int32(static_cast<std::uint32_t>(value.size()))
            .bytes(value);
        return frame;
    }
    static std::string query(std::string_view sql) {
        std::string frame;
        wire::append_query(frame, sql);
        return frame;
    }
    static std::string batch(std::string_view sql, std::string_view types = "\0\0"sv) {
        std::string frames;
        wire::append_parse(frames, "", std::string(sql) + "\0"s + std::string(types));
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

    static constexpr std::string_view kDdl = "CREATE SCHEMA s";
    static constexpr std::string_view kLookedFor =
        "SELECT pg_catalog.set_config(name, 'view', false) FROM pg_catalog.pg_settings WHERE name = "
        "'my.kind'";
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

TEST_F(ReplicatedTest, AMarkThatCameTooEarlyIsMadeAgain) {
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

TEST_F(ReplicatedTest, AMarkIsNotMadeAgainForEver) {
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
    EXPECT_NE(shell.replied.find("the membership of nodes changes"), std::string::npos);
    EXPECT_EQ(replied(), "EZ");
}

TEST_F(ReplicatedTest, UnderAnOlderSnapshotAMarkIsNotMadeAgain) {
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

TEST_F(ReplicatedTest, ADatabaseIsDroppedOnceNobodyIsConnected) {
    const std::string drop = query("DROP DATABASE d");
    EXPECT_EQ(session.pump(drop), 0U);
    ASSERT_FALSE(shell.vacancy.expired());
    shell.vacancy.lock()->now = Vacancy::State::InUse;
    session.on_news();
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_EQ(shell.vacancy.lock()->looks, 2);
    session.on_news();
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_EQ(shell.vacancy.lock()->looks, 2) << "not so soon";
    shell.vacancy.lock()->now = Vacancy::State::Leaving;
    around.now += seconds(1);
    session.on_timer(TimerKind::Wait);
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_EQ(shell.vacancy.lock()->looks, 3);
    shell.vacancy.lock()->now = Vacancy::State::Vacant;
    session.on_news();
    EXPECT_EQ(sent_to(shell.main), "");
    client_sends(drop);
    EXPECT_EQ(sent_to(shell.main), "Q");
    answers(shell.main, tag("DROP DATABASE") + ready(TransactionStatus::Idle));
    EXPECT_EQ(sent_to(shell.other), "QQ") << "settings, the Query";
    const std::string settings = tag("SET") + ready(TransactionStatus::Idle);
    answers(shell.other, settings + error("55006") + ready(TransactionStatus::Idle));
    EXPECT_EQ(sent_to(shell.other), "Q") << "once more";
    EXPECT_FALSE(shell.vacancy.expired());
    answers(shell.other, tag("DROP DATABASE") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "CZ");
    EXPECT_TRUE(shell.vacancy.expired());
    expect_given_back(Disposal::Reset);
}

TEST_F(ReplicatedTest, ADatabaseThatClientsAreConnectedToStays) {
    const std::string rename = query("ALTER DATABASE d RENAME TO e");
    EXPECT_EQ(session.pump(rename), 0U);
    shell.vacancy.lock()->now = Vacancy::State::InUse;
    around.now += seconds(6);
    session.on_news();
    client_sends(rename);
    EXPECT_NE(shell.replied.find("55006"), std::string::npos);
    EXPECT_EQ(replied(), "EZ");
    EXPECT_EQ(sent_to(shell.main) + sent_to(shell.other), "");
    EXPECT_TRUE(shell.vacancy.expired());
    EXPECT_FALSE(shell.main.is_lent || shell.other.is_lent);
    EXPECT_EQ(around.free_slots.size(), 1U);
}

TEST_F(ReplicatedTest, WhoMayEndsTheSessionsOfADatabase) {
    const std::string drop = query("DROP DATABASE d WITH (FORCE)");
    EXPECT_EQ(session.pump(drop), 0U);
    shell.vacancy.lock()->now = Vacancy::State::InUse;
    session.on_news();
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_NE(shell.main.sent.find("ARRAY['bob''s']"), std::string::npos);
    EXPECT_EQ(sent_to(shell.main), "Q") << "may it?";
    answers(shell.main, row("") + tag("SELECT 1") + ready(TransactionStatus::Idle));
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_EQ(shell.vacancy.lock()->state(), Vacancy::State::Vacant);
    session.on_news();
    client_sends(drop);
    EXPECT_EQ(sent_to(shell.main), "Q");
    answers(shell.main, error("42501") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "EZ");
}

TEST_F(ReplicatedTest, WhoMayNotEndsNoSessions) {
    const std::string drop = query("DROP DATABASE d WITH (FORCE)");
    EXPECT_EQ(session.pump(drop), 0U);
    shell.vacancy.lock()->now = Vacancy::State::InUse;
    session.on_news();
    EXPECT_EQ(session.pump(drop), 0U);
    sent_to(shell.main);
    answers(shell.main,
            row("must be owner of database d") + tag("SELECT 1") + ready(TransactionStatus::Idle));
    client_sends(drop);
    EXPECT_NE(shell.replied.find("must be owner of database d"), std::string::npos);
    EXPECT_EQ(replied(), "EZ");
    EXPECT_EQ(sent_to(shell.main), "");
    expect_given_back();
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

// What it changes is locked first.
TEST_F(ReplicatedTest, ALargeObjectIsWrittenUnderItsLock) {
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

TEST_F(ReplicatedTest, ALockThatIsRefusedIsTheErrorOfItsQuery) {
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
TEST_F(ReplicatedTest, AFunctionCallMakesWhatMainHasMade) {
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

TEST_F(ReplicatedTest, ANodeThatCameToAnotherResultIsSeen) {
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

TEST_F(ReplicatedTest, WhoOnlyReadsLargeObjectsConcernsMainAlone) {
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

TEST_F(ReplicatedTest, AMarkerThatMainRefusesUndoesTheTransaction) {
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

class LoginsTest : public ReplicatedTest {
protected:
    LoginsTest() {
        around.logins = &logins;
        shell.now = TimePoint(seconds(100));
    }
    void born(int main, int other) {
        shell.main.login_began = TimePoint(seconds(main));
        shell.other.login_began = TimePoint(seconds(other));
    }
    void runs(std::string_view sql, std::string_view text) {
        client_sends(query(sql));
        answers(shell.main, executed("BEGIN") + tag(text) + ready(TransactionStatus::InTransaction));
        answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
        shell.main.sent.clear();
        shell.other.sent.clear();
        answers(shell.other, executed("BEGIN") + tag(text) + ready(TransactionStatus::InTransaction) +
                                 marked() + ready(TransactionStatus::InTransaction));
    }
    void is_refused_if_born(int main, int other) {
        logins.changed(TimePoint(seconds(50)));
        born(main, other);
        runs(kDdl, "COMMENT");
        EXPECT_NE(shell.main.sent.find("ROLLBACK"), std::string::npos);
        answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
        answers(shell.other, tag("ROLLBACK") + ready(TransactionStatus::Idle));
        EXPECT_NE(shell.replied.find("40001"), std::string::npos);
        expect_given_back();
    }
    LoginMarks logins;
};

TEST_F(LoginsTest, ChangeByAlterRoleSetAndItsKin) {
    runs("ALTER ROLE amy SET search_path TO s", "ALTER ROLE");
    EXPECT_EQ(logins.latest(), shell.now) << "before anybody can see it";
    shell.now += seconds(1);
    commits();
    EXPECT_EQ(logins.latest(), shell.now) << "what logged in meanwhile may have either";
}

TEST_F(LoginsTest, DoNotChangeByOtherDdl) {
    runs(kDdl, "COMMENT");
    commits();
    EXPECT_EQ(logins.latest(), TimePoint{});
}

TEST_F(LoginsTest, OfBeforeAChangeDoNotCommitOnMain) {
    is_refused_if_born(40, 60);
}

TEST_F(LoginsTest, OfBeforeAChangeDoNotCommitOnOthers) {
    is_refused_if_born(60, 50);
}

TEST_F(LoginsTest, BehindAChangeCommit) {
    logins.changed(TimePoint(seconds(50)));
    born(51, 60);
    runs(kDdl, "COMMENT");
    commits();
    EXPECT_EQ(replied(), "CZ");
}

// A transaction that has changed the schema, and a table "made" that its own facts know.
class BehindDdlTest : public ReplicatedTest {
protected:
    BehindDdlTest() {
        around.now = TimePoint(std::chrono::seconds(10));
        auto committed = std::make_shared<sql::CatalogFacts>(*database.facts);
        committed->as_of = around.now;
        database.facts = committed;
        around.catalog_reading.queries = [](const RelationNames& /*names*/) {
            return std::vector<std::string>{"SELECT 'catalog'"};
        };
        around.catalog_reading.understand = [this](const std::vector<CatalogAnswer>& answers,
                                                   const sql::CatalogFacts& /*committed*/,
                                                   const RelationNames& /*names*/) {
            EXPECT_EQ(answers.size(), 1U);
            auto write = std::make_shared<sql::WriteFacts>();
            write->columns.emplace_back().name = "id";
            write->insert_obstacle = obstacle;
            auto facts = std::make_shared<sql::CatalogFacts>(*database.facts);
            facts->relations["made"].write = write;
            return facts;
        };
        client_sends(query("BEGIN"));
        runs(kDdl, "COMMENT", true);
    }

    // On both nodes, with nothing asked before.
    void runs(std::string_view sql, std::string_view told, bool begins = false) {
        const std::string begun = begins ? executed("BEGIN") : std::string();
        const std::string done = begun + tag(told) + ready(TransactionStatus::InTransaction);
        client_sends(query(sql));
        EXPECT_EQ(sent_to(shell.main), begins ? "PBEQ" : "Q") << sql;
        answers(shell.main, done);
        EXPECT_EQ(sent_to(shell.other), begins ? "PBEQ" : "Q") << sql;
        answers(shell.other, done);
        EXPECT_EQ(replied(), begins ? "CZCZ" : "CZ");
    }
    void waits(const std::string& request) {
        EXPECT_EQ(session.pump(request), 0U);
        EXPECT_NE(shell.main.sent.find("pgpool_own_facts"), std::string::npos);
        EXPECT_EQ(sent_to(shell.main), "Q");
        EXPECT_EQ(sent_to(shell.other), "");
        EXPECT_EQ(session.pump(request), 0U) << "it waits";
    }
    static std::string catalogs(std::string_view isolation = "read committed") {
        std::string row;
        wire::FrameBuilder(row, wire::backend::kDataRow)
            .int16(1)
            .int32(static_cast<std::uint32_t>(isolation.size()))
            .bytes(isolation);
        return tag("SAVEPOINT") + row + tag("SELECT 1") + tag("SELECT 0") + tag("ROLLBACK") + tag("RELEASE") +
               ready(TransactionStatus::InTransaction);
    }
    void reads_catalogs(const std::string& request) {
        waits(request);
        answers(shell.main, catalogs());
        EXPECT_EQ(replied(), "");
    }
    void all_roll_back() {
        for (TestLink* link : {&shell.main, &shell.other}) EXPECT_EQ(sent_to(*link), "Q") << "ROLLBACK";
        for (TestLink* link : {&shell.main, &shell.other})
            answers(*link, tag("ROLLBACK") + ready(TransactionStatus::Idle));
        EXPECT_FALSE(shell.other.is_lent);
    }
    // The SQLSTATE of what was replied, and the status at its end.
    std::string told() {
        const auto frame = wire::next_frame(shell.replied).frame;
        EXPECT_EQ(frame.type, 'E');
        const std::string sqlstate(wire::read_error_fields(frame.body).sqlstate);
        const std::string status = shell.replied.substr(shell.replied.size() - 1);
        shell.replied.clear();
        return sqlstate + status;
    }

    std::string obstacle;  // of "made", as the catalogs have it
    static constexpr std::string_view kInsert = "INSERT INTO made VALUES (1)";
};

TEST_F(BehindDdlTest, CatalogsAreReadOnceForTheWritesBehindIt) {
    reads_catalogs(query(kInsert));
    runs(kInsert, "INSERT 0 1");
    runs(kInsert, "INSERT 0 1");
    runs(kDdl, "COMMENT");
    reads_catalogs(query(kInsert));
    runs(kInsert, "INSERT 0 1");
    runs("SAVEPOINT a", "SAVEPOINT");
    runs(kInsert, "INSERT 0 1");
    runs("ROLLBACK TO a", "ROLLBACK");
    reads_catalogs(query(kInsert));
}

TEST_F(BehindDdlTest, WhatTheyShowCounts) {
    obstacle = "trigger";
    reads_catalogs(query(kInsert));
    EXPECT_EQ(session.pump(query(kInsert)), 0U);
    all_roll_back();
    client_sends(query(kInsert));
    EXPECT_EQ(told(), "0A000E");
    client_sends(query("ROLLBACK"));
    EXPECT_EQ(replied(), "CZ");
}

TEST_F(BehindDdlTest, AnErrorOfTheirsIsNotTheStatements) {
    waits(query(kInsert));
    answers(shell.main, tag("SAVEPOINT") + error("42501") + ready(TransactionStatus::Failed));
    EXPECT_EQ(session.pump(query(kInsert)), 0U);
    all_roll_back();
    EXPECT_EQ(replied(), "");
    client_sends(query(kInsert));
    EXPECT_NE(shell.replied.find("the catalogs could not be read: no"), std::string::npos);
    EXPECT_EQ(told(), "0A000E");
}

TEST_F(BehindDdlTest, ACancelOfTheirsIsToldAsOne) {
    waits(query(kInsert));
    session.on_cancel();
    answers(shell.main, error("57014") + ready(TransactionStatus::Failed));
    EXPECT_EQ(session.pump(query(kInsert)), 0U);
    all_roll_back();
    client_sends(query(kInsert));
    EXPECT_EQ(told(), "57014E");
}

TEST_F(BehindDdlTest, AboveReadCommittedItIsRefused) {
    waits(query(kInsert));
    answers(shell.main, catalogs("repeatable read"));
    EXPECT_EQ(session.pump(query(kInsert)), 0U);
    all_roll_back();
    client_sends(query(kInsert));
    EXPECT_NE(shell.replied.find("above READ COMMITTED"), std::string::npos);
    EXPECT_EQ(told(), "0A000E");
}

TEST_F(BehindDdlTest, IfOthersChangeTheSchemaMeanwhileTheyAreReadAgain) {
    waits(query(kInsert));
    database.marks->ddl_seen(around.now);
    answers(shell.main, catalogs());
    around.now += std::chrono::seconds(1);
    reads_catalogs(query(kInsert));
    runs(kInsert, "INSERT 0 1");
}

TEST_F(BehindDdlTest, WhatWasDoneWhileTheSchemaChangedIsJudgedAnew) {
    reads_catalogs(query(kInsert));
    client_sends(query(kInsert));
    database.marks->ddl_seen(around.now);
    around.now += std::chrono::seconds(1);
    answers(shell.main, tag("INSERT 0 1") + ready(TransactionStatus::InTransaction));
    answers(shell.other, tag("INSERT 0 1") + ready(TransactionStatus::InTransaction));
    sent_to(shell.main), sent_to(shell.other), replied();
    obstacle = "trigger";
    reads_catalogs(query("COMMIT"));
    EXPECT_EQ(session.pump(query("COMMIT")), 0U);
    all_roll_back();
    client_sends(query("COMMIT"));
    EXPECT_EQ(told(), "40001I");
}

TEST_F(BehindDdlTest, IfItIsJudgedAlikeItCommits) {
    reads_catalogs(query(kInsert));
    client_sends(query(kInsert));
    database.marks->ddl_seen(around.now);
    around.now += std::chrono::seconds(1);
    answers(shell.main, tag("INSERT 0 1") + ready(TransactionStatus::InTransaction));
    answers(shell.other, tag("INSERT 0 1") + ready(TransactionStatus::InTransaction));
    sent_to(shell.main), sent_to(shell.other), replied();
    reads_catalogs(query("COMMIT"));
    EXPECT_EQ(session.pump(query("COMMIT")), 0U);
    EXPECT_EQ(sent_to(shell.main), "PBEPBES") << "the marker";
}

TEST_F(BehindDdlTest, InABatchToo) {
    reads_catalogs(batch(kInsert));
    client_sends(batch(kInsert));
    EXPECT_EQ(sent_to(shell.main), "PBES");
    answers(shell.main, executed("INSERT 0 1") + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.other), "PBES");
    EXPECT_EQ(replied(), "12CZ");
}

TEST_F(BehindDdlTest, TextsOfBothRunPartByPart) {
    const std::string text = query("CREATE SCHEMA s; INSERT INTO made VALUES (1)");
    client_sends(text);
    EXPECT_EQ(sent_to(shell.main), "Q");
    answers(shell.main, tag("COMMENT") + ready(TransactionStatus::InTransaction));
    static_cast<void>(session.pump({}));
    EXPECT_EQ(sent_to(shell.main), "Q") << "the catalogs";
    answers(shell.main, catalogs());
    static_cast<void>(session.pump({}));
    EXPECT_EQ(sent_to(shell.main), "Q") << "the INSERT";
    answers(shell.main, tag("INSERT 0 1") + ready(TransactionStatus::InTransaction));
    static_cast<void>(session.pump({}));
    EXPECT_EQ(replied(), "CCZ");
}

TEST_F(BehindDdlTest, NothingOfThemStaysBehindTheTransaction) {
    reads_catalogs(query(kInsert));
    runs(kInsert, "INSERT 0 1");
    client_sends(query("ROLLBACK"));
    for (TestLink* link : {&shell.main, &shell.other})
        answers(*link, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    sent_to(shell.main), sent_to(shell.other), replied();
    EXPECT_EQ(session.pump(query(kInsert)), 0U) << "it waits for newer facts of the database";
    EXPECT_EQ(sent_to(shell.main), "");
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
