// SPDX-License-Identifier: PostgreSQL
#pragma once

// TopologyRecorder: receives what a Monitor publishes and waits, with a deadline, for what a test expects.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/cluster/topology.h"

namespace pgpool::test {

class TopologyRecorder {
public:
    using Condition = std::function<bool(const cluster::Topology&)>;

    [[nodiscard]] std::function<void(cluster::TopologyPtr)> publisher() {
        return [this](cluster::TopologyPtr topology) {
            const std::lock_guard lock(mutex_);
            in_order_ = in_order_ && (latest_ == nullptr || latest_->version < topology->version);
            latest_ = std::move(topology);
            ++published_;
            changed_.notify_all();
        };
    }

    // When the condition first held for the latest snapshot; nothing if it never did.
    [[nodiscard]] std::optional<TimePoint> wait_for(const Condition& condition,
                                                    Duration limit = seconds(10)) {
        std::unique_lock lock(mutex_);
        const bool met = changed_.wait_for(lock, limit, [&] { return latest_ && condition(*latest_); });
        return met ? std::optional(SteadyClock::now()) : std::nullopt;
    }

    [[nodiscard]] cluster::TopologyPtr latest() {
        const std::lock_guard lock(mutex_);
        return latest_;
    }
    [[nodiscard]] std::size_t published() {
        const std::lock_guard lock(mutex_);
        return published_;
    }
    [[nodiscard]] bool in_order() {
        const std::lock_guard lock(mutex_);
        return in_order_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    cluster::TopologyPtr latest_;
    std::size_t published_ = 0;
    bool in_order_ = true;
};

}  // namespace pgpool::test
