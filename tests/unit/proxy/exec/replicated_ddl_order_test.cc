// SPDX-License-Identifier: PostgreSQL
// Mode replication: DDL of others commits meanwhile.
#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "common/wire/error_fields.h"
#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;

class DdlOrderTest : public ReplicatedTest {
protected:
    DdlOrderTest() {
        around.now = TimePoint(std::chrono::seconds(10));
        around.shared_ddl = &shared;
    }

    // Another one's, as a whole.
    void others_commit() {
        database.marks->ddl_commits.begins();
        database.marks->ddl_commits.ends();
    }
    void begins_with(std::string_view sql) {
        client_sends(query("BEGIN"));
        client_sends(query(sql));
        EXPECT_EQ(sent_to(shell.main), "PBEQ");
    }
    void has_done(TestLink& link, std::string_view told, bool begins = true) {
        const std::string begun = begins ? executed("BEGIN") : std::string();
        answers(link, begun + tag(told) + ready(TransactionStatus::InTransaction));
    }
    void expect_undone(const std::string& next) {
        EXPECT_EQ(session.pump(next), 0U);
        for (TestLink* link : {&shell.main, &shell.other}) {
            EXPECT_EQ(sent_to(*link).back(), 'Q') << "ROLLBACK";
            answers(*link, tag("ROLLBACK") + ready(TransactionStatus::Idle));
        }
        shell.replied.clear();
        client_sends(next);
        EXPECT_NE(shell.replied.find("the schema has changed meanwhile"), std::string::npos);
        EXPECT_NE(shell.replied.find("40001"), std::string::npos);
    }

    DdlCommits shared;
    static constexpr std::string_view kDrop = "DROP TABLE IF EXISTS a";
};

TEST_F(DdlOrderTest, ItWaitsForThatOfOthers) {
    database.marks->ddl_commits.begins();
    EXPECT_EQ(session.pump(query(kDrop)), 0U);
    EXPECT_EQ(sent_to(shell.main), "");
    session.on_timer(TimerKind::Wait);
    EXPECT_EQ(session.pump(query(kDrop)), 0U);
    EXPECT_EQ(sent_to(shell.main), "");
    database.marks->ddl_commits.ends();
    session.on_timer(TimerKind::Wait);
    client_sends(query(kDrop));
    EXPECT_EQ(sent_to(shell.main).substr(0, 4), "PBEQ");
}

TEST_F(DdlOrderTest, ButNotForEver) {
    database.marks->bare_ddl.begins();
    EXPECT_EQ(session.pump(query(kDrop)), 0U);
    around.now += std::chrono::seconds(13);
    session.on_timer(TimerKind::Wait);
    client_sends(query(kDrop));
    EXPECT_NE(shell.replied.find("40001"), std::string::npos);
    EXPECT_EQ(sent_to(shell.main), "");
    session.on_client_gone();
    EXPECT_EQ(around.free_slots.size(), 1U);
}

TEST_F(DdlOrderTest, ACancelEndsTheWait) {
    database.marks->ddl_commits.begins();
    EXPECT_EQ(session.pump(query(kDrop)), 0U);
    session.on_cancel();
    client_sends(query(kDrop));
    EXPECT_NE(shell.replied.find("57014"), std::string::npos);
}

TEST_F(DdlOrderTest, TheNextOneWaitsAnew) {
    database.marks->ddl_commits.begins();
    EXPECT_EQ(session.pump(query(kDrop)), 0U);
    session.on_cancel();
    client_sends(query(kDrop));
    around.now += std::chrono::seconds(13);
    EXPECT_EQ(session.pump(query(kDrop)), 0U);
    EXPECT_EQ(replied(), "EZ") << "of the first one";
}

// The others would get nothing of what came before it.
TEST_F(DdlOrderTest, ACancelEndsTheTransactionToo) {
    client_sends(query("BEGIN"));
    client_sends(query("SET LOCAL search_path TO s"));
    EXPECT_EQ(sent_to(shell.main), "PBEQ");
    has_done(shell.main, "SET");
    database.marks->ddl_commits.begins();
    EXPECT_EQ(session.pump(query(kDrop)), 0U);
    shell.replied.clear();
    session.on_cancel();
    EXPECT_EQ(session.pump(query(kDrop)), 0U);
    EXPECT_EQ(sent_to(shell.main), "Q") << "ROLLBACK";
    answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
    client_sends(query(kDrop));
    EXPECT_NE(shell.replied.find("57014"), std::string::npos);
    EXPECT_TRUE(shell.replied.ends_with(ready(TransactionStatus::Failed)));
    database.marks->ddl_commits.ends();
    shell.replied.clear();
    client_sends(query("INSERT INTO log VALUES (1)"));
    EXPECT_NE(shell.replied.find("25P02"), std::string::npos);
    shell.replied.clear();
    client_sends(query("COMMIT"));
    EXPECT_EQ(shell.replied, tag("ROLLBACK") + ready(TransactionStatus::Idle));
}

TEST_F(DdlOrderTest, ACancelIsForWhatRuns) {
    const std::string select = query("SELECT 1");
    EXPECT_EQ(session.pump(select), 0U) << "kept for a repetition";
    database.marks->ddl_commits.begins();
    const std::string both = select + query("INSERT INTO log VALUES (1)");
    EXPECT_EQ(session.pump(both), 0U) << "the second waits for facts";
    session.on_cancel();
    EXPECT_EQ(session.pump(both), 0U);
    EXPECT_EQ(shell.cancels, 1);
    EXPECT_EQ(replied(), "");
}

TEST_F(DdlOrderTest, WhatLooksForNothingDoesNotWait) {
    database.marks->ddl_commits.begins();
    client_sends(query("CREATE INDEX i ON public.t (a)"));
    EXPECT_EQ(sent_to(shell.main).substr(0, 4), "PBEQ");
}

TEST_F(DdlOrderTest, OfAllDatabasesWhatTheyShareCounts) {
    shared.begins();
    client_sends(query("BEGIN"));
    client_sends(query(kDrop));
    EXPECT_EQ(sent_to(shell.main), "PBEQ");
    has_done(shell.main, "DROP TABLE");
    EXPECT_EQ(session.pump(query("DROP ROLE IF EXISTS r")), 0U);
    EXPECT_EQ(sent_to(shell.main), "");
    shared.ends();
    session.on_timer(TimerKind::Wait);
    client_sends(query("DROP ROLE IF EXISTS r"));
    EXPECT_EQ(sent_to(shell.main), "Q");
}

TEST_F(DdlOrderTest, OvertakenOnMainItIsUndone) {
    begins_with(kDrop);
    others_commit();
    has_done(shell.main, "DROP TABLE");
    has_done(shell.other, "DROP TABLE");
    expect_undone(query("COMMIT"));
}

TEST_F(DdlOrderTest, OvertakenOnAnotherNodeToo) {
    begins_with(kDrop);
    has_done(shell.main, "DROP TABLE");
    others_commit();
    has_done(shell.other, "DROP TABLE");
    expect_undone(query("COMMIT"));
}

TEST_F(DdlOrderTest, WhatAllHaveDoneMayRest) {
    begins_with(kDrop);
    has_done(shell.main, "DROP TABLE");
    has_done(shell.other, "DROP TABLE");
    others_commit();
    EXPECT_EQ(session.pump(query("COMMIT")), 0U);
    EXPECT_EQ(sent_to(shell.main), "PBEPBES") << "the marker";
}

TEST_F(DdlOrderTest, BehindDdlOfOthersNoNodeDoesItAnew) {
    begins_with(kDrop);
    has_done(shell.main, "DROP TABLE");
    has_done(shell.other, "DROP TABLE");
    sent_to(shell.other);
    others_commit();
    client_sends(query("ALTER TABLE b ADD COLUMN c int"));
    EXPECT_EQ(sent_to(shell.main), "Q");
    has_done(shell.main, "ALTER TABLE", false);
    EXPECT_EQ(sent_to(shell.other), "Q");
    answers(shell.other, error("42P01") + ready(TransactionStatus::Failed));
    EXPECT_EQ(sent_to(shell.other), "") << "not once more";
}

TEST_F(DdlOrderTest, WhileItCommitsOthersAreTold) {
    client_sends(query(kDrop));
    sent_to(shell.main);
    answers(shell.main, executed("BEGIN") + tag("DROP TABLE") + ready(TransactionStatus::InTransaction) +
                            marked() + ready(TransactionStatus::InTransaction));
    EXPECT_FALSE(database.marks->is_ddl_under_way());
    answers(shell.other, executed("BEGIN") + tag("DROP TABLE") + ready(TransactionStatus::InTransaction) +
                             marked() + ready(TransactionStatus::InTransaction));
    sent_to(shell.main);
    EXPECT_TRUE(database.marks->is_ddl_committing());
    EXPECT_FALSE(shared.is_any());
    answers(shell.main, tag("COMMIT") + ready(TransactionStatus::Idle));
    EXPECT_TRUE(database.marks->is_ddl_committing());
    answers(shell.other, tag("COMMIT") + ready(TransactionStatus::Idle));
    EXPECT_FALSE(database.marks->is_ddl_committing());
}

TEST_F(DdlOrderTest, NamesThatServersFindAreComparedBeforeTheMark) {
    client_sends(query("CREATE TABLE a (id int PRIMARY KEY)"));
    EXPECT_EQ(sent_to(shell.main), "PBEQ") << "no marker yet";
    has_done(shell.main, "CREATE TABLE");
    has_done(shell.other, "CREATE TABLE");
    EXPECT_NE(std::exchange(shell.main.sent, {}).find("pgpool_replication.names_made()"), std::string::npos);
    sent_to(shell.other);
    answers(shell.main, row("2 77") + tag("SELECT 1") + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.main), "PBEPBES") << "SET CONSTRAINTS, the marker";
    EXPECT_NE(shell.other.sent.find("pgpool_replication.same_names_made"), std::string::npos);
    EXPECT_NE(shell.other.sent.find("2 77"), std::string::npos);
    sent_to(shell.other);
    answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
    answers(shell.other, executed("SELECT 1") + marked() + ready(TransactionStatus::InTransaction));
    commits();
    EXPECT_EQ(replied(), "CZ");
    expect_given_back();
}

// Main has marked already, and nobody else is to.
TEST_F(DdlOrderTest, OnTheLastNodeAWriteGoesOnWhenTheFactsCome) {
    auto alone = std::make_shared<cluster::Topology>(*around.topology);
    alone->nodes[1].state = cluster::NodeState::Down;
    alone->nodes[1].is_taken_out = true;
    around.topology = alone;
    auto facts = std::make_shared<sql::CatalogFacts>(*database.facts);
    facts->relations["log"].oid = 7;
    facts->as_of = around.now;
    database.facts = facts;
    client_sends(query("INSERT INTO log VALUES (1)"));
    EXPECT_EQ(sent_to(shell.main), "PBEQPBEPBES");
    database.marks->ddl_commits.begins();
    around.now += std::chrono::seconds(100);
    answers(shell.main, executed("BEGIN") + tag("INSERT 0 1") + ready(TransactionStatus::InTransaction) +
                            marked() + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.main), "") << "it waits for the facts";
    EXPECT_EQ(shell.waits, around.config->replication.stall_timeout) << "however long main took";
    database.marks->ddl_commits.ends();
    session.on_news();
    EXPECT_EQ(sent_to(shell.main), "Q") << "COMMIT";
    answers(shell.main, tag("COMMIT") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "CZ");
}

TEST_F(DdlOrderTest, OnTheLastNodeABatchCommits) {
    auto alone = std::make_shared<cluster::Topology>(*around.topology);
    alone->nodes[1].state = cluster::NodeState::Down;
    alone->nodes[1].is_taken_out = true;
    around.topology = alone;
    client_sends(batch("INSERT INTO log VALUES (1)"));
    sent_to(shell.main);
    answers(shell.main,
            executed("BEGIN") + executed("INSERT 0 1") + marked() + ready(TransactionStatus::InTransaction));
    EXPECT_EQ(sent_to(shell.main), "Q") << "COMMIT";
    answers(shell.main, tag("COMMIT") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "12CZ");
}

TEST_F(DdlOrderTest, OutsideOfTransactionsAllOfItsRunCounts) {
    client_sends(query("DROP INDEX CONCURRENTLY i"));
    EXPECT_TRUE(database.marks->is_ddl_under_way());
    EXPECT_FALSE(database.marks->is_ddl_committing()) << "writes go on";
    answers(shell.main, tag("DROP INDEX") + ready(TransactionStatus::Idle));
    EXPECT_TRUE(database.marks->is_ddl_under_way());
    const std::string settings = tag("SET") + ready(TransactionStatus::Idle);
    answers(shell.other, settings + tag("DROP INDEX") + ready(TransactionStatus::Idle));
    EXPECT_FALSE(database.marks->is_ddl_under_way());
}

TEST_F(DdlOrderTest, NobodyWaitsForAnIndexThatIsBuiltConcurrently) {
    client_sends(query("CREATE INDEX CONCURRENTLY i ON t (a)"));
    EXPECT_FALSE(database.marks->is_ddl_under_way());
}

}  // namespace
}  // namespace pgpool::exec
