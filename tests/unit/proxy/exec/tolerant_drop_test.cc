// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/tolerant_drop.h"

#include <gtest/gtest.h>

namespace pgpool::exec {
namespace {

TEST(TolerantDrop, IsOfIndexesThatMayBeMissing) {
    EXPECT_EQ(tolerant_drop("drop index i"), "drop index IF EXISTS i");
    EXPECT_EQ(tolerant_drop("DROP /* it */ INDEX CONCURRENTLY \"I\", s.j cascade;"),
              "DROP /* it */ INDEX CONCURRENTLY IF EXISTS \"I\", s.j cascade;");
    EXPECT_EQ(tolerant_drop("drop index\ni"), "drop index IF EXISTS\ni");
}

TEST(TolerantDrop, LeavesAllElseAsItIs) {
    for (const char* sql : {"drop index if exists i", "drop index concurrently if exists i",
                            "drop table index", "create index i on t (v)", "drop", "", "-- drop index i"})
        EXPECT_EQ(tolerant_drop(sql), sql);
}

}  // namespace
}  // namespace pgpool::exec
