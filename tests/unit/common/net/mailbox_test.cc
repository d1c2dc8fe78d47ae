// SPDX-License-Identifier: PostgreSQL
#include "common/net/mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <thread>

namespace pgpool::net {
namespace {

bool is_readable(int fd) {
    pollfd watched{fd, POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
}

TEST(Mailbox, gives_values_in_order_and_tells_that_there_are_some) {
    Mailbox<std::unique_ptr<int>> box(10);
    EXPECT_FALSE(is_readable(box.fd()));
    EXPECT_TRUE(box.take().empty());
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(box.push(std::make_unique<int>(i)));
    EXPECT_TRUE(is_readable(box.fd()));
    const auto values = box.take();
    ASSERT_EQ(values.size(), 3U);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(*values[static_cast<std::size_t>(i)], i);
    EXPECT_FALSE(is_readable(box.fd()));
}

TEST(Mailbox, refuses_what_is_too_much) {
    Mailbox<int> box(2);
    EXPECT_TRUE(box.push(1));
    EXPECT_TRUE(box.push(2));
    EXPECT_FALSE(box.push(3));
    EXPECT_EQ(box.size(), 2U);
    EXPECT_EQ(box.take(), (std::vector<int>{1, 2}));
    EXPECT_TRUE(box.push(4));
}

TEST(Mailbox, takes_what_is_insisted_on_and_counts_it) {
    Mailbox<int> box(2);
    for (int i = 1; i <= 3; ++i) box.insist(i);
    EXPECT_FALSE(box.push(4));
    EXPECT_EQ(box.size(), 3U);
    EXPECT_EQ(box.take(), (std::vector<int>{1, 2, 3}));
    EXPECT_TRUE(box.push(5));
}

TEST(Mailbox, loses_nothing_of_many_threads_and_keeps_the_order_of_each) {
    constexpr int kThreads = 4;
    constexpr int kEach = 20'000;
    Mailbox<std::pair<int, int>> box(kThreads * kEach);
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&box, thread] {
            for (int i = 0; i < kEach; ++i) box.push({thread, i});
        });
    }
    std::vector<int> next(kThreads, 0);
    int count = 0;
    while (count < kThreads * kEach) {
        pollfd watched{box.fd(), POLLIN, 0};
        ASSERT_EQ(::poll(&watched, 1, 20'000), 1) << "values were lost";
        for (const auto& [thread, number] : box.take()) {
            ASSERT_EQ(number, next[static_cast<std::size_t>(thread)]++);
            ++count;
        }
    }
}

}  // namespace
}  // namespace pgpool::net
