// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/function_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgpool::health {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

struct Case {
    const char* source;
    bool forbidden;
};

class Bodies : public testing::TestWithParam<Case> {};

TEST_P(Bodies, AreForbiddenByTheirWords) {
    EXPECT_EQ(read_body(GetParam().source).forbidden, GetParam().forbidden) << GetParam().source;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Bodies,
    testing::Values(Case{"", false}, Case{"SELECT 1", false}, Case{"SET search_path TO x", true},
                    Case{"BEGIN set work_mem = '1MB'; END", true},
                    Case{"BEGIN x := 1; SET a TO b; END", true},
                    Case{"BEGIN IF a THEN SET b = 1; END IF; END", true},
                    Case{"BEGIN LOOP SET b = 1; END LOOP; END", true},
                    Case{"BEGIN <<x>> SET b = 1; END", true}, Case{"UPDATE t SET a = 1", false},
                    Case{"UPDATE t AS u SET a = 1", false}, Case{"UPDATE s.t SET (a) = (1)", false},
                    Case{"INSERT INTO t(a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", false},
                    Case{"INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", false},
                    Case{"BEGIN DO $x$ BEGIN END $x$; END", true}, Case{"DO 'BEGIN END'", true},
                    Case{"BEGIN RESET ALL; END", true}, Case{"BEGIN EXECUTE 'x'; END", true},
                    Case{"BEGIN RETURN QUERY EXECUTE q; END", true}, Case{"LISTEN x", true},
                    Case{"UNLISTEN x", true}, Case{"CREATE TEMP TABLE x (a int)", true},
                    Case{"SELECT 1 INTO TEMPORARY x", true}, Case{"PREPARE p AS SELECT 1", true},
                    Case{"DEALLOCATE p", true}, Case{"DISCARD ALL", true},
                    Case{"DECLARE c CURSOR WITH HOLD FOR SELECT 1", true}, Case{"DROP TABLE x", true},
                    Case{"CALL p()", true}, Case{"COPY t TO '/x'", true}, Case{"LOAD 'x'", true},
                    Case{"SELECT * FROM pg_temp.x", true}, Case{"SELECT * FROM \"pg_temp\".x", true},
                    Case{"SELECT 'SET x TO y'", false}, Case{"SELECT \"reset\" FROM t", false},
                    Case{"SELECT t.reset FROM t", false}, Case{"-- RESET ALL\nSELECT 1", false},
                    Case{"/* RESET ALL */ SELECT 1", false}, Case{"SELECT 'never ends", true},
                    Case{"SELECT U&\"\\0070g_temp\".x", true}, Case{"NOTIFY x", false}));

TEST(ReadBody, FindsCommentsAndWhatIsLocal) {
    EXPECT_TRUE(read_body("BEGIN COMMENT ON TABLE t IS 'x'; END").comments);
    EXPECT_TRUE(read_body("BEGIN x := 1; SECURITY LABEL ON TABLE t IS 'x'; END").comments);
    EXPECT_FALSE(read_body("BEGIN x := (SELECT comment FROM t); END").comments);
    for (const char* body : {"SELECT current_user", "SELECT t.ctid FROM t", "SELECT user", "x := tg_relid"})
        EXPECT_TRUE(read_body(body).is_local) << body;
    EXPECT_FALSE(read_body("SELECT \"user\" FROM t").is_local);
}

TEST(ReadBody, FindsWhatMayReadTables) {
    for (const char* body : {"SELECT a FROM t", "TABLE t", "x := EXISTS (SELECT FROM t)"})
        EXPECT_TRUE(read_body(body).selects) << body;
    for (const char* body : {"IF a IS DISTINCT FROM b THEN END IF", "SELECT 'FROM t'", "x := t.from"})
        EXPECT_FALSE(read_body(body).selects) << body;
}

TEST(ReadBody, FindsCallsWithTheirSchemas) {
    const FunctionBody body = read_body("BEGIN RETURN a.f(1) + \"G\"((2)) + h (x); END");
    EXPECT_THAT(body.calls,
                ElementsAre(CalledFunction{"a", "f"}, CalledFunction{"", "G"}, CalledFunction{"", "h"}));
    EXPECT_FALSE(body.writes);
}

TEST(ReadBody, KeywordsAndTypesAreCallsOnlyIfAFunctionBearsTheName) {
    const FunctionBody body =
        read_body("SELECT coalesce(x, 1)::numeric(10, 2) FROM t WHERE a IN (1) AND (b)");
    for (const CalledFunction& call : body.calls) EXPECT_TRUE(call.may_be_syntax) << call.name;
    EXPECT_THAT(read_body("SELECT \"in\"(1)").calls, ElementsAre(CalledFunction{"", "in", false}));
    EXPECT_THAT(read_body("SELECT s.in(1)").calls, ElementsAre(CalledFunction{"s", "in", false}));
}

TEST(ReadBody, ColumnsOfAnInsertAreNoCall) {
    EXPECT_THAT(read_body("INSERT INTO s.t (a, b) SELECT 1, 2").calls, IsEmpty());
    EXPECT_THAT(read_body("INSERT INTO t(a) SELECT f(1)").calls, ElementsAre(CalledFunction{"", "f"}));
}

TEST(ReadBody, SeesWritesAndNames) {
    const FunctionBody body = read_body("WITH d AS (DELETE FROM Orders RETURNING *) SELECT * FROM \"Old\"");
    EXPECT_TRUE(body.writes);
    EXPECT_THAT(body.names, Contains("orders"));
    EXPECT_THAT(body.names, Contains("Old"));
}

TEST(ReadTree, FindsFunctionsRelationsAndWrites) {
    const StoredTree tree = read_tree(
        "({QUERY :commandType 1 :rtable ({RTE :relid 16390 :relkind r}) :targetList ({FUNCEXPR :funcid 1598 "
        ":x} {OPEXPR "
        ":opno 96 :opfuncid 65} {AGGREF :aggfnoid 2108} {WINDOWFUNC :winfnoid 3100} {FUNCEXPR :funcid 1598} "
        "{X :funcid "
        "0})})");
    EXPECT_THAT(tree.functions, ElementsAre(65U, 1598U, 2108U, 3100U));
    EXPECT_THAT(tree.relations, ElementsAre(16390U));
    EXPECT_FALSE(tree.writes);
    EXPECT_FALSE(tree.reads_text);
    EXPECT_TRUE(read_tree("{COERCEVIAIO :arg {PARAM :paramtype 25} :resulttype 1184 :x}").reads_text);
    EXPECT_FALSE(read_tree("{COERCEVIAIO :arg {PARAM :paramtype 1184} :resulttype 25 :x}").reads_text);
    EXPECT_TRUE(read_tree("{QUERY :commandType 1 {QUERY :commandType 3 :x}}").writes);
}

}  // namespace
}  // namespace pgpool::health
