// SPDX-License-Identifier: PostgreSQL
#include "ctl/cluster/role_watch.h"

#include <gtest/gtest.h>

namespace pgpool::ctl {
namespace {

using Verdict = RoleWatch::Verdict;

Json status(const char* phase, const char* primary) {
    return {{"phase", phase}, {"primary", primary}};
}

TEST(RoleWatch, IsDoneOnceAllIsQuietUnderAnotherPrimary) {
    RoleWatch watch("n1");
    EXPECT_EQ(watch.look(status("steady", "n1"), milliseconds(10)), Verdict::UnderWay) << "not heard of yet";
    EXPECT_EQ(watch.look(status("parking", "n1"), milliseconds(200)), Verdict::UnderWay);
    EXPECT_EQ(watch.look(status("repointing", "n2"), milliseconds(400)), Verdict::UnderWay);
    EXPECT_EQ(watch.look(status("steady", "n2"), milliseconds(600)), Verdict::Done);
}

TEST(RoleWatch, MayBeDoneBeforeTheFirstLook) {
    EXPECT_EQ(RoleWatch("n1").look(status("steady", "n2"), milliseconds(1)), Verdict::Done);
}

TEST(RoleWatch, IsDroppedWhenAllIsQuietAsBefore) {
    RoleWatch watch("n1");
    EXPECT_EQ(watch.look(status("checkpointing", "n1"), milliseconds(200)), Verdict::UnderWay);
    EXPECT_EQ(watch.look(status("steady", "n1"), milliseconds(400)), Verdict::Dropped);
}

TEST(RoleWatch, DoesNotWaitForEverForABeginning) {
    EXPECT_EQ(RoleWatch("n1").look(status("steady", "n1"), milliseconds(3000)), Verdict::Dropped);
}

}  // namespace
}  // namespace pgpool::ctl
