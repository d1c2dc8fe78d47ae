// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/policy.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>

namespace pgpool::decide {

namespace {

std::string utc(WallTime time) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

const NodeSight* sight_of(std::span<const NodeSight> nodes, const std::string& name) {
    const auto found = std::ranges::find(nodes, name, &NodeSight::name);
    return found != nodes.end() ? &*found : nullptr;
}

// Why a node that is reached must not serve; empty: it may.
std::string misfit(const NodeSight& node, const std::string& primary, const Lineage& cluster) {
    if (!node.is_standby) return fmt::format("it takes writes although \"{}\" is the primary", primary);
    const Kinship kin = kinship(node.lineage, node.flushed, cluster);
    return can_follow(kin) || kin == Kinship::Unknown ? "" : describe(kin, node.lineage, cluster);
}

// Listed standbys follow the primary, enough of them to confirm commits.
bool may_acknowledge(const ClusterState& state, std::span<const NodeSight> nodes) {
    const NodeSight* primary = sight_of(nodes, state.primary);
    if (primary == nullptr || !primary->is_reached || primary->is_standby || primary->is_stopped)
        return false;
    const auto confirming = std::ranges::count_if(nodes, [&](const NodeSight& node) {
        return node.is_reached && node.is_standby && node.upstream == state.primary &&
               state.sync.is_listed(node.name) && node.lineage.timeline == primary->lineage.timeline;
    });
    return state.sync.needed > 0 && static_cast<std::size_t>(confirming) >= state.sync.needed;
}

std::string damping(const ClusterState& state, const Policy& policy, WallTime now) {
    if (policy.failovers == 0 || state.failovers.size() < policy.failovers) return "";
    const WallTime oldest = state.failovers.at(state.failovers.size() - policy.failovers);
    const WallTime until = oldest + policy.failovers_within;
    if (has_passed(policy.failovers_within, oldest, now)) return "";
    return fmt::format("{} failovers within {} s: the next one waits until {}, or for pgpool-ctl promote",
                       policy.failovers, policy.failovers_within.count(), utc(until));
}

Result<std::string> first_primary(std::span<const NodeSight> nodes, const ClusterState& state) {
    std::vector<std::string> writers;
    for (const NodeSight& node : nodes) {
        if (node.is_reached && state.is_in_service(node.name) && !node.is_standby)
            writers.push_back(node.name);
    }
    if (writers.size() == 1) return writers.front();
    if (writers.empty()) return fail(sqlstate::kCannotConnect, "no node that is reached takes writes");
    std::string names;
    for (const std::string& name : writers) names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", name);
    return fail(
        sqlstate::kCannotConnect,
        "several nodes take writes, say which is the primary: pgpool-ctl detach for the others: " + names);
}

}  // namespace

bool has_passed(seconds wait, WallTime since, WallTime now) {
    return since + wait <= now || since > now + wait;
}

bool is_over(const Pause& pause, WallTime now) {
    return has_passed(pause.lasts, pause.since, now);
}

std::string hold(const ClusterState& state, const Policy& policy, WallTime now) {
    if (!policy.does_failover) {
        return "automatic failover is switched off in the configuration; pgpool-ctl promote does it by hand";
    }
    if (state.is_paused() && !is_over(state.pause, now)) {
        return fmt::format("clients are paused until {} ({}); pgpool-ctl resume ends it",
                           utc(state.pause.since + state.pause.lasts), state.pause.reason);
    }
    if (state.maintenance.until > now) {
        return fmt::format("maintenance until {}{}; pgpool-ctl maintenance off ends it",
                           utc(state.maintenance.until),
                           state.maintenance.reason.empty() ? "" : " (" + state.maintenance.reason + ")");
    }
    return damping(state, policy, now);
}

milliseconds deadline_of(Phase phase, const Policy& policy) {
    const auto found = policy.deadlines.find(phase);
    return found != policy.deadlines.end() ? found->second : info(phase).deadline;
}

SyncRule wanted_sync(const ClusterState& state, const Policy& policy) {
    SyncRule rule{policy.confirmations, {}};
    std::vector<std::string> promised;
    for (const NodeRecord& node : state.nodes) {
        if (node.name == state.primary) continue;
        if (node.standing == Standing::InService) rule.names.push_back(node.name);
        if (node.standing == Standing::Quarantined && state.sync.is_listed(node.name))
            promised.push_back(node.name);
    }
    if (policy.durability == Durability::Strict &&
        rule.names.size() < std::min(rule.needed, state.sync.needed))
        rule.names.insert(rule.names.end(), promised.begin(), promised.end());
    return rule;
}

std::string successor(const ClusterState& state, std::span<const NodeSight> nodes) {
    std::vector<const NodeSight*> appointed;
    for (const NodeSight& node : nodes) {
        const NodeRecord* record = state.find(node.name);
        const bool counts = record != nullptr && record->standing != Standing::Detached &&
                            !record->is_left_behind && node.name != state.primary && node.is_reached &&
                            node.is_appointed;
        if (counts && kinship(node.lineage, node.flushed, state.lineage) == Kinship::Promoted)
            appointed.push_back(&node);
    }
    if (appointed.empty() || may_acknowledge(state, nodes)) return "";
    const NodeSight* last = *std::ranges::max_element(
        appointed, {}, [](const NodeSight* node) { return node->lineage.timeline; });
    const bool knows_all = std::ranges::all_of(appointed, [&](const NodeSight* node) {
        return node == last || last->lineage.descends_from(node->lineage);
    });
    return knows_all ? last->name : "";
}

Duration well_for(const Evidence& evidence, const std::string& node, std::span<const std::string> members,
                  TimePoint now) {
    Duration shortest = Duration::max();
    for (const std::string& member : members) {
        const Sighting* sighting = evidence.find(member, node);
        if (sighting == nullptr) continue;
        if (sighting->finding != Finding::Well) return Duration::zero();
        shortest = std::min(shortest, now - sighting->since);
    }
    return shortest == Duration::max() ? Duration::zero() : shortest;
}

std::vector<StandingChange> review_standing(const ClusterState& state, std::span<const NodeSight> nodes,
                                            const Evidence& evidence, std::span<const std::string> members,
                                            const Policy& policy, TimePoint now) {
    const NodeSight* primary = sight_of(nodes, state.primary);
    if (primary == nullptr || !primary->is_reached || primary->is_standby) return {};
    std::vector<StandingChange> changes;
    for (const NodeSight& node : nodes) {
        const NodeRecord* record = state.find(node.name);
        if (record == nullptr || node.name == state.primary || !node.is_reached) continue;
        const std::string why = misfit(node, state.primary, primary->lineage);
        const bool may_return = policy.auto_failback == AutoFailback::Standby && why.empty() &&
                                can_follow(kinship(node.lineage, node.flushed, primary->lineage)) &&
                                well_for(evidence, node.name, members, now) >= policy.return_after;
        if (record->standing == Standing::InService && !why.empty()) {
            changes.push_back({node.name, Standing::Quarantined, why});
        } else if (record->standing == Standing::Quarantined && may_return) {
            changes.push_back({node.name, Standing::InService, ""});
        }
    }
    return changes;
}

Result<bool> refresh_primary(ClusterState& state, std::span<const NodeSight> nodes) {
    ClusterState next = state;
    if (next.primary.empty()) {
        auto found = first_primary(nodes, state);
        if (!found) return tl::unexpected(found.error());
        next.primary = std::move(*found);
    }
    const NodeSight* primary = sight_of(nodes, next.primary);
    const bool is_known = primary != nullptr && primary->is_reached && !primary->is_standby;
    if (is_known && primary->lineage.timeline != 0) next.lineage = primary->lineage;
    const bool has_changed = next.primary != state.primary || next.lineage != state.lineage;
    state = std::move(next);
    return has_changed;
}

}  // namespace pgpool::decide
