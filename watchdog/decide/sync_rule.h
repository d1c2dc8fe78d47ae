// SPDX-License-Identifier: PostgreSQL
#pragma once

// SyncRule: who has to have flushed a commit before it is acknowledged, `synchronous_standby_names = 'ANY k
// (…)'` on the primary, and what follows from it. Pure.
//
// The rule is part of the cluster state, so that it can be known when the primary cannot be asked. What is
// recorded never promises more than PostgreSQL does: a wider rule is set in PostgreSQL first and recorded
// afterwards, a narrower one is recorded first.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pgpool::decide {

struct SyncRule {
    std::size_t needed = 0;          // k; 0: commits wait for nobody
    std::vector<std::string> names;  // of standbys
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

enum class SyncStep : std::uint8_t { Keep, RecordThenSet, SetThenRecord, Stalled };

struct SyncPlan {
    SyncStep step = SyncStep::Keep;
    SyncRule rule;
    std::string reason;  // in words
};

// What becomes of the rule while `reached` of its standbys stream. `wanted` is the configured rule. Strict
// keeps it and says when commits wait; Available asks for no more than can be had, and for the wanted again
// later.
[[nodiscard]] SyncPlan plan_sync(const SyncRule& current, const SyncRule& wanted,
                                 std::span<const std::string> reached, Durability durability);

}  // namespace pgpool::decide
