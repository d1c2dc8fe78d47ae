// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/walsender_text.h"

#include <gtest/gtest.h>

#include "common/wire/encoder.h"

namespace pgpool::session {
namespace {

TEST(WalsenderText, ACommandBeginsWithItsWordInCapitals) {
    for (const char* text : {"IDENTIFY_SYSTEM", " \n\tSHOW x; insert into t values (1)", "IDENTIFY_SYSTEM;",
                             "START_REPLICATION SLOT s LOGICAL 0/0", "UPLOAD_MANIFEST"})
        EXPECT_TRUE(is_replication_command(text)) << text;
    for (const char* text : {"", " ", "show x; insert into t values (1)", "SHOWS", "/* x */ IDENTIFY_SYSTEM",
                             "\"SHOW\" x", "SELECT 1", "insert into t values (1)"})
        EXPECT_FALSE(is_replication_command(text)) << text;
}

sql::CatalogFacts facts() {
    sql::CatalogFacts made;
    made.version = 1;
    made.writes_known = true;
    made.functions["lower"] = {sql::Volatility::Immutable, true, true};
    made.functions["acts"] = {sql::Volatility::Volatile, false, true};
    made.functions["set_config"] =
        made.functions["pg_catalog.set_config"] = {sql::Volatility::Volatile, true, true};
    made.relations["t"].write = std::make_shared<const sql::WriteFacts>();
    return made;
}

TEST(WalsenderText, WhatReadsIsPassedOn) {
    for (const char* text :
         {"select lower('x') from t", "show work_mem", "begin read only isolation level repeatable read",
          "commit", "copy t to stdout", "SELECT pg_catalog.set_config('search_path', '', false);", ""})
        EXPECT_EQ(why_not_passed_on(text, facts(), "UTF8"), "") << text;
}

TEST(WalsenderText, WhatMayWriteIsNot) {
    for (const char* text :
         {"insert into t values (1)", "select 1; delete from t", "select acts()", "select nosuch()",
          "create table n (i int)", "do $$ begin end $$", "select 1 /* what", "prepare transaction 'x'",
          "execute x", "truncate t", "copy t from stdin", "set standard_conforming_strings = off",
          "select set_config('client_encoding', 'SJIS', false)", "select set_config(a, 'x', false) from t",
          "select '\\'', acts() --'"})
        EXPECT_NE(why_not_passed_on(text, facts(), ""), "") << text;
    EXPECT_EQ(why_not_passed_on("select '\xc3\xa4'", facts(), ""), "");
    EXPECT_NE(why_not_passed_on("select '\x95\x5c'", facts(), "SJIS"), "");
}

}  // namespace
}  // namespace pgpool::session
