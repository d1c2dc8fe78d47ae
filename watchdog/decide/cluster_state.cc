// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/cluster_state.h"

#include <algorithm>
#include <utility>

namespace pgpool::decide {

const NodeRecord* ClusterState::find(std::string_view name) const {
    const auto found = std::ranges::find(nodes, name, &NodeRecord::name);
    return found != nodes.end() ? &*found : nullptr;
}

bool ClusterState::is_in_service(std::string_view name) const {
    const NodeRecord* node = find(name);
    return node != nullptr && node->standing == Standing::InService;
}

ClusterState first_state(const std::vector<std::string>& names, WallTime now) {
    ClusterState state;
    for (const std::string& name : names) {
        state.nodes.push_back({name, Standing::InService, {}, std::chrono::floor<seconds>(now)});
    }
    return state;
}

void set_standing(ClusterState& state, std::string_view name, Standing standing, std::string reason,
                  WallTime now) {
    const auto found = std::ranges::find(state.nodes, name, &NodeRecord::name);
    if (found == state.nodes.end()) return;
    found->standing = standing;
    found->reason = std::move(reason);
    found->since = std::chrono::floor<seconds>(now);
    if (standing == Standing::InService) found->was_dropped = found->is_left_behind = false;
}

void append(ClusterState& state, HistoryEntry entry) {
    entry.at = std::chrono::floor<seconds>(entry.at);
    const bool is_repeated =
        !state.history.empty() && entry.from == entry.to && state.history.back().row == entry.row;
    if (is_repeated) state.history.pop_back();
    state.history.push_back(std::move(entry));
    if (state.history.size() > kHistory) state.history.erase(state.history.begin());
}

void note_failover(ClusterState& state, WallTime now) {
    state.failovers.emplace_back(std::chrono::floor<seconds>(now));
    if (state.failovers.size() > kFailovers) state.failovers.erase(state.failovers.begin());
}

const char* to_string(Standing standing) {
    switch (standing) {
        case Standing::InService:
            return "in service";
        case Standing::Detached:
            return "detached";
        case Standing::Quarantined:
            return "quarantined";
    }
    return "?";
}

}  // namespace pgpool::decide
