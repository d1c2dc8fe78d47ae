// SPDX-License-Identifier: PostgreSQL
#pragma once

// Promise: keeps synchronous_standby_names of the primary at what the cluster state has recorded, and changes
// the two in the order that decide/sync_rule.h asks for. Pure.
//
// A stronger rule is recorded once its standbys have what was written before it held. PostgreSQL's processes
// take a setting over one after the other, so the position that counts is that of a probe later than the
// first one that saw the new setting.

#include <optional>
#include <span>
#include <string>

#include "watchdog/decide/policy.h"
#include "watchdog/nodes/sight.h"

namespace pgpool::decider {

class Promise {
public:
    struct Next {
        std::optional<decide::SyncRule> record;  // to be recorded in the cluster state
        std::optional<decide::SyncRule> set;     // to be set on the primary
        std::string stalled;                     // why commits wait; empty: they do not
    };

    // What becomes of the promise while these standbys stream.
    [[nodiscard]] static decide::SyncPlan plan(const decide::ClusterState& state,
                                               const decide::Policy& policy,
                                               std::span<const std::string> streaming);

    // `primary`: a probe of the primary that is well. REQUIRES: it has facts.
    [[nodiscard]] Next look(const decide::ClusterState& state, const decide::Policy& policy,
                            const nodes::Probe& primary, std::span<const std::string> streaming);
    void forget() { seen_.reset(); }

private:
    struct Seen {
        std::string names;  // in force …
        TimePoint when;     // … in a probe that was begun then
        Lsn written;        // the primary's position in a later one; 0: there was none yet
    };
    [[nodiscard]] bool have_followers_it(const decide::SyncRule& rule, const nodes::Probe& primary);

    std::optional<Seen> seen_;
};

}  // namespace pgpool::decider
