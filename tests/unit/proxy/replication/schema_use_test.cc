// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/schema_use.h"

#include <gtest/gtest.h>

#include "proxy/sql/analyzer.h"
#include "tests/unit/proxy/replication/fixture.h"

namespace pgpool::replication {
namespace {

class SchemaUse : public testing::Test {
protected:
    SchemaUse() {
        std::uint32_t oid = 16384;
        for (const char* name : {"t", "u"}) {
            for (sql::CatalogFacts* facts : {&before_.facts(), &after_.facts()})
                facts->relations[name].oid = facts->relations["public." + std::string(name)].oid = oid;
            ++oid;
        }
    }
    bool is_same(const char* sql) {
        const sql::StatementInfoPtr info = sql::Analyzer().analyze(sql);
        return names_the_same(*info, before_.facts(), after_.facts()) &&
               uses_builtins_only(*info, before_.facts()) && uses_builtins_only(*info, after_.facts());
    }
    sql::RelationFacts& now(const char* name) { return after_.facts().relations[name]; }

    fixture::Catalog before_, after_;
};

TEST_F(SchemaUse, PlainStatementsMeetTheSame) {
    for (const char* sql :
         {"INSERT INTO t(id, a) VALUES (1, $1)", "UPDATE public.t SET a = abs(a) + 1 WHERE id = 1",
          "DELETE FROM t WHERE id IN (SELECT id FROM u)", "COPY t FROM STDIN"})
        EXPECT_TRUE(is_same(sql)) << sql;
}

TEST_F(SchemaUse, CodeOfUsersMayHaveBeenReplaced) {
    for (const char* sql : {"UPDATE t SET a = pure(a)", "UPDATE t SET a = a ### 1",
                            "UPDATE t SET a = unheard_of(a)", "UPDATE t SET a = a OPERATOR(public.+) 1",
                            "UPDATE t SET a = 'x'::mood", "UPDATE t SET a = t.full_name", "EXECUTE p",
                            "CALL p()", "UPDATE t SET a = (SELECT pure(n) FROM u LIMIT 1)"})
        EXPECT_FALSE(is_same(sql)) << sql;
}

TEST_F(SchemaUse, WhereNoCodeWasReplacedNamesAreEnough) {
    now("t").runs_user_code = true;
    const sql::StatementInfoPtr info = sql::Analyzer().analyze("UPDATE t SET a = pure(a) ### 1");
    EXPECT_TRUE(names_the_same(*info, before_.facts(), after_.facts()));
    EXPECT_FALSE(names_the_same(*sql::Analyzer().analyze("UPDATE t SET a = 'x'::mood"), before_.facts(),
                                after_.facts()));
}

TEST_F(SchemaUse, AFunctionOfTheSameNameThatIsNew) {
    after_.facts().functions["abs"].builtin = false;
    EXPECT_FALSE(is_same("UPDATE t SET a = abs(a)"));
    EXPECT_TRUE(is_same("UPDATE t SET a = pg_catalog.abs(a)"));
}

TEST_F(SchemaUse, SequencesAreFoundByName) {
    const auto names = [this](const char* sql) {
        return names_the_same(*sql::Analyzer().analyze(sql), before_.facts(), after_.facts());
    };
    EXPECT_FALSE(names("INSERT INTO t VALUES (nextval('s'))"));
    EXPECT_FALSE(names("SELECT setval('\"a.b\"', 1)"));
    EXPECT_TRUE(names("SELECT pg_catalog.setval('public.s', 1, true)"));
    EXPECT_FALSE(is_same("SELECT pg_catalog.setval('public.s', 1, true)")) << "schemas may be renamed";
}

TEST_F(SchemaUse, AnotherTableBearsTheName) {
    now("t").oid = sql::RelationFacts::kSeveral;
    EXPECT_FALSE(is_same("DELETE FROM t"));
    EXPECT_TRUE(is_same("DELETE FROM public.t"));
    before_.facts().relations["t"].oid = sql::RelationFacts::kSeveral;
    EXPECT_FALSE(is_same("DELETE FROM t")) << "the search path decides, and rights by which it is read";
    now("u").oid = 99;
    EXPECT_FALSE(is_same("DELETE FROM u")) << "dropped and made again";
    after_.facts().relations.erase("public.t");
    EXPECT_FALSE(is_same("DELETE FROM public.t"));
}

TEST_F(SchemaUse, WhatHangsOnTheTableCounts) {
    now("t").runs_user_code = true;
    EXPECT_FALSE(is_same("UPDATE t SET a = 1"));
    EXPECT_TRUE(is_same("UPDATE u SET a = 1"));
    sql::WriteFacts write;
    write.columns = {fixture::column("id")};
    write.columns.back().type = "public.mood";
    now("u").write = std::make_shared<const sql::WriteFacts>(write);
    EXPECT_FALSE(is_same("UPDATE u SET a = 1")) << "an enum, whose values may be renamed";
}

TEST_F(SchemaUse, SoDoCastsOfUsers) {
    after_.facts().converts_by_user_code = true;
    EXPECT_FALSE(is_same("INSERT INTO t(id) VALUES (1)"));
}

}  // namespace
}  // namespace pgpool::replication
