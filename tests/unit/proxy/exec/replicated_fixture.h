// SPDX-License-Identifier: PostgreSQL
#pragma once

// A session in mode replication and its two nodes, main and another, which the test plays by hand.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/wire/encoder.h"
#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {

class TestLink final : public ServerLink {
public:
    TestLink(NodeId at, NameValuesTable& names) : ServerLink(at, names, 20) {}

    std::string sent;
    bool is_lent = false;
    Disposal disposal = Disposal::Keep;
};

// The types of the messages.
inline std::string types(std::string_view bytes) {
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
    cluster::Sign sign = cluster::Sign::Doubtful;
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
    bool is_wanted = true;
    bool connection_wanted() override { return is_wanted; }
    int cancels = 0;
    void cancel(ServerLink& /*link*/) override { ++cancels; }
    void await_news() override {}
    milliseconds waits{};
    void arm(TimerKind timer, milliseconds after) override {
        if (timer == TimerKind::Wait) waits = after;
    }
    void disarm(TimerKind /*timer*/) override {}
    void login_refused(const Error& /*error*/) override {}
    void close() override {}
    TimePoint now;
    TimePoint clock() override { return now; }
    void ddl_seen() override {}
    void facts_wanted() override {}
    void statement(std::string_view /*sql*/, const ServerLink* /*at*/) override {}
    void node_suspect(NodeId /*node*/) override {}
    void node_failed(NodeId /*node*/, std::uint64_t /*epoch*/, cluster::Sign seen,
                     std::string_view reason) override {
        if (!may_fail) ADD_FAILURE() << reason;
        failed = reason;
        sign = seen;
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

inline config::ConfigPtr configuration(config::Commit commit) {
    auto config = std::make_shared<config::Config>();
    config->mode = config::ClusterMode::Replication;
    config->replication.commit = commit;
    return config;
}

inline cluster::TopologyPtr two_nodes() {
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
    static std::string ready(wire::TransactionStatus status) {
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
    static std::string batch(std::string_view sql, std::string_view types = std::string_view("\0\0", 2)) {
        std::string frames;
        wire::append_parse(frames, "", (std::string(sql) + '\0').append(types));
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
        answers(shell.main, tag("COMMIT") + ready(wire::TransactionStatus::Idle));
        EXPECT_EQ(sent_to(shell.other), "Q") << "COMMIT";
        EXPECT_EQ(replied().find('Z'), std::string::npos);
        answers(shell.other, tag("COMMIT") + ready(wire::TransactionStatus::Idle));
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

}  // namespace pgpool::exec
