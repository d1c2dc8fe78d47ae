// SPDX-License-Identifier: PostgreSQL
#include "common/pg/sql_text.h"

#include <gtest/gtest.h>

namespace pgpool::pg {
namespace {

TEST(SqlText, Quotes) {
    EXPECT_EQ(quote_identifier("t"), "\"t\"");
    EXPECT_EQ(quote_identifier("a\"b; drop"), "\"a\"\"b; drop\"");
    EXPECT_EQ(quote_literal("it's"), "'it''s'");
    EXPECT_EQ(quote_literal(""), "''");
}

}  // namespace
}  // namespace pgpool::pg
