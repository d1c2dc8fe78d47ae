// SPDX-License-Identifier: PostgreSQL
#include "common/nodecheck/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgpool::nodecheck {
namespace {

using testing::HasSubstr;
using testing::Not;

// A column or function that a version lacks would fail all of the query.
TEST(NodeFacts, DatabasesAreAskedForByWhatTheVersionHas) {
    EXPECT_THAT(databases_query(14), Not(HasSubstr("pg_database_collation_actual_version")));
    EXPECT_THAT(databases_query(15), HasSubstr("pg_database_collation_actual_version"));
    for (const char* column : {"d.daticulocale", "d.datlocale", "d.datlocprovider"})
        EXPECT_THAT(databases_query(17), Not(HasSubstr(column)));
}

TEST(NodeFacts, TheVersionIsAmongTheSettings) {
    NodeFacts facts;
    EXPECT_EQ(major_version(facts), 0);
    add_settings(facts, std::vector<Row>{{"server_version (major)", "17"}});
    EXPECT_EQ(major_version(facts), 17);
}

}  // namespace
}  // namespace pgpool::nodecheck
