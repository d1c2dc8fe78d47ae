// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/group_watch.h"

#include <gtest/gtest.h>

namespace pgpool::watchdog {
namespace {

constexpr TimePoint kBegin{seconds(100)};
constexpr WallTime kAt{seconds(1'700'000'000)};

TEST(GroupWatch, WhoHasAGroupOrHadNoneYetHasLostNone) {
    GroupWatch watch;
    EXPECT_FALSE(watch.has_lasted(kBegin + seconds(3600)));
    watch.joined();
    EXPECT_FALSE(watch.has_lasted(kBegin + seconds(3600)));
    EXPECT_FALSE(watch.loss());
}

TEST(GroupWatch, AShortLossDoesNotCount) {
    GroupWatch watch;
    EXPECT_TRUE(watch.lost("CS_ERR_LIBRARY", kBegin, kAt));
    EXPECT_FALSE(watch.has_lasted(kBegin + GroupWatch::kPatience - milliseconds(1)));
    watch.joined();
    EXPECT_FALSE(watch.has_lasted(kBegin + GroupWatch::kPatience));
    watch.lost("CS_ERR_LIBRARY", kBegin + seconds(6), kAt);
    EXPECT_FALSE(watch.has_lasted(kBegin + seconds(7))) << "the one before does not count";
}

TEST(GroupWatch, ALongLossLastsFromItsFirstMomentOn) {
    GroupWatch watch;
    watch.lost("CS_ERR_LIBRARY", kBegin, kAt);
    EXPECT_TRUE(watch.lost("CS_ERR_TRY_AGAIN", kBegin + seconds(2), kAt + seconds(2)));
    EXPECT_FALSE(watch.lost("CS_ERR_TRY_AGAIN", kBegin + seconds(4), kAt + seconds(4))) << "told already";
    EXPECT_TRUE(watch.has_lasted(kBegin + GroupWatch::kPatience));
    EXPECT_EQ(watch.loss()->at, kAt);
    EXPECT_EQ(watch.loss()->reason, "CS_ERR_TRY_AGAIN");
    EXPECT_TRUE(watch.has_lasted(kBegin + seconds(3600))) << "until there is a group again";
    watch.joined();
    EXPECT_FALSE(watch.has_lasted(kBegin + seconds(3600)));
}

}  // namespace
}  // namespace pgpool::watchdog
