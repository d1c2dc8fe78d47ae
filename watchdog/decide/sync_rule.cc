// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/sync_rule.h"

#include <fmt/core.h>

#include <algorithm>

namespace pgpool::decide {

bool SyncRule::is_listed(std::string_view name) const {
    return std::ranges::find(names, name) != names.end();
}

std::size_t SyncRule::quorum() const {
    return needed == 0 || needed > names.size() ? 0 : names.size() - needed + 1;
}

SyncPlan plan_sync(const SyncRule& current, const SyncRule& wanted, std::span<const std::string> reached,
                   Durability durability) {
    const auto listed = static_cast<std::size_t>(
        std::ranges::count_if(reached, [&](const std::string& name) { return wanted.is_listed(name); }));
    const bool is_short = listed < wanted.needed;
    if (is_short && durability == Durability::Strict) {
        return {SyncStep::Stalled, current,
                fmt::format("commits wait: {} standbys must confirm and {} of {} stream; start one, or set "
                            "durability to available",
                            wanted.needed, listed, wanted.names.size())};
    }
    SyncRule next = wanted;
    next.needed = std::min(wanted.needed, listed);
    if (next == current) return {SyncStep::Keep, current, {}};
    const std::string reason =
        fmt::format("{} of {} listed standbys stream: commits wait for {} instead of {}", listed,
                    wanted.names.size(), next.needed, current.needed);
    // Fewer confirmations, or other names: what is recorded must be true before and after.
    const bool is_wider = next.names == current.names && next.needed > current.needed;
    return {is_wider ? SyncStep::SetThenRecord : SyncStep::RecordThenSet, next, reason};
}

}  // namespace pgpool::decide
