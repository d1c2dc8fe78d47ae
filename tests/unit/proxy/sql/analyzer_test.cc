// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/analyzer.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <string>
#include <vector>

#include "tests/support/case_file.h"

namespace pgpool::sql {
namespace {

TEST(Analyzer, DescribesStatementsAsInTheCaseFile) {
    Analyzer analyzer;
    const std::string path = PGPOOL_SOURCE_DIR "/tests/unit/proxy/sql/statements.case";
    const std::size_t count =
        testing::run_cases(path, [&](const std::string& sql) { return describe(*analyzer.analyze(sql)); });
    EXPECT_GE(count, 150U);
}

TEST(Analyzer, EveryKindIsReachable) {
    Analyzer analyzer;
    std::vector<bool> seen(static_cast<std::size_t>(Kind::Pgpool) + 1);
    for (const auto& item : testing::read_cases(PGPOOL_SOURCE_DIR "/tests/unit/proxy/sql/statements.case")) {
        const StatementInfoPtr info = analyzer.analyze(item.input);
        for (const Statement& statement : info->statements) {
            seen[static_cast<std::size_t>(statement.kind)] = true;
        }
    }
    for (std::size_t kind = 0; kind < seen.size(); ++kind) {
        if (static_cast<Kind>(kind) == Kind::Empty) continue;  // an empty text has no statement
        EXPECT_TRUE(seen[kind]) << to_string(static_cast<Kind>(kind));
    }
}

TEST(Analyzer, StatementsKnowTheirPlaceInTheText) {
    const StatementInfoPtr info = Analyzer().analyze("select 1;  insert into t values (1)");
    ASSERT_EQ(info->statements.size(), 2U);
    EXPECT_EQ(info->statements[0].location, 0);
    EXPECT_EQ(info->statements[0].length, 8);
    EXPECT_EQ(info->statements[1].location, 9);
    EXPECT_EQ(info->statements[1].length, 0);
}

constexpr std::size_t kLongText = std::size_t{256} << 10U;

std::string with_tables(int tables) {
    std::string sql = "with a as(select 1)";
    for (int i = 1; i < tables; ++i) sql += ",a" + std::to_string(i) + " as(select 1)";
    return sql + "select 1 from a,t";
}

TEST(Analyzer, MoreCommonTablesThanAreLookedAtAreUnknown) {
    const StatementInfoPtr most = Analyzer().analyze(with_tables(256));
    EXPECT_TRUE(most->single(Kind::Select));
    EXPECT_EQ(most->statements[0].relations.size(), 1U);
    EXPECT_TRUE(Analyzer().analyze(with_tables(257))->single(Kind::Unknown));
}

TEST(Analyzer, ManyCommonTablesTimesManyRelations) {
    std::string sql = with_tables(7000);
    for (int i = 0; i < 40000; ++i) sql += ",t";
    ASSERT_LT(sql.size(), kLongText);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(Analyzer(kLongText).analyze(sql)->single(Kind::Unknown));
}

TEST(Analyzer, ManyValuesOutsideAscii) {
    std::string sql;
    for (int i = 0; i < 10000; ++i) sql += "set a.b='\xc3\xa9" + std::to_string(i) + "';";
    for (int i = 0; i < 5; ++i) {
        const StatementInfoPtr info = Analyzer(kLongText).analyze(sql);
        ASSERT_EQ(info->statements.size(), 10000U);
        for (const Statement& statement : info->statements) ASSERT_EQ(statement.leaves, Leaves::Nothing);
    }
}

TEST(Analyzer, ValuesOutsideAsciiAreFoundInTheOrderOfTheText) {
    const StatementInfoPtr info = Analyzer().analyze(
        "set a.b='\xc3\xa9';set a.b='\xc3\xa9';select set_config('a.b','\xc3\xa9',false),"
        "set_config('a.c','\xc3\xa0',false);set search_path='\xc3\xa0','\xc3\xa9';"
        "set a.b=e'\\u00e8';set a.b='\xc3\xa9'");
    ASSERT_EQ(info->statements.size(), 6U);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(info->statements[i].leaves, Leaves::Nothing) << i;
    EXPECT_EQ(info->statements[4].leaves, Leaves::UnknownSetting) << "made by an escape";
    EXPECT_EQ(info->statements[5].leaves, Leaves::UnknownSetting) << "not looked for any more";
}

TEST(Analyzer, AdminDatabaseOwnsEveryShow) {
    Analyzer analyzer;
    AnalyzeOptions admin;
    admin.admin_database = true;
    EXPECT_TRUE(analyzer.analyze("SHOW CLIENTS", admin)->single(Kind::Pgpool));
    EXPECT_EQ(analyzer.analyze("show stats totals;", admin)->statements[0].argument, "totals");
    EXPECT_TRUE(analyzer.analyze("SHOW CLIENTS")->single(Kind::Show));
    EXPECT_TRUE(analyzer.analyze("select 1", admin)->single(Kind::Select));
}

TEST(Analyzer, NonConformingStringsMakeBackslashesUnreadable) {
    Analyzer analyzer;
    AnalyzeOptions options;
    options.standard_conforming_strings = false;
    EXPECT_TRUE(analyzer.analyze("select 'a''b'", options)->parsed);
    EXPECT_FALSE(analyzer.analyze(R"(select 'a\'; delete from t; --')", options)->parsed);
    EXPECT_TRUE(analyzer.analyze(R"(select 'a\';)", {})->parsed);
}

// In SJIS the second byte of a character may be a backslash or a bar; only plain ASCII reads the same.
TEST(Analyzer, UnsafeEncodingsReadAsciiOnly) {
    Analyzer analyzer;
    AnalyzeOptions options;
    options.ascii_safe_encoding = false;
    EXPECT_TRUE(analyzer.analyze("select 'a'", options)->parsed);
    const StatementInfoPtr japanese = analyzer.analyze("select '\x95\x5c'", options);
    EXPECT_FALSE(japanese->parsed);
    EXPECT_EQ(japanese->statements[0].kind, Kind::Unknown);
    EXPECT_TRUE(japanese->statements[0].writes);
    EXPECT_TRUE(has(japanese->statements[0].leaves, Leaves::UnknownCode));
}

TEST(Analyzer, KnowsUnsafeEncodings) {
    for (const char* name :
         {"SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004", "Shift-JIS"}) {
        EXPECT_FALSE(is_ascii_safe_encoding(name)) << name;
    }
    for (const char* name : {"UTF8", "LATIN1", "EUC_JP", "SQL_ASCII", "EUC_KR", "utf-8", ""}) {
        EXPECT_TRUE(is_ascii_safe_encoding(name)) << name;
    }
}

TEST(Analyzer, ZeroBytesAndLongTextsAreUnknown) {
    using namespace std::string_view_literals;
    EXPECT_FALSE(Analyzer().analyze("select 1\0; drop table t"sv)->parsed);
    const std::string text = "select '" + std::string(100, 'x') + "'";
    EXPECT_TRUE(Analyzer(text.size()).analyze(text)->parsed);
    EXPECT_FALSE(Analyzer(text.size() - 1).analyze(text)->parsed);
}

std::string repeated(const std::string& text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

// No nesting may overflow a stack, whatever the limit on the length: run with one of 256 KiB.
TEST(Analyzer, DeepNestingTakesNoStack) {
    const auto deep = [] {
        constexpr std::size_t kTimes = 100'000;
        Analyzer analyzer(std::size_t{16} << 20U);
        const auto parsed = [&](const std::string& sql) { return analyzer.analyze(sql)->parsed; };
        EXPECT_FALSE(parsed("select " + repeated("(", kTimes) + "1" + repeated(")", kTimes)));
        EXPECT_TRUE(parsed("select " + repeated("(", 4000) + "f(1)" + repeated(")", 4000)));
        EXPECT_TRUE(parsed("select 1" + repeated("+1", kTimes)));
        EXPECT_TRUE(parsed("select 1" + repeated("||'a'", kTimes)));
        EXPECT_TRUE(parsed("select 1" + repeated(" union all select 1", kTimes)));
        EXPECT_TRUE(parsed("select 1 where a" + repeated(" and a", kTimes)));
        EXPECT_FALSE(parsed("select 1 where " + repeated("not ", kTimes) + "a"));
        EXPECT_FALSE(parsed("select " + repeated("f(", kTimes) + repeated(")", kTimes)));
        EXPECT_TRUE(parsed("select " + repeated("f(", 2000) + repeated(")", 2000)));
        EXPECT_FALSE(parsed("select * from " + repeated("(select * from ", kTimes)));
        EXPECT_TRUE(parsed("select a" + repeated("[1]", kTimes) + " from t"));
        EXPECT_TRUE(parsed("select * from t" + repeated(" join t on true", kTimes)));
        EXPECT_TRUE(parsed("select a" + repeated("::int", kTimes)));
        EXPECT_TRUE(parsed(repeated("select 1;", 20'000)));
    };
    pthread_attr_t attributes;
    ASSERT_EQ(pthread_attr_init(&attributes), 0);
    ASSERT_EQ(pthread_attr_setstacksize(&attributes, std::size_t{256} << 10U), 0);
    pthread_t thread{};
    const auto run = [](void* body) -> void* {
        (*static_cast<decltype(deep)*>(body))();
        return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, run, const_cast<void*>(static_cast<const void*>(&deep))),
              0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
}

TEST(Analyzer, ManyNamesAreListedOnceAndQuickly) {
    Analyzer analyzer(std::size_t{1} << 20U);
    std::string sql = "select f0()";
    for (int i = 1; i < 20'000; ++i) sql += ",f" + std::to_string(i % 10'000) + "()";
    EXPECT_EQ(analyzer.analyze(sql)->statements[0].functions.size(), 10'000U);
}

TEST(Analyzer, KnowsDdlThatLooksForNothing) {
    const auto is_settled = [](const char* sql) {
        return Analyzer().analyze(sql)->statements.at(0).is_settled;
    };
    for (const char* sql :
         {"CREATE UNIQUE INDEX i ON s.t USING btree (a, b DESC)", "TRUNCATE ONLY s.t, s.u",
          "ALTER TABLE ONLY s.t ADD CONSTRAINT p PRIMARY KEY (a), ADD CONSTRAINT u UNIQUE (b)",
          "ALTER TABLE s.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.u(id)",
          "CREATE INDEX i ON s.t (lower(a) text_pattern_ops) WHERE b", "ALTER INDEX s.i ATTACH PARTITION s.j",
          "ALTER TABLE s.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", "ALTER TABLE s.t OWNER TO r",
          "CREATE POLICY p ON s.t USING (true)",
          "CREATE TRIGGER w BEFORE UPDATE ON s.t FOR EACH ROW EXECUTE FUNCTION s.f()"})
        EXPECT_TRUE(is_settled(sql)) << sql;
    for (const char* sql :
         {"CREATE INDEX i ON t (a)", "CREATE INDEX ON s.t (a)", "CREATE INDEX IF NOT EXISTS i ON s.t (a)",
          "TRUNCATE t", "TRUNCATE s.t CASCADE", "ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY (a)",
          "ALTER TABLE s.t ADD PRIMARY KEY (a)", "ALTER TABLE IF EXISTS s.t ADD CONSTRAINT p PRIMARY KEY (a)",
          "ALTER TABLE s.t ADD COLUMN a int",
          "ALTER TABLE s.t ADD CONSTRAINT c CHECK (f(a)), ADD COLUMN a int",
          "ALTER TABLE s.t ATTACH PARTITION s.u DEFAULT", "CREATE POLICY p ON t USING (true)",
          "CREATE TRIGGER w BEFORE UPDATE ON s.t FOR EACH ROW EXECUTE FUNCTION f()",
          "CREATE OR REPLACE TRIGGER w BEFORE UPDATE ON s.t FOR EACH ROW EXECUTE FUNCTION s.f()",
          "ALTER TABLE s.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u(id)", "DROP TABLE s.t",
          "CREATE TABLE s.t()"})
        EXPECT_FALSE(is_settled(sql)) << sql;
}

TEST(Analyzer, KnowsDdlByWhichTheServerFindsNames) {
    const auto finds_names = [](const char* sql) {
        return Analyzer().analyze(sql)->statements.at(0).finds_names;
    };
    for (const char* sql :
         {"CREATE TABLE s.t (a serial)", "CREATE TABLE t (LIKE u INCLUDING ALL)", "CREATE INDEX ON s.t (a)",
          "CREATE INDEX i ON t (a)", "ALTER TABLE s.t ADD UNIQUE (a)", "ALTER TABLE t ADD COLUMN a serial",
          "ALTER TABLE s.t ATTACH PARTITION s.u DEFAULT", "CREATE SCHEMA s CREATE TABLE t (a serial)",
          "CREATE EXTENSION e", "IMPORT FOREIGN SCHEMA s FROM SERVER r INTO t"})
        EXPECT_TRUE(finds_names(sql)) << sql;
    for (const char* sql :
         {"CREATE INDEX i ON s.t (a)", "ALTER TABLE s.t ADD CONSTRAINT p PRIMARY KEY (a)", "TRUNCATE t",
          "DROP TABLE t", "CREATE SCHEMA s", "CREATE SEQUENCE s", "GRANT SELECT ON t TO r",
          "INSERT INTO t VALUES (1)", "CREATE TABLE t AS SELECT 1"})
        EXPECT_FALSE(finds_names(sql)) << sql;
}

TEST(Analyzer, KnowsDdlOfWhatAllDatabasesShare) {
    const auto is_shared = [](const char* sql) {
        return Analyzer().analyze(sql)->statements.at(0).is_shared;
    };
    for (const char* sql : {"CREATE ROLE r", "ALTER ROLE r NOLOGIN", "ALTER ROLE r SET work_mem = 1",
                            "DROP ROLE r", "GRANT a TO b", "DROP OWNED BY r", "REASSIGN OWNED BY a TO b",
                            "CREATE DATABASE d", "DROP DATABASE d", "ALTER DATABASE d RENAME TO e",
                            "ALTER DATABASE d OWNER TO r", "GRANT CONNECT ON DATABASE d TO r",
                            "ALTER ROLE a RENAME TO b", "ALTER DATABASE d SET work_mem = 1"})
        EXPECT_TRUE(is_shared(sql)) << sql;
    for (const char* sql : {"CREATE TABLE t()", "GRANT SELECT ON t TO r", "ALTER TABLE t OWNER TO r",
                            "ALTER TABLE a RENAME TO b", "SELECT 1"})
        EXPECT_FALSE(is_shared(sql)) << sql;
}

TEST(Analyzer, KnowsDdlOfRelationsAlone) {
    const auto is_alone = [](const char* sql) {
        return Analyzer().analyze(sql)->statements.at(0).is_of_relations;
    };
    for (const char* sql : {"CREATE TABLE t()", "CREATE TABLE t AS SELECT 1", "CREATE INDEX ON t (a)",
                            "DROP TABLE t", "ALTER TABLE t ADD COLUMN a int", "ALTER TABLE a RENAME TO b",
                            "CREATE TRIGGER w BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()"})
        EXPECT_TRUE(is_alone(sql)) << sql;
    for (const char* sql :
         {"CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP TABLE t CASCADE",
          "ALTER TABLE t DROP COLUMN a CASCADE", "DROP FUNCTION f", "ALTER DOMAIN d SET DEFAULT 1",
          "ALTER TYPE e RENAME VALUE 'a' TO 'b'", "ALTER TYPE c ADD ATTRIBUTE a int", "CREATE EXTENSION e",
          "ALTER TABLE t SET SCHEMA s", "GRANT USAGE ON SCHEMA s TO r", "ALTER SCHEMA a RENAME TO b"})
        EXPECT_FALSE(is_alone(sql)) << sql;
}

TEST(SettingChange, ReplaysAsSql) {
    using Act = SettingChange::Act;
    EXPECT_EQ(to_sql({Act::Set, Scope::Session, "my.Var", "'x'"}), "SET my.\"Var\" TO 'x'");
    EXPECT_EQ(to_sql({Act::Set, Scope::Local, "work_mem", "5"}), "SET LOCAL work_mem TO 5");
    EXPECT_EQ(to_sql({Act::Reset, Scope::Session, "role", ""}), "SET role TO DEFAULT");
    EXPECT_EQ(to_sql({Act::ResetAll, Scope::Session, "", ""}), "RESET ALL");
}

}  // namespace
}  // namespace pgpool::sql
