// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/cancel_registry.h"

#include <gtest/gtest.h>

#include <set>

namespace pgpool::session {
namespace {

TEST(CancelRegistry, FindsTheSessionOfAKey) {
    CancelRegistry registry;
    const CancelKey amy = registry.add({1, 100}, 0x1234567890abcdefU);
    const CancelKey bob = registry.add({2, 200}, 0xfedcba0987654321U);
    ASSERT_TRUE(registry.find(amy));
    EXPECT_EQ(registry.find(amy)->worker, 1U);
    EXPECT_EQ(registry.find(amy)->session, 100U);
    ASSERT_TRUE(registry.find(bob));
    EXPECT_EQ(registry.find(bob)->worker, 2U);
    EXPECT_EQ(registry.find(bob)->session, 200U);
}

TEST(CancelRegistry, PidAndSecretMustBothBeRight) {
    CancelRegistry registry;
    const CancelKey key = registry.add({1, 100}, 0x1234567890abcdefU);
    EXPECT_FALSE(registry.find({key.pid, key.secret ^ 1U}));
    EXPECT_FALSE(registry.find({key.pid ^ 1U, key.secret}));
    EXPECT_FALSE(registry.find({}));
}

TEST(CancelRegistry, ARemovedKeyMeansNobody) {
    CancelRegistry registry;
    const CancelKey amy = registry.add({1, 100}, 0x1234567890abcdefU);
    const CancelKey bob = registry.add({2, 200}, 0xfedcba0987654321U);
    registry.remove(amy);
    EXPECT_FALSE(registry.find(amy));
    EXPECT_TRUE(registry.find(bob));
}

TEST(CancelRegistry, PidsArePositiveAndDifferEvenIfTheRandomBytesDoNot) {
    for (const std::uint64_t random : {std::uint64_t{0}, ~std::uint64_t{0}}) {
        CancelRegistry registry;
        std::set<std::uint32_t> pids;
        for (std::uint64_t session = 0; session < 3; ++session) {
            const CancelKey key = registry.add({0, session}, random);
            EXPECT_GT(static_cast<std::int32_t>(key.pid), 0);
            EXPECT_TRUE(pids.insert(key.pid).second);
            ASSERT_TRUE(registry.find(key));
            EXPECT_EQ(registry.find(key)->session, session);
        }
    }
}

}  // namespace
}  // namespace pgpool::session
