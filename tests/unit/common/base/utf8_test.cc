// SPDX-License-Identifier: PostgreSQL
#include "common/base/utf8.h"

#include <gtest/gtest.h>

namespace pgpool {
namespace {

TEST(Utf8, LengthOfTheFirstCharacter) {
    EXPECT_EQ(utf8_character("ab"), 1U);
    EXPECT_EQ(utf8_character("\xc3\xa9x"), 2U);
    EXPECT_EQ(utf8_character("\xe2\x82\xac"), 3U);
    EXPECT_EQ(utf8_character("\xf0\x9f\x90\x98"), 4U);
    EXPECT_EQ(utf8_character("\xf4\x8f\xbf\xbf"), 4U);
}

TEST(Utf8, MalformedIsZero) {
    for (const char* text :
         {"", "\x80", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
          "\xe2\x82(", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
        EXPECT_EQ(utf8_character(text), 0U) << text;
    }
}

}  // namespace
}  // namespace pgpool
