// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/send_queue.h"

#include <gtest/gtest.h>

namespace pgpool::ipc {
namespace {

Frame frame_of(std::size_t size) {
    return std::make_shared<const std::string>(size, 'x');
}

TEST(BusSendQueue, ItIsBoundedInMessagesAndBytes) {
    SendQueue queue({.messages = 3, .bytes = 100});
    EXPECT_TRUE(queue.push(frame_of(50)));
    EXPECT_TRUE(queue.push(frame_of(50)));
    EXPECT_FALSE(queue.push(frame_of(1))) << "bytes";
    queue.sent();
    EXPECT_TRUE(queue.push(frame_of(25)));
    EXPECT_TRUE(queue.push(frame_of(25)));
    EXPECT_FALSE(queue.push(frame_of(0))) << "messages";
    EXPECT_EQ(queue.size(), 3U);
    EXPECT_EQ(queue.front()->size(), 50U) << "in order";
    queue.clear();
    EXPECT_TRUE(queue.push(frame_of(100)));
}

TEST(BusSendQueue, ThePauseGrowsUntilSomethingIsSent) {
    SendQueue queue({});
    EXPECT_TRUE(queue.push(frame_of(1)));
    EXPECT_EQ(queue.pause(), SendQueue::kShortestPause);
    for (int i = 0; i < 20; ++i) {
        const auto before = queue.pause();
        queue.held_up();
        EXPECT_EQ(queue.pause(), std::min(before * 2, SendQueue::kLongestPause));
    }
    queue.sent();
    EXPECT_EQ(queue.pause(), SendQueue::kShortestPause);
}

}  // namespace
}  // namespace pgpool::ipc
