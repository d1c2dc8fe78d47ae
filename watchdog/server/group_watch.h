// SPDX-License-Identifier: PostgreSQL
#pragma once

// GroupWatch: since when this member is in no group, because Corosync does not run or does not answer here,
// and what follows for its lease. Who is in no group decides nothing (docs/adr/0026), so it must not keep the
// lease from a member that could when there is something to decide: after kPatience it gives the lease up
// then, and has no other one before it is in a group again. Until then service goes on as it is, for perhaps
// no member has a group. A group of one never ends. Pure; times are the clock of whoever asks. Threads: one.

#include <optional>
#include <string>

#include "common/base/clock.h"

namespace pgpool::watchdog {

class GroupWatch {
public:
    // Longer than a restart of Corosync, which systemd or an upgrade makes: about two seconds until it has
    // formed its membership and we have joined the group again. That moves nothing.
    static constexpr seconds kPatience{5};

    struct Loss {
        WallTime at;
        std::string reason;
    };

    void joined() { loss_.reset(); }
    // May be told again while it lasts. Whether that is news for a log.
    bool lost(const std::string& reason, TimePoint now, WallTime at) {
        const bool is_news = !loss_ || loss_->reason != reason;
        if (!loss_) {
            since_ = now;
            loss_ = Loss{at, reason};
        }
        loss_->reason = reason;
        return is_news;
    }
    [[nodiscard]] bool has_lasted(TimePoint now) const { return loss_ && now - since_ >= kPatience; }
    // Nothing: there is a group, or none was looked for yet.
    [[nodiscard]] const std::optional<Loss>& loss() const { return loss_; }

private:
    std::optional<Loss> loss_;
    TimePoint since_;  // of loss_
};

}  // namespace pgpool::watchdog
