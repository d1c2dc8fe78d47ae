// SPDX-License-Identifier: PostgreSQL
#pragma once

// Quota: how much of what a client has said may wait to be read, so that one that floods fills no inbox that
// is for all. Each message has a place as long as it waits: the place is given back with its last copy, on
// whatever thread.
// Threads: take() one; places any.

#include <atomic>
#include <cstddef>
#include <memory>

namespace pgpool::watchdog {

class Quota {
public:
    using Place = std::shared_ptr<void>;

    explicit Quota(std::size_t most) : most_(most) {}

    // Null: all are taken.
    [[nodiscard]] Place take() {
        if (*taken_ >= most_) return nullptr;
        ++*taken_;
        return {taken_.get(), [taken = taken_](void*) { --*taken; }};
    }

private:
    std::size_t most_;
    std::shared_ptr<std::atomic<std::size_t>> taken_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace pgpool::watchdog
