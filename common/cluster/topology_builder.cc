// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/topology_builder.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "common/cluster/positions.h"

namespace pgpool::cluster {

namespace {

bool should_be_down(const NodeEvidence& evidence, const DownRule& rule) {
    return evidence.refused_in_row >= kRefusedToDown || evidence.failures_in_row >= rule.failures_to_down;
}

void record_failure(NodeEvidence& evidence, ProbeResult result, const DownRule& rule, TimePoint now) {
    ++evidence.failed_probes;
    evidence.refused_in_row = result.reach == Reach::Refused ? evidence.refused_in_row + 1 : 0;
    const bool counts =
        evidence.failures_in_row == 0 || now - evidence.failure_counted_at >= rule.count_every;
    if (counts && !result.life_sign) {
        ++evidence.failures_in_row;
        evidence.failure_counted_at = now;
    }
    evidence.reach = result.reach;
    evidence.reason = std::move(result.reason);
    if (should_be_down(evidence, rule)) evidence.state = NodeState::Down;
}

void record_times(ProbeTimes& times, const ProbeResult& result, TimePoint now) {
    const bool is_first = !times.last;
    if (times.failure_run > 0) ++times.after_failure;
    times.last = now;
    if (result.reach == Reach::Ok) {
        times.last_success = now;
        times.failure_run = 0;
    } else {
        times.last_failure = now;
        times.longest_failure_run = std::max(times.longest_failure_run, ++times.failure_run);
    }
    times.total += result.took;
    times.longest = std::max(times.longest, result.took);
    times.shortest = is_first ? result.took : std::min(times.shortest, result.took);
}

// One judgement over all nodes; a class because its steps share the half-made topology.
class Judge {
public:
    Judge(std::span<const NodeEvidence> evidence, const Topology& previous)
        : evidence_(evidence), previous_(previous) {}

    BuiltTopology run(WallTime now);

private:
    [[nodiscard]] std::string cluster_identifier() const;
    [[nodiscard]] std::string majority_identifier() const;
    void reject_strangers();
    void choose_primary();
    [[nodiscard]] std::uint32_t highest_timeline() const;
    [[nodiscard]] bool better(const NodeStatus& left, const NodeStatus& right) const;
    void reject_other_claimants(std::uint32_t highest);

    [[nodiscard]] static bool is_claimant(const NodeStatus& node) {
        return node.state == NodeState::Up && node.role == Role::Primary;
    }
    void put_down(NodeStatus& node, std::string reason) {
        node.state = NodeState::Down;
        node.role = Role::Unknown;
        node.reason = std::move(reason);
        built_.conflicts.push_back(fmt::format("node {}: {}", node.name, node.reason));
    }

    std::span<const NodeEvidence> evidence_;
    const Topology& previous_;
    BuiltTopology built_;
};

std::string Judge::majority_identifier() const {
    std::map<std::string, std::size_t> votes;
    for (const NodeStatus& node : built_.topology.nodes) {
        if (!node.system_identifier.empty()) ++votes[node.system_identifier];
    }
    const NodeStatus* former = previous_.primary ? built_.topology.find(*previous_.primary) : nullptr;
    std::string best = former != nullptr ? former->system_identifier : std::string();
    for (const NodeStatus& node : built_.topology.nodes) {
        if (node.system_identifier.empty()) continue;
        if (best.empty() || votes[node.system_identifier] > votes[best]) best = node.system_identifier;
    }
    return best;
}

// The primary that serves now says which cluster this is; without one the majority does.
std::string Judge::cluster_identifier() const {
    const NodeStatus* former = previous_.primary ? built_.topology.find(*previous_.primary) : nullptr;
    if (former != nullptr && is_claimant(*former) && !former->system_identifier.empty()) {
        return former->system_identifier;
    }
    return majority_identifier();
}

void Judge::reject_strangers() {
    const std::string ours = cluster_identifier();
    for (NodeStatus& node : built_.topology.nodes) {
        if (node.system_identifier.empty() || node.system_identifier == ours) continue;
        node.timeline = 0;  // a number of another history
        if (node.state != NodeState::Up) continue;
        put_down(node, fmt::format("system identifier {} is not the cluster's {}: another database cluster",
                                   node.system_identifier, ours));
    }
}

std::uint32_t Judge::highest_timeline() const {
    std::uint32_t highest = 0;
    for (const NodeStatus& node : built_.topology.nodes) highest = std::max(highest, node.timeline);
    return highest;
}

bool Judge::better(const NodeStatus& left, const NodeStatus& right) const {
    if (left.timeline != right.timeline) return left.timeline > right.timeline;
    return previous_.primary == left.id && previous_.primary != right.id;
}

void Judge::choose_primary() {
    const std::uint32_t highest = highest_timeline();
    const NodeStatus* best = nullptr;
    for (const NodeStatus& node : built_.topology.nodes) {
        const bool outdated = node.timeline != 0 && node.timeline < highest;
        if (!is_claimant(node) || outdated) continue;
        if (best == nullptr || better(node, *best)) best = &node;
    }
    if (best != nullptr) built_.topology.primary = best->id;
    reject_other_claimants(highest);
}

void Judge::reject_other_claimants(std::uint32_t highest) {
    const NodeStatus* primary = built_.topology.primary_node();
    for (NodeStatus& node : built_.topology.nodes) {
        if (!is_claimant(node) || &node == primary) continue;
        if (primary == nullptr) {
            put_down(node,
                     fmt::format("not in recovery, but on timeline {} while the cluster has been on {}: "
                                 "an old primary",
                                 node.timeline, highest));
        } else {
            put_down(node, fmt::format("not in recovery on timeline {}, but {} is the primary on timeline {}",
                                       node.timeline, primary->name, primary->timeline));
        }
    }
}

BuiltTopology Judge::run(WallTime now) {
    built_.topology.version = previous_.version + 1;
    built_.topology.nodes.reserve(evidence_.size());
    for (const NodeEvidence& node : evidence_) built_.topology.nodes.push_back(status_of(node));
    reject_strangers();
    choose_primary();
    measure_standbys(built_.topology);
    note_position(built_.topology, previous_);
    name_replication(built_.topology, evidence_);
    stamp_changes(built_.topology, previous_, now);
    return std::move(built_);
}

}  // namespace

NodeStatus status_of(const NodeEvidence& evidence) {
    NodeStatus node;
    node.id = evidence.id;
    node.name = evidence.name;
    node.host = evidence.host;
    node.port = evidence.port;
    node.weight = evidence.weight;
    node.state = evidence.state;
    node.reach = evidence.reach;
    node.reason = evidence.reason;
    node.timeline = evidence.known.timeline;
    node.system_identifier = evidence.known.system_identifier;
    node.server_version = evidence.known.server_version;
    node.probes = evidence.probes;
    node.failed_probes = evidence.failed_probes;
    node.probe_times = evidence.probe_times;
    if (evidence.state != NodeState::Up) return node;
    node.role = evidence.known.in_recovery ? Role::Standby : Role::Primary;
    node.sampled = evidence.known.sent;
    node.write_lsn = evidence.known.write_lsn;
    node.replay_lsn = evidence.known.replay_lsn;
    node.lag_time = evidence.known.lag_time;
    return node;
}

void stamp_changes(Topology& topology, const Topology& previous, WallTime now) {
    for (NodeStatus& node : topology.nodes) {
        const NodeStatus* before = previous.find(node.id);
        const bool same = before != nullptr && before->state == node.state && before->role == node.role;
        node.last_change = same ? before->last_change : now;
    }
}

void record(NodeEvidence& evidence, ProbeResult result, const DownRule& rule, TimePoint now) {
    ++evidence.probes;
    record_times(evidence.probe_times, result, now);
    if (result.reach != Reach::Ok) {
        record_failure(evidence, std::move(result), rule, now);
        return;
    }
    evidence.state = NodeState::Up;
    evidence.reach = Reach::Ok;
    evidence.reason.clear();
    evidence.refused_in_row = 0;
    evidence.failures_in_row = 0;
    evidence.known = std::move(result);
}

BuiltTopology build_topology(std::span<const NodeEvidence> evidence, const Topology& previous, WallTime now) {
    return Judge(evidence, previous).run(now);
}

}  // namespace pgpool::cluster
