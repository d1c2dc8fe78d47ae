// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/copy_plan.h"

#include <gtest/gtest.h>

namespace pgpool::replication {
namespace {

CopyPlan plan_of(const std::vector<const char*>& columns) {
    CopyPlan plan;
    for (const char* name : columns) plan.columns.push_back({.name = name, .size = 4});
    return plan;
}

std::string telling(const char* name) {
    return std::string("CASE WHEN pg_catalog.num_nulls(") + name +
           ") OPERATOR(pg_catalog.=) 0 THEN pg_catalog.format('%s', " + name + ") END";
}

TEST(CopyPlan, MainTellsBehindAllThatTheClientHasSaid) {
    const CopyPlan plan = plan_of({"id", "At"});
    EXPECT_EQ(with_telling("/* a */ copy t(v) from stdin (header);", plan),
              "/* a */ copy t(v) from stdin (header) WHERE "
              "pgpool_replication.tell(pg_catalog.current_setting('array_nulls'), " +
                  telling("\"id\"") + ", " + telling("\"At\"") + ");");
    EXPECT_EQ(
        with_telling("copy t(v) from stdin -- x", plan_of({"id"})),
        "copy t(v) from stdin WHERE pgpool_replication.tell(pg_catalog.current_setting('array_nulls'), " +
            telling("\"id\"") + ") -- x");
}

TEST(CopyPlan, TheOthersCopyThoseColumnsFirst) {
    const CopyPlan plan = plan_of({"id", "At"});
    EXPECT_EQ(with_columns("copy t(v) from stdin", plan), "copy t(\"id\", \"At\", v) from stdin");
    EXPECT_EQ(with_columns("copy \"a(\".t /*(*/ ( v, \"(\") from stdin (format csv)", plan),
              "copy \"a(\".t /*(*/ (\"id\", \"At\",  v, \"(\") from stdin (format csv)");
}

TEST(CopyPlan, KnowsEncodingsByAllTheirNames) {
    for (const char* name :
         {"SJIS", "Shift_JIS_2004", "BIG5", "gbk", "UHC", "WIN949", "GB18030", "JOHAB", "mskanji"})
        EXPECT_TRUE(hides_ascii(name)) << name;
    for (const char* name : {"", "UTF8", "LATIN1", "EUC_JP", "SQL_ASCII", "WIN1252"})
        EXPECT_FALSE(hides_ascii(name)) << name;
}

TEST(CopyPlan, TakesColumnsThatAreWrittenAsTheyAreRead) {
    CopyPlan plan;
    const sql::ColumnFacts drawn{
        .name = "id", .filled = sql::Default::Sequence, .type = "pg_catalog.int8", .sequences = {"public.s"}};
    EXPECT_EQ(add_column(plan, drawn), "");
    EXPECT_EQ(plan.moved, std::vector<std::string>{"public.s"});
    EXPECT_EQ(plan.columns.front().size, 8U);
    sql::ColumnFacts other = drawn;
    other.sequences.clear();
    EXPECT_NE(add_column(plan, other), "");
    other = drawn;
    other.cast = "::text";
    EXPECT_NE(add_column(plan, other), "");
    other = {.name = "at", .filled = sql::Default::NotDeterministic, .type = "pg_catalog.timestamptz"};
    EXPECT_EQ(add_column(plan, other), "");
    plan.rows.format = sql::CopyRows::Format::Binary;
    EXPECT_NE(add_column(plan, other), "");
    EXPECT_EQ(plan.columns.size(), 2U);
}

}  // namespace
}  // namespace pgpool::replication
