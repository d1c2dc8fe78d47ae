// SPDX-License-Identifier: PostgreSQL
// Mode replication: writes behind DDL of the same transaction.
#include <gtest/gtest.h>

#include <chrono>

#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;

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
            write->columns.push_back({.name = "id", .type = "pg_catalog.int4"});
            write->insert_obstacle = obstacle;
            auto facts = std::make_shared<sql::CatalogFacts>(*database.facts);
            facts->relations["made"].write = write;
            facts->relations["made"].oid = 16384;
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
    void inserts_while_the_schema_changes() {
        reads_catalogs(query(kInsert));
        client_sends(query(kInsert));
        database.marks->ddl_seen(around.now);
        around.now += std::chrono::seconds(1);
        answers(shell.main, tag("INSERT 0 1") + ready(TransactionStatus::InTransaction));
        answers(shell.other, tag("INSERT 0 1") + ready(TransactionStatus::InTransaction));
        sent_to(shell.main), sent_to(shell.other), replied();
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
    inserts_while_the_schema_changes();
    obstacle = "trigger";
    reads_catalogs(query("COMMIT"));
    EXPECT_EQ(session.pump(query("COMMIT")), 0U);
    all_roll_back();
    client_sends(query("COMMIT"));
    EXPECT_EQ(told(), "40001I");
}

TEST_F(BehindDdlTest, IfItIsJudgedAlikeItCommits) {
    inserts_while_the_schema_changes();
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

}  // namespace
}  // namespace pgpool::exec
