// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/large_object_step.h"

#include <gtest/gtest.h>

#include <string>

namespace pgpool::exec {
namespace {

LargeObjectStep step(const std::string& sql, bool is_binary = false) {
    return {std::get<replication::LargeObjectCall>(replication::read_call(sql, {})), is_binary, true};
}

std::string value(const std::string& bytes) {
    std::string body;
    append_be32(body, static_cast<std::uint32_t>(bytes.size()));
    return body + bytes;
}

std::string row(const std::string& bytes) {
    return std::string("\0\1", 2) + value(bytes);
}

TEST(LargeObjectStep, WaitsForTheNumberThatMainGives) {
    LargeObjectStep made = step("select lo_create(0)");
    EXPECT_FALSE(made.is_answered());
    made.take_row(row("16400"));
    ASSERT_TRUE(made.is_answered());
    PreparedRegistry registry{"_p_"};
    const auto execution = made.execution(registry);
    EXPECT_TRUE(execution.statement->sql_and_types.starts_with("SELECT 1 WHERE pg_catalog.lo_create($1)"));
    EXPECT_NE(execution.values.find("16400"), std::string::npos);
}

TEST(LargeObjectStep, ReadsBinaryResults) {
    LargeObjectStep made = step("select lo_open(5, 131072)", true);
    EXPECT_EQ(made.opened(), std::nullopt);
    made.take_response(value(std::string("\0\0\0\2", 4)));
    EXPECT_EQ(made.opened(), 2);
}

TEST(LargeObjectStep, NeedsNoDataThatWasRead) {
    LargeObjectStep made = step("select loread(0, 100000)");
    EXPECT_TRUE(made.is_answered());
    made.take_row(row("12"));
    EXPECT_EQ(made.opened(), std::nullopt);
}

TEST(LargeObjectStep, WhatIsNoNumberIsNoAnswer) {
    LargeObjectStep made = step("select lo_create(0)");
    made.take_row("");
    made.take_row(row("x"));
    made.take_row(row(std::string(100, '1')));
    EXPECT_FALSE(made.is_answered());
}

}  // namespace
}  // namespace pgpool::exec
