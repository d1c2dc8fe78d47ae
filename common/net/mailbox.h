// SPDX-License-Identifier: PostgreSQL
#pragma once

// Mailbox: values from any thread to one, without a lock, so that a thread of real-time priority never waits
// for one that is not scheduled. A descriptor becomes readable with the first value.
//
// Bounded: push() refuses when `limit` values are there. Values of one thread come out in their order.
// Threads: push() and insist() any; take() and fd() the one reader.

#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/unique_fd.h"

namespace pgpool::net {

template <typename T>
class Mailbox {
public:
    explicit Mailbox(std::size_t limit) : limit_(limit), fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (!fd_.valid()) throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox() { static_cast<void>(take()); }

    // False: it is full, and the value is lost.
    bool push(T value) {
        if (size_.fetch_add(1, std::memory_order_relaxed) >= limit_) {
            size_.fetch_sub(1, std::memory_order_relaxed);
            return false;
        }
        add(std::move(value));
        return true;
    }

    // Also when it is full. For what must not be lost, and comes once for each of something that is bounded.
    void insist(T value) {
        size_.fetch_add(1, std::memory_order_relaxed);
        add(std::move(value));
    }

    // All that is there, oldest first.
    [[nodiscard]] std::vector<T> take() {
        std::uint64_t count = 0;
        static_cast<void>(::read(fd_.get(), &count, sizeof count));
        std::unique_ptr<Node> node(newest_.exchange(nullptr, std::memory_order_acquire));
        std::vector<T> values;
        while (node != nullptr) {
            values.push_back(std::move(node->value));
            node.reset(node->older);
        }
        size_.fetch_sub(values.size(), std::memory_order_relaxed);
        std::reverse(values.begin(), values.end());
        return values;
    }

    [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }
    [[nodiscard]] int fd() const { return fd_.get(); }

private:
    struct Node {
        Node(T&& what, Node* before) : value(std::move(what)), older(before) {}
        T value;
        Node* older;
    };

    void add(T&& value) {
        auto node = std::make_unique<Node>(std::move(value), newest_.load(std::memory_order_relaxed));
        while (!newest_.compare_exchange_weak(node->older, node.get(), std::memory_order_release,
                                              std::memory_order_relaxed)) {
        }
        static_cast<void>(node.release());
        const std::uint64_t one = 1;
        static_cast<void>(::write(fd_.get(), &one, sizeof one));
    }

    const std::size_t limit_;
    UniqueFd fd_;
    std::atomic<std::size_t> size_{0};
    std::atomic<Node*> newest_{nullptr};
};

}  // namespace pgpool::net
