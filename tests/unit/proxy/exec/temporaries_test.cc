// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/temporaries.h"

#include <gtest/gtest.h>

#include "proxy/sql/analyzer.h"

namespace pgpool::exec {
namespace {

class TemporariesTest : public testing::Test {
protected:
    TemporariesTest() {
        facts_.version = 1;
        facts_.writes_known = true;
        facts_.relations["t"] = {};
        facts_.types["color"] = {};
    }
    void run(std::string_view sql, std::string_view tag) {
        const auto info = sql::Analyzer().analyze(sql);
        for (const sql::Statement& statement : info->statements) temporaries_.apply(statement, tag, &facts_);
    }
    [[nodiscard]] std::string names() const {
        std::string all;
        for (const std::string& name : temporaries_.names()) all += name + " ";
        return temporaries_.is_opaque() ? all + "?" : all;
    }

    sql::CatalogFacts facts_;
    Temporaries temporaries_;
};

TEST_F(TemporariesTest, AreTablesAndSequences) {
    run("create temp table a (i int)", "CREATE TABLE");
    run("create table pg_temp.b (like t)", "CREATE TABLE");
    run("create temp table c as select 1", "SELECT 1");
    run("select * into temp d from t", "SELECT 5");
    run("create temp sequence e", "CREATE SEQUENCE");
    run("create temp table if not exists a (i int)", "CREATE TABLE");
    EXPECT_EQ(names(), "b c d e a ");
}

TEST_F(TemporariesTest, GoWhenTheyAreDropped) {
    run("create temp table a (i int)", "CREATE TABLE");
    run("create temp table b (i int)", "CREATE TABLE");
    run("create temp table c (i int)", "CREATE TABLE");
    run("drop table public.a", "DROP TABLE");
    run("drop table b, pg_temp.c", "DROP TABLE");
    EXPECT_EQ(names(), "a ");
    run("discard temp", "DISCARD TEMP");
    EXPECT_EQ(names(), "");
}

TEST_F(TemporariesTest, WhatMayWriteElsewhereMakesTheSessionOpaque) {
    const std::vector<std::pair<const char*, const char*>> opaque{
        {"create temp view v as select * from t", "CREATE VIEW"},
        {"create function pg_temp.f() returns int language sql as 'select 1'", "CREATE FUNCTION"},
        {"set search_path to public, pg_temp", "SET"},
        {"create temp table x () inherits (t)", "CREATE TABLE"},
        {"create temp table x (like t including defaults)", "CREATE TABLE"},
        {"create temp table x (like t including all)", "CREATE TABLE"},
        {"explain analyze create temp table x as select 1", "EXPLAIN"},
        {"create temp table t (i int)", "CREATE TABLE"},      // also a permanent table
        {"create temp table color (i int)", "CREATE TABLE"},  // ... or type
        {"alter table a add column x int default 5", "ALTER TABLE"},
        {"alter table a alter i set default 5", "ALTER TABLE"},
        {"alter table a add primary key (i)", "ALTER TABLE"},
        {"alter table a rename i to j", "ALTER TABLE"},
    };
    for (const auto& [sql, tag] : opaque) {
        temporaries_.clear();
        run("create temp table a (i int)", "CREATE TABLE");
        ASSERT_EQ(names(), "a ");
        run(sql, tag);
        EXPECT_EQ(names(), "a ?") << sql;
    }
    run("discard all", "DISCARD ALL");
    EXPECT_EQ(names(), "");
}

// By rules, triggers and defaults, or since another table has the name: on main alone, unnoticed.
TEST_F(TemporariesTest, WhatAWriteOfThemMayReachIsNotKnown) {
    const std::vector<std::pair<const char*, const char*>> unknown{
        {"alter table a rename to b", "ALTER TABLE"},
        {"create trigger g before insert on a for each row execute function f()", "CREATE TRIGGER"},
        {"create rule r as on insert to a do also insert into t values (1)", "CREATE RULE"},
        {"create policy p on a with check (f())", "CREATE POLICY"},
        {"alter table a alter i set default f()", "ALTER TABLE"},
        {"alter table a add column x int default f()", "ALTER TABLE"},
        {"alter table a add check (i === 1)", "ALTER TABLE"},
        {"alter table a attach partition pg_temp.part for values in (1)", "ALTER TABLE"},
        {"create index on a (f(i))", "CREATE INDEX"},
    };
    facts_.operators["==="] = {};
    for (const auto& [sql, tag] : unknown) {
        temporaries_.clear();
        run("create temp table a (i int)", "CREATE TABLE");
        run(sql, tag);
        EXPECT_EQ(names(), "?") << sql;
    }
}

TEST_F(TemporariesTest, DefinitionsOfOtherTablesChangeNothing) {
    run("create temp table a (i int)", "CREATE TABLE");
    run("alter table t add column x int", "ALTER TABLE");
    run("alter table public.a add column x int", "ALTER TABLE");
    run("create index on a (i)", "CREATE INDEX");
    EXPECT_EQ(names(), "a ");
}

TEST_F(TemporariesTest, FollowTheTransaction) {
    run("create temp table a (i int)", "CREATE TABLE");
    temporaries_.commit();
    run("create temp table b (i int)", "CREATE TABLE");
    temporaries_.savepoint("s");
    run("create temp table c (i int)", "CREATE TABLE");
    temporaries_.savepoint("s");
    run("drop table a", "DROP TABLE");
    EXPECT_EQ(names(), "b c ");
    temporaries_.rollback_to_savepoint("s");
    EXPECT_EQ(names(), "a b c ");
    temporaries_.release_savepoint("s");
    temporaries_.rollback_to_savepoint("s");
    EXPECT_EQ(names(), "a b ");
    temporaries_.rollback_to_savepoint("nothing");
    temporaries_.rollback();
    EXPECT_EQ(names(), "a ");
    run("discard temp", "DISCARD TEMP");
    temporaries_.rollback();
    EXPECT_EQ(names(), "a ");
}

TEST_F(TemporariesTest, OnCommitDropEndsWithTheTransaction) {
    run("create temp table a (i int) on commit drop", "CREATE TABLE");
    run("create temp table b on commit drop as select 1", "SELECT 1");
    run("create temp table c (i int) on commit delete rows", "CREATE TABLE");
    EXPECT_EQ(names(), "a b c ");
    temporaries_.commit();
    EXPECT_EQ(names(), "c ");
}

TEST_F(TemporariesTest, WithoutFactsNoNameIsKnownToBeFree) {
    facts_.writes_known = false;
    run("create temp table a (i int)", "CREATE TABLE");
    EXPECT_EQ(names(), "?");
}

TEST_F(TemporariesTest, MayBeDroppedUnnamed) {
    run("drop owned by bob", "DROP OWNED");
    EXPECT_EQ(names(), "") << "there are none";
    for (const char* sql : {"drop owned by bob", "reassign owned by bob to amy", "drop schema s cascade",
                            "drop extension e cascade", "drop type color cascade"}) {
        temporaries_.clear();
        run("create temp table a (i int)", "CREATE TABLE");
        run(sql, "DROP");
        EXPECT_EQ(names(), "?") << sql;
    }
    temporaries_.clear();
    run("create temp table a (i int)", "CREATE TABLE");
    run("drop table t cascade", "DROP TABLE");
    run("drop type color", "DROP TYPE");
    EXPECT_EQ(names(), "a ");
}

}  // namespace
}  // namespace pgpool::exec
