// SPDX-License-Identifier: PostgreSQL
#include "common/markers/redo.h"

#include <gtest/gtest.h>

namespace pgpool::markers {
namespace {

Redo sample() {
    return {.user = "al\"ice",
            .settings = {"SET timezone TO 'Asia/Tokyo'"},
            .statements = {{.sql = "UPDATE t SET x = 1", .types = {}, .parameters = {}},
                           {.sql = "INSERT INTO t VALUES ($1, $2, $3)",
                            .types = {23, 0},
                            .parameters = {{.value = "7", .is_binary = false},
                                           {.value = std::nullopt, .is_binary = false},
                                           {.value = std::string("\0\xff", 2), .is_binary = true}},
                            .is_quiet = true}}};
}

TEST(Redo, ComesBackAsItWas) {
    const auto again = decode(encode(sample()));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(*again, sample());
    EXPECT_EQ(decode(encode({})).value(), Redo{});
}

TEST(Redo, OfAnOlderVersionIsReadToo) {
    std::string bytes =
        encode({.user = "a", .settings = {}, .statements = {{.sql = "x", .types = {}, .parameters = {}}}});
    bytes.erase(bytes.size() - 14, 1);  // before the text, its length and two more
    bytes[0] = 1;
    const auto redo = decode(bytes);
    ASSERT_TRUE(redo.has_value());
    EXPECT_EQ(redo->statements.at(0).sql, "x");
    EXPECT_FALSE(redo->statements.at(0).is_quiet);
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
