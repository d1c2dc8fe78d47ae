// SPDX-License-Identifier: PostgreSQL
#pragma once

// LoginMarks: when the settings that a login takes (ALTER ROLE, ALTER DATABASE ... SET) were last changed
// through this proxy. Connections that are older have the settings of before: nodes of which one has old and
// others new ones would not do the same. Threads: any.

#include <atomic>

#include "common/base/clock.h"
#include "common/base/raise.h"

namespace pgpool::exec {

class LoginMarks {
public:
    void changed(TimePoint now) { raise(latest_, now.time_since_epoch().count()); }
    [[nodiscard]] TimePoint latest() const {  // 0: never
        return TimePoint(Duration(latest_.load(std::memory_order_acquire)));
    }
    // `born`: not after its login began.
    [[nodiscard]] bool is_outdated(TimePoint born) const {
        return latest() != TimePoint{} && born <= latest();
    }

private:
    std::atomic<Duration::rep> latest_{0};
};

}  // namespace pgpool::exec
