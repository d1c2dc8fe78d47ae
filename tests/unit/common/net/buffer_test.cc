// SPDX-License-Identifier: PostgreSQL
#include "common/net/buffer.h"

#include <gtest/gtest.h>

#include <string>

namespace pgpool::net {
namespace {

TEST(Buffer, GivesBackBytesInOrderAndHoldsNothingWhenEmpty) {
    BufferPool pool;
    Buffer buffer(pool);
    EXPECT_TRUE(buffer.empty());
    buffer.append("hello ");
    buffer.append("world");
    EXPECT_EQ(buffer.view(), "hello world");
    buffer.consume(6);
    EXPECT_EQ(buffer.view(), "world");
    buffer.consume(5);
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(buffer.room_size(), 0U);
}

TEST(Buffer, GrowsBeyondABlockAndStaysContiguous) {
    BufferPool pool;
    Buffer buffer(pool);
    std::string expected;
    for (int i = 0; i < 10'000; ++i) {
        const std::string piece = std::to_string(i) + ",";
        buffer.append(piece);
        expected += piece;
        if (i % 3 == 0) {
            buffer.consume(2);
            expected.erase(0, 2);
        }
    }
    EXPECT_EQ(buffer.view(), expected);
}

TEST(Buffer, RoomIsWrittenInPlace) {
    BufferPool pool;
    Buffer buffer(pool);
    char* room = buffer.room(3);
    std::copy_n("abc", 3, room);
    buffer.committed(3);
    EXPECT_EQ(buffer.view(), "abc");
    EXPECT_GE(buffer.room_size(), BufferPool::kBlock - 3);
}

TEST(BufferPool, BlocksAreUsedAgain) {
    BufferPool pool;
    char* block = pool.take(BufferPool::kBlock);
    pool.give_back(block, BufferPool::kBlock);
    char* again = pool.take(BufferPool::kBlock);
    EXPECT_EQ(again, block);
    pool.give_back(again, BufferPool::kBlock);
}

}  // namespace
}  // namespace pgpool::net
