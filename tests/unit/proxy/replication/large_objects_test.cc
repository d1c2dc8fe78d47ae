// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/large_objects.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/sql/analyzer.h"

namespace pgpool::replication {
namespace {

using Values = std::vector<std::optional<GivenValue>>;

std::string bound(const Values& values, std::uint16_t result_format = 0) {
    std::string rest;
    append_be16(rest, static_cast<std::uint16_t>(values.size()));
    for (const auto& value : values) append_be16(rest, value && value->is_binary ? 1 : 0);
    append_be16(rest, static_cast<std::uint16_t>(values.size()));
    for (const auto& value : values) {
        append_be32(rest, value ? static_cast<std::uint32_t>(value->bytes.size()) : 0xFFFFFFFF);
        if (value) rest += value->bytes;
    }
    append_be16(rest, result_format);
    return rest;
}

// What the others get for a call, as "text: value, value"; result of main 7.
std::string repeated(const LargeObjectCall& call, std::int64_t result = 7) {
    const RepeatedCall made = repeat(call, result);
    Cursor cursor(made.values);
    std::string out = made.sql + ":";
    cursor.bytes(std::size_t{cursor.u16()} * 2);
    for (std::uint16_t left = cursor.u16(); left > 0; --left) {
        out += " ";
        out += cursor.bytes(cursor.u32());
    }
    return out;
}

std::string of_text(const std::string& sql, const std::string& bind_rest = {}) {
    const ReadCall read = read_call(sql, bind_rest);
    if (const auto* none = std::get_if<NoCall>(&read)) return *none == NoCall::NotOne ? "other" : "unclear";
    return repeated(std::get<LargeObjectCall>(read));
}

LargeObjectCall call(const std::string& sql, const std::string& bind_rest = {}) {
    return std::get<LargeObjectCall>(read_call(sql, bind_rest));
}

TEST(LargeObjects, OthersMakeTheObjectThatMainHasMade) {
    const std::string create = "SELECT 1 WHERE pg_catalog.lo_create($1) OPERATOR(pg_catalog.=) $1:";
    EXPECT_EQ(of_text("select lo_creat(-1)"), create + " 7");
    EXPECT_EQ(of_text("SELECT pg_catalog.lo_create('0')"), create + " 7");
    EXPECT_EQ(of_text("select \"lo_create\"(0) as x;"), create + " 7");
    EXPECT_EQ(of_text("select lo_from_bytea(0, '\\x41''')"),
              "SELECT 1 WHERE pg_catalog.lo_from_bytea($1, $2) OPERATOR(pg_catalog.=) $1: 7 \\x41'");
    EXPECT_EQ(repeated(call("select lo_create(0)"), -1), create + " 4294967295");  // oid in binary
}

TEST(LargeObjects, ResultsAreComparedByTheCommandTag) {
    EXPECT_EQ(of_text("select lowrite(0, E'\\\\x41')"),
              "SELECT 1 WHERE pg_catalog.lowrite($1, $2) OPERATOR(pg_catalog.=) $3: 0 \\x41 7");
    EXPECT_EQ(of_text("select lo_open(16400, 131072)"),
              "SELECT 1 FROM pg_catalog.pg_advisory_xact_lock(1885817935, $4)"
              " WHERE pg_catalog.lo_open($1, $2) OPERATOR(pg_catalog.=) $3: 16400 131072 7 16400");
    EXPECT_EQ(of_text("select lo_open(16400, 262144)"),
              "SELECT 1 WHERE pg_catalog.lo_open($1, $2) OPERATOR(pg_catalog.=) $3: 16400 262144 7");
    EXPECT_EQ(of_text("select lo_unlink(4294967295)"),
              "SELECT 1 FROM pg_catalog.pg_advisory_xact_lock(1885817935, $3)"
              " WHERE pg_catalog.lo_unlink($1) OPERATOR(pg_catalog.=) $2: 4294967295 7 -1");
    EXPECT_EQ(of_text("select lo_close(0)"),
              "SELECT 1 WHERE pg_catalog.lo_close($1) OPERATOR(pg_catalog.=) $2: 0 7");
}

TEST(LargeObjects, OthersMoveTheirDescriptorsAlong) {
    EXPECT_EQ(of_text("select lo_lseek64(0, -5, 2)"),
              "SELECT pg_catalog.lo_lseek64($1, $2, $3) IS NULL: 0 -5 2");
    EXPECT_EQ(of_text("select loread(0, 8192)"), "SELECT pg_catalog.loread($1, $2) IS NULL: 0 8192");
    EXPECT_EQ(call("select loread(0, 8192)").reach(), Reach::Position);
    EXPECT_EQ(call("select lo_tell(0)").reach(), Reach::Main);
    EXPECT_EQ(call("select lo_close(0)").reach(), Reach::Numbers);
    EXPECT_EQ(call("select lo_open(1, 262144)").reach(), Reach::Numbers);
    EXPECT_EQ(call("select lo_open(1, 393216)").reach(), Reach::Contents);
    EXPECT_EQ(call("select lo_close(3)").closed(), 3);
    EXPECT_EQ(call("select loread(3, 1)").closed(), std::nullopt);
}

TEST(LargeObjects, WritersLockWhatTheyName) {
    EXPECT_EQ(call("select lo_put(5, 0, 'x')").locked(), 5U);
    EXPECT_EQ(call("select lo_unlink(5)").locked(), 5U);
    EXPECT_EQ(call("select lo_open(5, 131072)").locked(), 5U);
    EXPECT_EQ(call("select lo_open(5, 262144)").locked(), std::nullopt);
    EXPECT_EQ(call("select lo_create(5)").locked(), std::nullopt);
    EXPECT_EQ(lock_of(5).sql, "SELECT pg_catalog.pg_advisory_xact_lock(1885817935, $1)");
}

TEST(LargeObjects, ParametersAreReadInTextAndBinary) {
    const std::string put =
        "SELECT pg_catalog.lo_put($1, $2, $3) FROM pg_catalog.pg_advisory_xact_lock(1885817935, $4):";
    const std::string wide("\0\0\0\0\0\0\x40\x10", 8);
    EXPECT_EQ(of_text("select lo_put($1, $2, $3)",
                      bound({GivenValue{wide, true}, GivenValue{"12", false}, GivenValue{"\x01\x02", true}})),
              put + " 16400 12 \x01\x02 16400");
    EXPECT_EQ(of_text("select lo_put($3::oid, $1::pg_catalog.int8, $2)",
                      bound({GivenValue{"1"}, GivenValue{"\\x00"}, GivenValue{"9"}})),
              put + " 9 1 \\x00 9");
    EXPECT_EQ(of_text("select lo_put($1, $2, $3)", bound({GivenValue{"1"}})), "unclear");
}

TEST(LargeObjects, NullMeansThatNothingHappens) {
    for (const LargeObjectCall& put :
         {call("select lo_put($1, 0, '')", bound({std::nullopt})), call("select lo_put(5, 0, null)"),
          call("select lo_put(5, NULL::int8, '')")}) {
        EXPECT_TRUE(put.does_nothing());
        EXPECT_EQ(put.reach(), Reach::Main);
        EXPECT_EQ(put.locked(), std::nullopt);
    }
}

TEST(LargeObjects, WhatIsNotPlainIsUnclear) {
    for (const char* sql :
         {"select lo_create(1 + 1)", "select lo_create(1.5)", "select lo_put(1, 0, U&'x')",
          "select lo_put(1, 0, E'\\001')", "select lo_put(1, 0, $$x$$)", "select lo_create('t'::regclass)",
          "select lo_create(1), 2", "select lo_create(1) from t", "select lo_create(1) limit 0",
          "select lo_create(1); select 1", "select lo_unlink()", "select lo_put(1, 0, 'a' 'b')",
          "select lo_create('1'::varchar(1))", "select lo_create(99999999999)"})
        EXPECT_EQ(of_text(sql), "unclear") << sql;
    for (const char* sql : {"select 1", "", "select public.lo_create(1)", "select lo_import('x')",
                            "update t set a = lo_create(0)", "select lo_create", "select pg_catalog"})
        EXPECT_EQ(of_text(sql), "other") << sql;
}

TEST(LargeObjects, FunctionCallsAreReadByOid) {
    const auto body = [](std::uint32_t oid, const Values& values) {
        std::string made;
        append_be32(made, oid);
        return made + bound(values, 1);
    };
    const std::string four("\0\0\x40\x10", 4);
    const ReadCall write =
        read_function_call(body(955, {GivenValue{std::string(4, '\0'), true}, GivenValue{"abc", true}}));
    EXPECT_EQ(repeated(std::get<LargeObjectCall>(write), 3),
              "SELECT 1 WHERE pg_catalog.lowrite($1, $2) OPERATOR(pg_catalog.=) $3: 0 abc 3");
    const ReadCall unlink = read_function_call(body(964, {GivenValue{four, true}}));
    EXPECT_EQ(std::get<LargeObjectCall>(unlink).locked(), 16400U);
    EXPECT_EQ(std::get<NoCall>(read_function_call(body(764, {GivenValue{"/x"}}))), NoCall::NotOne);
    EXPECT_EQ(std::get<NoCall>(read_function_call(body(964, {}))), NoCall::Unclear);
    EXPECT_EQ(std::get<NoCall>(read_function_call(body(964, {GivenValue{"abc", true}}))), NoCall::Unclear);
    EXPECT_EQ(std::get<NoCall>(read_function_call("")), NoCall::NotOne);
}

TEST(LargeObjects, OnlyPlainCallsAreCalls) {
    const auto is_call = [](const char* sql) {
        return calls_large_object(sql::Analyzer().analyze(sql)->statements.at(0));
    };
    for (const char* sql : {"select lo_create(0)", "select pg_catalog.lo_put($1, 0, 'x'::bytea) as y"})
        EXPECT_TRUE(is_call(sql)) << sql;
    for (const char* sql :
         {"select lo_create(0) where true", "select lo_create(0), 1", "select lo_create(1 + 1)",
          "select lo_get(1)", "select distinct lo_create(0)", "select lo_create(0) order by 1",
          "select lo_create(0) union select 1", "select public.lo_create(0)", "select lo_create(loid => 5)",
          "select (lo_create(0))::text"})
        EXPECT_FALSE(is_call(sql)) << sql;
}

}  // namespace
}  // namespace pgpool::replication
