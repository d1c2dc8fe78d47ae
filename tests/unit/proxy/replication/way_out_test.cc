// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/way_out.h"

#include <gtest/gtest.h>

#include "proxy/replication/write_class.h"
#include "proxy/sql/analyzer.h"
#include "tests/unit/proxy/replication/fixture.h"

namespace pgpool::replication {
namespace {

std::string_view hint_for(const std::string& sql) {
    fixture::Catalog catalog;
    const auto info = sql::Analyzer().analyze(sql);
    return way_out(classify_write(*info, &catalog.facts()).reason);
}

TEST(WayOut, IsToldForWhatTheJudgeRefuses) {
    EXPECT_EQ(hint_for("update keyless set a = random()"),
              "A primary key that the statement does not assign helps.");
    EXPECT_EQ(hint_for("alter role joe password 'clear'"),
              "Send a SCRAM verifier, as psql does for \\password.");
    EXPECT_EQ(hint_for("alter table t add column c timestamptz default now()"),
              "Where a column is added: add it without default, then SET DEFAULT, then UPDATE the rows.");
    EXPECT_EQ(
        hint_for("create table n (c timestamptz default 'now')"),
        "In a default write now(); where a column is added, SET DEFAULT after it, then UPDATE the rows.");
    EXPECT_EQ(hint_for("alter role r set statement_timeout from current"), "Write the value.");
    EXPECT_EQ(way_out("rows that travel, with array_nulls off"), "SET array_nulls TO on helps.");
    EXPECT_EQ(hint_for("alter system set work_mem = '1MB'"), "Do it on each node.");
    EXPECT_EQ(hint_for("create tablespace x location '/x'"), "Do it on each node.");
}

TEST(WayOut, IsNotToldWhereNothingHelps) {
    EXPECT_EQ(hint_for("do $$ begin end $$"), "");
    EXPECT_EQ(hint_for("create subscription s connection '' publication p"), "");
    EXPECT_EQ(way_out("the catalogs could not be read: no"), "");
}

}  // namespace
}  // namespace pgpool::replication
