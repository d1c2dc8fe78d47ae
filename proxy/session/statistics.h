// SPDX-License-Identifier: PostgreSQL
#pragma once

// The counters of all workers and pools as SHOW reads them: sums over workers, and per pool what was counted
// at the borders of the last period, for averages.

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "proxy/exec/statistics.h"
#include "proxy/pool/pool.h"

namespace pgpool::session {

using exec::Counted;
using exec::kCountedKinds;

// Sums of what every worker counted. Filled before the workers start; then any thread may read.
class NodeTotals {
public:
    void add(const exec::NodeStatistics& of_worker) { parts_.push_back(&of_worker); }
    [[nodiscard]] std::uint64_t get(NodeId node, Counted kind) const {
        std::uint64_t sum = 0;
        for (const exec::NodeStatistics* part : parts_) sum += part->get(node, kind);
        return sum;
    }

private:
    std::vector<const exec::NodeStatistics*> parts_;
};

// Averages are those of the last whole period; as long as there was none, of the time since the pool exists.
class PoolHistory {
public:
    static constexpr seconds kPeriod{60};

    explicit PoolHistory(TimePoint now) : before_{{}, now}, last_{{}, now} {}

    exec::PoolStatistics total;  // since the pool exists

    struct Sample {
        exec::PoolStatistics counted;
        TimePoint at;
    };
    struct Span {
        Sample from;
        Sample to;
    };

    // Called often; all workers begin a new period at the same time.
    void tick(TimePoint at) {
        if (at.time_since_epoch() / kPeriod == last_.at.time_since_epoch() / kPeriod) return;
        before_ = std::exchange(last_, Sample{total, at});
        whole_ = true;
    }
    [[nodiscard]] Span last_period(TimePoint at) const {
        return whole_ ? Span{before_, last_} : Span{before_, Sample{total, at}};
    }

private:
    Sample before_;
    Sample last_;
    bool whole_ = false;
};

// A pool and what it counts.
struct CountedPool final : pool::Pool {
    CountedPool(const std::string& user, const std::string& database, TimePoint now)
        : Pool(user, database), history(now) {}
    PoolHistory history;
};

}  // namespace pgpool::session
