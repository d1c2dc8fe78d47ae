// SPDX-License-Identifier: PostgreSQL
#pragma once

// RoleWatch: whether a switchover or failover that an operator has begun is over, by what the watchdog tells
// again and again (its status; common/bus/verbs.h). Pure.

#include <string>

#include "common/base/clock.h"
#include "ctl/output.h"

namespace pgpool::ctl {

class RoleWatch {
public:
    enum class Verdict : std::uint8_t { UnderWay, Done, Dropped };

    // `before`: the primary when it was asked for.
    explicit RoleWatch(std::string before) : before_(std::move(before)) {}

    // `elapsed`: since it was begun. A member that does not decide hears of the beginning a moment later.
    [[nodiscard]] Verdict look(const Json& status, milliseconds elapsed);

private:
    const std::string before_;
    bool has_begun_ = false;
};

}  // namespace pgpool::ctl
