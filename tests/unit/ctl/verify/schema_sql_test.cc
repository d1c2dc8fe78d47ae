// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/schema_sql.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgpool::ctl::verify {
namespace {

TEST(SchemaSql, NothingIsLeftToExpand) {
    const std::string query = schema_query();
    EXPECT_EQ(query.find('@'), std::string::npos);
    EXPECT_EQ(std::count(query.begin(), query.end(), '('), std::count(query.begin(), query.end(), ')'));
}

TEST(SchemaSql, RightsStandForTheirDefault) {
    EXPECT_NE(schema_query().find("unnest(coalesce(n.nspacl, acldefault('n', n.nspowner)))"),
              std::string::npos);
}

TEST(SchemaSql, WhatReplicationKeepsIsLeftOut) {
    EXPECT_NE(of_users("n").find("'pgpool_replication'"), std::string::npos);
    EXPECT_NE(sequences_query().find(of_users("n")), std::string::npos);
}

}  // namespace
}  // namespace pgpool::ctl::verify
