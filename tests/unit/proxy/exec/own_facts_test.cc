// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/own_facts.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "proxy/sql/analyzer.h"

namespace pgpool::exec {
namespace {

using Cells = std::vector<std::optional<std::string>>;

std::string row(const Cells& columns) {
    std::string body;
    append_be16(body, static_cast<std::uint16_t>(columns.size()));
    for (const auto& column : columns) {
        append_be32(body, column ? static_cast<std::uint32_t>(column->size()) : 0xFFFFFFFF);
        body += column.value_or("");
    }
    return body;
}

class OwnFactsTest : public testing::Test {
protected:
    OwnFactsTest() {
        reading_.queries = [this](const RelationNames& names) {
            asked_ = names;
            return std::vector<std::string>{"SELECT one", "SELECT two"};
        };
        reading_.understand = [this](std::vector<CatalogAnswer> answers, const sql::CatalogFacts& committed,
                                     const RelationNames& names) {
            EXPECT_EQ(names, asked_);
            understood_ = std::move(answers);
            auto facts = std::make_shared<sql::CatalogFacts>(committed);
            return is_known_ ? facts : nullptr;
        };
        committed_.version = 7;
    }
    // What a server answers to the text.
    std::string read(const char* isolation, const Cells& one = {"a", std::nullopt},
                     const RelationNames& names = {"t"}) {
        text_ = facts_.begin(reading_, names, TimePoint(std::chrono::seconds(5)));
        for (const char* tag : {"SAVEPOINT", "SET", "SET", "SET"}) facts_.take_tag(tag);
        facts_.take_row(row({isolation}));
        facts_.take_tag("SELECT 1");
        facts_.take_tag("SELECT 0");
        facts_.take_row(row(one));
        facts_.take_row(row({"", "b"}));
        facts_.take_tag("SELECT 2");
        for (const char* tag : {"ROLLBACK", "RELEASE"}) facts_.take_tag(tag);
        return facts_.end(reading_, committed_);
    }

    CatalogReading reading_;
    sql::CatalogFacts committed_;
    OwnFacts facts_;
    bool is_known_ = true;
    RelationNames asked_;
    std::string text_;
    std::vector<CatalogAnswer> understood_;
};

TEST_F(OwnFactsTest, AreAskedForWithinASavepointThatTakesTheSettingsBack) {
    EXPECT_EQ(read("read committed"), "");
    const auto at = [this](std::string_view part) { return text_.find(part); };
    EXPECT_EQ(at("SAVEPOINT pgpool_own_facts;"), 0U);
    EXPECT_LT(at("search_path TO pg_catalog, pg_temp;"), at("SELECT one;SELECT two;"));
    EXPECT_LT(at("SELECT two;"), at("ROLLBACK TO SAVEPOINT pgpool_own_facts;RELEASE"));
}

TEST_F(OwnFactsTest, EachQueryHasItsAnswer) {
    EXPECT_EQ(facts_.latest(), nullptr);
    EXPECT_EQ(read("read committed"), "");
    ASSERT_EQ(understood_.size(), 2U);
    EXPECT_TRUE(understood_[0].cells.empty());
    EXPECT_EQ(understood_[1].columns, 2U);
    EXPECT_EQ(understood_[1].cells, (Cells{"a", std::nullopt, "", "b"}));
    EXPECT_TRUE(facts_.are_fresh());
    EXPECT_EQ(facts_.latest()->version, 7U);
    EXPECT_EQ(facts_.latest()->as_of, TimePoint(std::chrono::seconds(5)));
}

TEST_F(OwnFactsTest, FirstOfWhatIsNamedThenOfAll) {
    const auto reads = [this](const RelationNames& names) {
        return read("read committed", {"a", "b"}, names);
    };
    EXPECT_EQ(reads({"t", "u"}), "");
    EXPECT_EQ(asked_, (RelationNames{"", "t", "u"}));
    EXPECT_TRUE(facts_.hold({"u"}));
    EXPECT_TRUE(facts_.hold({}));
    EXPECT_FALSE(facts_.hold({"u", "v"}));
    EXPECT_EQ(reads({"t"}), "") << "because others have changed the schema";
    EXPECT_FALSE(facts_.hold({"u"}));
    EXPECT_EQ(reads({"v"}), "");
    EXPECT_TRUE(asked_.empty());
    EXPECT_TRUE(facts_.hold({"u", "v"}));
    facts_.age();
    EXPECT_EQ(reads({}), "");
    EXPECT_EQ(asked_, RelationNames{""});
    EXPECT_FALSE(facts_.hold({"t"}));
}

TEST_F(OwnFactsTest, AgeAndGo) {
    EXPECT_EQ(read("read uncommitted"), "");
    facts_.age();
    EXPECT_FALSE(facts_.are_fresh());
    EXPECT_NE(facts_.latest(), nullptr);
    facts_.clear();
    EXPECT_EQ(facts_.latest(), nullptr);
}

TEST_F(OwnFactsTest, NotAboveReadCommitted) {
    for (const char* isolation : {"repeatable read", "serializable", ""}) {
        facts_.clear();
        EXPECT_EQ(read(isolation), "a write behind DDL in the same transaction, above READ COMMITTED");
        EXPECT_FALSE(facts_.are_fresh());
        EXPECT_FALSE(facts_.may_read());
        EXPECT_EQ(facts_.latest(), nullptr);
    }
}

TEST_F(OwnFactsTest, NotIfThereIsTooMuch) {
    EXPECT_NE(read("read committed", {std::string(OwnFacts::kMostBytes, 'x'), "y"}), "");
    EXPECT_FALSE(facts_.may_read());
    EXPECT_EQ(facts_.latest(), nullptr);
}

TEST_F(OwnFactsTest, NotIfSomethingIsMissing) {
    static_cast<void>(facts_.begin(reading_, {"t"}, {}));
    facts_.take_row(row({"read committed"}));
    facts_.take_tag("SELECT 1");
    EXPECT_NE(facts_.end(reading_, committed_), "");
    EXPECT_FALSE(facts_.are_fresh());
    is_known_ = false;
    EXPECT_NE(read("read committed"), "");
    EXPECT_FALSE(facts_.are_fresh());
}

TEST_F(OwnFactsTest, AreReadAFewTimesForOneStatement) {
    for (int i = 0; i < OwnFacts::kMostReadings; ++i) {
        EXPECT_TRUE(facts_.may_read());
        EXPECT_EQ(read("read committed"), "");
    }
    EXPECT_FALSE(facts_.may_read());
    facts_.next_statement();
    EXPECT_TRUE(facts_.may_read());
}

TEST_F(OwnFactsTest, EventTriggersMayWatchDdl) {
    facts_.note_tag("CREATE TRIGGER");
    EXPECT_FALSE(facts_.may_watch_ddl());
    facts_.note_tag("CREATE EVENT TRIGGER");
    EXPECT_TRUE(facts_.may_watch_ddl());
}

TEST(DependsOnSchema, WhatNamesSomethingButPlainDdl) {
    const auto depends = [](std::string_view sql) {
        return depends_on_schema(sql::Analyzer().analyze(sql)->statements.at(0));
    };
    for (const char* sql :
         {"insert into t values (1)", "update t set a = 1", "select * from v", "select f()", "truncate t",
          "copy t from stdin", "create table x as select 1 as a from t", "select 1::mood",
          "alter table t add column c int default f()", "create index on t (f(a))", "execute p",
          "do 'begin end'", "call p()", "create temp table x (a int)", "alter table t add check (a > 0)",
          "explain select f()", "create view v as select f() from t"}) {
        EXPECT_TRUE(depends(sql)) << sql;
    }
    for (const char* sql :
         {"select 1", "begin", "commit", "savepoint a", "rollback to a", "set work_mem to '1MB'", "show all",
          "create table x (a int primary key, b timestamptz default now() check (b > '2000-01-01'))",
          "create view v as select a from t", "alter table t add column c int default 5",
          "alter table t alter column c set default now()", "create index on t (a)", "drop table t",
          "comment on table t is 'now'", "grant select on t to public", "create sequence s",
          "create function f() returns int language sql as 'select 1'",
          "prepare p as insert into t values (1)"}) {
        EXPECT_FALSE(depends(sql)) << sql;
    }
}

TEST(AddNames, OfRelationsAlsoOfWhatIsWithin) {
    RelationNames names;
    add_names(sql::Analyzer().analyze("insert into a.t select * from u")->statements.at(0), names);
    add_names(sql::Analyzer().analyze("explain select * from v")->statements.at(0), names);
    EXPECT_EQ(names, (RelationNames{"t", "u", "v"}));
}

}  // namespace
}  // namespace pgpool::exec
