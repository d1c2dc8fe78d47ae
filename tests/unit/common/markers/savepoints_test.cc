// SPDX-License-Identifier: PostgreSQL
#include "common/markers/savepoints.h"

#include <gtest/gtest.h>

namespace pgpool::markers {
namespace {

std::string left(std::initializer_list<const char*> texts) {
    std::vector<RedoStatement> statements;
    for (const char* text : texts) statements.push_back({.sql = text, .types = {}, .parameters = {}});
    std::string kept;
    for (const RedoStatement& statement : without_savepoints(statements)) kept += statement.sql + "|";
    return kept;
}

TEST(Savepoints, WhatWasUndoneIsLeftOut) {
    EXPECT_EQ(left({"a", "savepoint s", "b", "ROLLBACK TO SAVEPOINT S;", "c", "RELEASE s"}), "a|c|");
    EXPECT_EQ(left({"savepoint s", "b", "release savepoint s", "c"}), "b|c|");
    EXPECT_EQ(left({"savepoint s", "a", "savepoint \"S t\"", "b", "rollback work to \"S t\"", "c"}), "a|c|");
    EXPECT_EQ(left({"savepoint s", "a", "savepoint s", "b", "rollback to s", "rollback transaction to s"}),
              "a|");
    EXPECT_EQ(left({"savepoint s", "a", "savepoint t", "b", "rollback to s", "c"}), "c|");
    EXPECT_EQ(left({"savepoint s", "savepoint s", "a", "release s", "b", "rollback to s"}), "");
}

TEST(Savepoints, OtherTextsStay) {
    EXPECT_EQ(left({"savepoint s; a", "select 'savepoint s'", "savepoint", "rollback and no chain", ""}),
              "savepoint s; a|select 'savepoint s'|savepoint|rollback and no chain||");
}

}  // namespace
}  // namespace pgpool::markers
