// SPDX-License-Identifier: PostgreSQL
#include "common/nodecheck/two_phase.h"

#include <gtest/gtest.h>

namespace pgpool::nodecheck {
namespace {

TEST(WhyNotPrepared, OneOfEverySlotIsNeeded) {
    config::Replication replication;
    replication.slots = 64;
    replication.commit = config::Commit::Ordered;
    EXPECT_EQ(why_not_prepared("a", 0, replication), "");
    replication.commit = config::Commit::Auto;
    EXPECT_EQ(why_not_prepared("a", 64, replication), "");
    EXPECT_EQ(why_not_prepared("a", 63, replication),
              "node \"a\": max_prepared_transactions is 63, replication.commit: auto needs at least 64 "
              "(replication.slots); set it in its postgresql.conf and restart that server");
}

}  // namespace
}  // namespace pgpool::nodecheck
