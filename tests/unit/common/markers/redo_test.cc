// SPDX-License-Identifier: PostgreSQL
#include "common/markers/redo.h"

#include <gtest/gtest.h>

namespace pgpool::markers {
namespace {

Redo sample() {
    return {.user = "al\"ice",
            .settings = {"SET timezone TO 'Asia/Tokyo'"},
            .statements = {{.sql = "UPDATE t SET x = 1", .types = {}, .parameters = {}, .rows = 70000000000},
                           {.sql = "INSERT INTO t VALUES ($1, $2, $3)",
                            .types = {23, 0},
                            .parameters = {{.value = "7", .is_binary = false},
                                           {.value = std::nullopt, .is_binary = false},
                                           {.value = std::string("\0\xff", 2), .is_binary = true}},
                            .is_quiet = true,
                            .rows = kSomeRows}}};
}

TEST(Redo, ComesBackAsItWas) {
    const auto again = decode(encode(sample()));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(*again, sample());
    EXPECT_EQ(decode(encode({})).value(), Redo{});
}

// Written by a proxy that has been replaced since.
TEST(Redo, OfAnOlderVersionIsReadToo) {
    const std::string before("\1\0\0\0\1u\0\0\0\0\0\0\0\1\0\0\0\1q\0\0\0\0\0\0\0\0", 27);
    const auto redo = decode(before);
    ASSERT_TRUE(redo.has_value()) << redo.error().message;
    EXPECT_EQ(redo->user, "u");
    ASSERT_EQ(redo->statements.size(), 1U);
    EXPECT_EQ(redo->statements[0].sql, "q");
    EXPECT_EQ(redo->statements[0].rows, kAnyRows);
    EXPECT_FALSE(redo->statements[0].is_quiet);
}

TEST(Redo, RowsAreComparedWithMains) {
    const auto is_same = [](std::int64_t on_main, std::int64_t changed) {
        return is_as_on_main({.sql = {}, .types = {}, .parameters = {}, .rows = on_main}, changed);
    };
    EXPECT_TRUE(is_same(2, 2) && is_same(0, 0) && is_same(kAnyRows, 0) && is_same(kAnyRows, 7));
    EXPECT_TRUE(is_same(kSomeRows, 1) && is_same(kSomeRows, 5));
    EXPECT_FALSE(is_same(2, 1) || is_same(0, 1) || is_same(kSomeRows, 0));
    EXPECT_FALSE(is_same(kUnclearRows, 0) || is_same(kUnclearRows, 1));
}

TEST(Redo, WhatIsCutOrTooLongIsRefused) {
    const std::string bytes = encode(sample());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode(ByteView(bytes).substr(0, size)).has_value()) << size;
    }
    EXPECT_FALSE(decode(bytes + "x").has_value());
    std::string other = bytes;
    other[0] = 9;
    EXPECT_FALSE(decode(other).has_value());
}

}  // namespace
}  // namespace pgpool::markers
