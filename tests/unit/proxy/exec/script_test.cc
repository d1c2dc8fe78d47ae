// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/script.h"

#include <gtest/gtest.h>

#include "common/wire/decoder.h"
#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "proxy/sql/analyzer.h"

namespace pgpool::exec {
namespace {

std::optional<Script> script_of(std::string_view text, bool is_in_block = false) {
    return Script::of(text, *sql::Analyzer().analyze(text), is_in_block);
}

// The parts, with "|" between them.
std::string parts_of(std::string_view text, bool is_in_block = false) {
    auto script = script_of(text, is_in_block);
    if (!script) return "whole";
    std::string parts;
    for (; script->has_next(); script->take_next()) {
        if (!parts.empty()) parts += "|";
        parts += wire::read_query(wire::next_frame(script->next()).frame.body).value_or("?");
    }
    return parts;
}

std::string complete(std::string_view tag) {
    std::string frames;
    wire::append_command_complete(frames, tag);
    return frames;
}

std::string ready() {
    std::string frames;
    wire::append_ready_for_query(frames, wire::TransactionStatus::InTransaction);
    return frames;
}

// SQLSTATE, then where in the text.
std::string error(std::string_view position) {
    std::string body("C42601");
    body.push_back('\0');
    body.append("P").append(position);
    body.append(2, '\0');
    std::string frame;
    wire::append_frame(frame, wire::backend::kErrorResponse, body);
    return frame;
}

TEST(Script, IsCutWhereItSteersTransactionsAndWithinThem) {
    EXPECT_EQ(parts_of("begin; insert into t values (1);select ';' ; commit;"),
              "begin| insert into t values (1)|select ';' | commit");
    EXPECT_EQ(parts_of("begin;select 1"), "begin|select 1");
    EXPECT_EQ(parts_of("select 1;select 2;end", true), "select 1|select 2|end");
    EXPECT_EQ(parts_of("begin;select 1;rollback;start transaction;select 2;abort"),
              "begin|select 1|rollback|start transaction|select 2|abort");
    EXPECT_EQ(parts_of("begin;savepoint a;select 1;rollback to a;commit"),
              "begin|savepoint a|select 1|rollback to a|commit");
}

TEST(Script, WhatFollowsABlockIsOneTransaction) {
    EXPECT_EQ(parts_of("commit; select 1; select 2", true), "commit| select 1; select 2");
    EXPECT_EQ(parts_of("begin;commit;select 1;select 2;"), "begin|commit|select 1;select 2;");
}

TEST(Script, StaysWholeWhereThatWouldMeanSomethingElse) {
    for (const std::string_view text :
         {"select 1; begin; select 2", "insert into t values (1); commit",
          "begin;commit;select 1;begin;select 2", "begin", "begin; commit and chain",
          "begin; set client_encoding to latin1; commit",
          "begin; set standard_conforming_strings to off; commit", "begin; reset all; commit",
          "begin; commit; vacuum", "begin; prepare transaction 'x'", "begin; this is no SQL; commit"})
        EXPECT_EQ(parts_of(text), "whole") << text;
}

TEST(Script, ThereIsOneReadyForQuery) {
    auto script = script_of("begin;select 1;commit");
    EXPECT_EQ(script->filter(complete("BEGIN") + ready()), complete("BEGIN"));
    EXPECT_EQ(script->filter(complete("SELECT 1")), complete("SELECT 1"));
    EXPECT_EQ(script->filter(ready()), "");
    EXPECT_FALSE(script->is_over());
    EXPECT_EQ(script->filter(complete("COMMIT") + ready()), complete("COMMIT") + ready());
    EXPECT_TRUE(script->is_over());
}

TEST(Script, AnErrorEndsItAndTellsItsPlaceInTheText) {
    auto script = script_of("begin;select 'ä', x;commit;select y");
    script->take_next();
    EXPECT_EQ(script->filter(complete("BEGIN") + ready()), complete("BEGIN"));
    EXPECT_EQ(script->filter(error("13")), error("19"));
    EXPECT_FALSE(script->has_next());
    EXPECT_FALSE(script->is_over());
    EXPECT_EQ(script->filter(ready()), ready());
    EXPECT_TRUE(script->is_over());
    auto later = script_of("begin;select 'ä';commit;select y");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(later->filter(ready()), "");
    EXPECT_EQ(later->filter(error("8")), error("32"));
}

TEST(Script, MessagesMayPassInPieces) {
    auto script = script_of("begin;select 1;commit");
    std::string row;
    wire::append_frame(row, wire::backend::kDataRow, std::string(1000, 'Z'));
    EXPECT_EQ(script->filter(row.substr(0, 10)), row.substr(0, 10));
    EXPECT_EQ(script->filter(row.substr(10, 500)), row.substr(10, 500));
    EXPECT_EQ(script->filter(row.substr(510) + ready()), row.substr(510));
}

}  // namespace
}  // namespace pgpool::exec
