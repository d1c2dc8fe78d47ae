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

bool covers(const SyncRule& in_force, const SyncRule& recorded) {
    if (recorded.needed == 0) return true;
    const auto strangers = static_cast<std::size_t>(std::ranges::count_if(
        in_force.names, [&](const std::string& name) { return !recorded.is_listed(name); }));
    return in_force.needed >= recorded.needed + strangers;
}

SyncPlan plan_sync(const SyncRule& recorded, const SyncRule& wanted, std::span<const std::string> streaming,
                   Durability durability) {
    const auto listed = static_cast<std::size_t>(
        std::ranges::count_if(streaming, [&](const std::string& name) { return wanted.is_listed(name); }));
    SyncRule next = wanted;
    if (durability == Durability::Available) next.needed = std::min(wanted.needed, listed);
    const std::string stalled =
        listed >= next.needed
            ? ""
            : fmt::format(
                  "commits wait: {} of {} standbys must confirm and {} stream; start one, detach "
                  "those that will not come back, or set durability to available",
                  next.needed, next.names.size(), listed);
    if (next == recorded) return {SyncStep::Keep, recorded, stalled};
    if (covers(recorded, next)) return {SyncStep::RecordThenSet, next, stalled};
    if (covers(next, recorded)) return {SyncStep::SetThenRecord, next, stalled};
    return {SyncStep::Record, {0, recorded.names}, {}};
}

}  // namespace pgpool::decide
