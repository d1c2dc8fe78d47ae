// SPDX-License-Identifier: PostgreSQL
#pragma once

// SyncRule: who has to have flushed a commit before it is acknowledged, `synchronous_standby_names = 'ANY k
// (…)'` on the primary, and what follows from it. Pure.
//
// The rule is part of the cluster state, so that it can be known when the primary cannot be asked. Invariant:
// every acknowledged commit is on at least `needed` of the recorded names, whatever PostgreSQL's own setting
// is at that moment. So a change has an order (plan_sync): a weaker promise is recorded before it is set; a
// stronger one is set, then the standbys get what was acknowledged before, then it is recorded.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pgpool::decide {

struct SyncRule {
    std::size_t needed = 0;          // k; 0: commits wait for nobody
    std::vector<std::string> names;  // of standbys, never the primary's
    [[nodiscard]] bool is_listed(std::string_view name) const;
    // How many of the listed must be reached for one of them to hold every acknowledged commit: n - k + 1.
    // 0: no number is enough.
    [[nodiscard]] std::size_t quorum() const;
    friend bool operator==(const SyncRule&, const SyncRule&) = default;
};

enum class Durability : std::uint8_t {
    Strict,     // no acknowledged commit may be lost: rather no primary
    Available,  // a commit may be lost within maximum_lag: rather a primary
};

// Whether the invariant holds for what is `recorded` while PostgreSQL acknowledges by `in_force`: any k names
// of the one have enough of the other among them.
[[nodiscard]] bool covers(const SyncRule& in_force, const SyncRule& recorded);

enum class SyncStep : std::uint8_t {
    Keep,
    Record,         // nothing is promised any more; then plan again
    RecordThenSet,  // weaker
    SetThenRecord,  // stronger: recorded once `needed` of its names have flushed all that the primary had
                    // written when it was set
};

struct SyncPlan {
    SyncStep step = SyncStep::Keep;
    SyncRule rule;        // to be recorded, and set unless the step is Record
    std::string stalled;  // why commits wait as soon as the rule is in force; empty: they do not
};

// What becomes of the rule while `streaming` of its standbys stream. `wanted` is the rule by configuration.
// Strict keeps to it and says when commits wait; Available asks for no more than can be had, and for all of
// it again later.
[[nodiscard]] SyncPlan plan_sync(const SyncRule& recorded, const SyncRule& wanted,
                                 std::span<const std::string> streaming, Durability durability);

}  // namespace pgpool::decide
