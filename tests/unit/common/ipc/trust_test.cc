// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/trust.h"

#include <gtest/gtest.h>

namespace pgpool::ipc {
namespace {

TEST(BusTrust, RootAndTheOwnUserAndTheGroup) {
    const Trust alone{.own = 13};
    EXPECT_TRUE(alone.admits({.pid = 1, .uid = 0, .gid = 5}));
    EXPECT_TRUE(alone.admits({.pid = 1, .uid = 13, .gid = 5}));
    EXPECT_FALSE(alone.admits({.pid = 1, .uid = 14, .gid = 13}));
    const Trust with_group{.own = 13, .group = 34};
    EXPECT_TRUE(with_group.admits({.pid = 1, .uid = 14, .gid = 34}));
    EXPECT_FALSE(with_group.admits({.pid = 1, .uid = 14, .gid = 35}));
}

TEST(BusTrust, TheGroupOfRootIsNobodysPassport) {
    const Trust trust{.own = 13, .group = 0};
    EXPECT_FALSE(trust.admits({.pid = 1, .uid = 14, .gid = 0}));
}

}  // namespace
}  // namespace pgpool::ipc
