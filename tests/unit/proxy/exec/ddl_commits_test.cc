// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/ddl_commits.h"

#include <gtest/gtest.h>

namespace pgpool::exec {
namespace {

TEST(DdlCommits, AreThereUntilAllHaveEnded) {
    DdlCommits commits;
    EXPECT_FALSE(commits.is_any());
    commits.begins();
    commits.begins();
    commits.ends();
    EXPECT_TRUE(commits.is_any());
    commits.ends();
    EXPECT_FALSE(commits.is_any());
    EXPECT_EQ(commits.begun(), 2U);
}

TEST(DdlWatch, WhatAllHaveExecutedIsOvertakenByNobody) {
    DdlWatch watch;
    watch.seen(3);
    watch.sent(true);
    EXPECT_FALSE(watch.is_overtaken(3));
    EXPECT_TRUE(watch.is_overtaken(4));
    watch.executed();
    EXPECT_FALSE(watch.is_overtaken(4));
}

TEST(DdlWatch, TheEarliestThatSomeNodeStillOwesCounts) {
    DdlWatch watch;
    watch.seen(3);
    watch.sent(true);
    watch.seen(4);
    watch.sent(true);
    EXPECT_TRUE(watch.is_overtaken(4));
}

TEST(DdlWatch, WritesMayBeOvertaken) {
    DdlWatch watch;
    watch.seen(3);
    watch.sent(false);
    EXPECT_FALSE(watch.is_overtaken(4));
}

TEST(DdlWatch, AllIsDoneAnewOnlyWhereNothingHasChangedSinceTheFirst) {
    DdlWatch watch;
    EXPECT_TRUE(watch.may_repeat(9));
    watch.seen(3);
    watch.sent(false);
    watch.executed();
    EXPECT_TRUE(watch.may_repeat(3));
    EXPECT_FALSE(watch.may_repeat(4));
}

}  // namespace
}  // namespace pgpool::exec
