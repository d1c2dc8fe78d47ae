// SPDX-License-Identifier: PostgreSQL
#include "common/config/suggest.h"

#include <gtest/gtest.h>

#include <string>

namespace pgpool::config {
namespace {

TEST(Suggest, EditDistance) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("size", "size"), 0U);
    EXPECT_EQ(edit_distance("sizee", "size"), 1U);
    EXPECT_EQ(edit_distance("sze", "size"), 1U);
    EXPECT_EQ(edit_distance("soze", "size"), 1U);
    EXPECT_EQ(edit_distance("isze", "size"), 1U);
    EXPECT_EQ(edit_distance("", "size"), 4U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Suggest, NearestIsTheFirstOfTheBest) {
    const std::string_view names[] = {"mode", "size", "min_size"};
    EXPECT_EQ(nearest("sizee", names), "size");
    EXPECT_EQ(nearest("minsize", names), "min_size");
    EXPECT_EQ(nearest("moed", names), "mode");
}

TEST(Suggest, NothingNearIsNothing) {
    const std::string_view names[] = {"mode", "size", "on"};
    EXPECT_EQ(nearest("unrelated", names), "");
    EXPECT_EQ(nearest("xy", names), "");
    EXPECT_EQ(nearest(std::string(1000, 's'), names), "");
}

}  // namespace
}  // namespace pgpool::config
