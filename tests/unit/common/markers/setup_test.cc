// SPDX-License-Identifier: PostgreSQL
#include "common/markers/setup.h"

#include <gtest/gtest.h>

namespace pgpool::markers {
namespace {

TEST(Setup, HasItsNumbers) {
    const std::string sql = setup_sql(77);
    EXPECT_NE(sql.find("generate_series(0, 77 - 1)"), std::string::npos);
    EXPECT_EQ(sql.find(":slots"), std::string::npos);
    EXPECT_NE(sql.find("AS 'SELECT " + std::to_string(kVersion) + "'"), std::string::npos);
}

}  // namespace
}  // namespace pgpool::markers
