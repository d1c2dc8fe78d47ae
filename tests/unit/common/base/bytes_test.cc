// SPDX-License-Identifier: PostgreSQL
#include "common/base/bytes.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace pgpool {
namespace {

TEST(Bytes, IntegersAreBigEndian) {
    std::string bytes;
    append_be16(bytes, 0x0102);
    append_be32(bytes, 0x03040506);
    EXPECT_EQ(bytes, (std::string{"\1\2\3\4\5\6"}));
    EXPECT_EQ(load_be16(bytes.data()), 0x0102);
    EXPECT_EQ(load_be32(bytes.data() + 2), 0x03040506U);
}

TEST(Bytes, CursorReadsFieldsInOrder) {
    Cursor cursor(std::string_view("\7name\0\0\0\0\5tail", 14));
    EXPECT_EQ(cursor.u8(), 7);
    EXPECT_EQ(cursor.c_string(), "name");
    EXPECT_EQ(cursor.i32(), 5);
    EXPECT_EQ(cursor.rest(), "tail");
    EXPECT_EQ(cursor.bytes(4), "tail");
    EXPECT_TRUE(cursor.at_end());
}

TEST(Bytes, CursorTurnsBadAndStaysBad) {
    Cursor cursor("ab");
    EXPECT_EQ(cursor.u32(), 0U);
    EXPECT_FALSE(cursor.ok());
    EXPECT_EQ(cursor.u8(), 0);
    EXPECT_FALSE(cursor.at_end());
    Cursor unterminated("abc");
    EXPECT_EQ(unterminated.c_string(), "");
    EXPECT_FALSE(unterminated.ok());
}

TEST(Bytes, HexThereAndBack) {
    EXPECT_EQ(to_hex(std::string_view("\x00\xff\x10", 3)), "00ff10");
    EXPECT_EQ(from_hex("00FF10"), std::string("\x00\xff\x10", 3));
    EXPECT_FALSE(from_hex("0"));
    EXPECT_FALSE(from_hex("zz"));
}

TEST(Error, ContextGoesInFront) {
    const Error error{"No such file", sqlstate::kSystemError};
    EXPECT_EQ(error.within("users file").message, "users file: No such file");
    EXPECT_EQ(error.within("x").sqlstate.view(), "58000");
}

}  // namespace
}  // namespace pgpool
