// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/status.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/bus/codec.h"
#include "watchdog/decide/render.h"

namespace pgpool::watchdog {

namespace {

using Json = nlohmann::ordered_json;

// What comes from peers may be no UTF-8.
std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Nothing begins at a primary from whom its role is being moved, or that the operator has paused.
bool is_parked(const decide::ClusterState& state) {
    if (state.is_paused()) return true;
    switch (state.phase) {
        case decide::Phase::Parking:
        case decide::Phase::Stopping:
        case decide::Phase::CatchingUp:
        case decide::Phase::RollingBack:
            return true;
        case decide::Phase::Promoting:
            return state.is_planned;
        default:
            return false;
    }
}

bus::NodeRole role_of(const decide::ClusterState& state, const std::string& node) {
    if (state.primary.empty()) return bus::NodeRole::Unknown;
    return node == state.primary ? bus::NodeRole::Primary : bus::NodeRole::Standby;
}

const char* role_name(bus::NodeRole role) {
    if (role == bus::NodeRole::Unknown) return "unknown";
    return role == bus::NodeRole::Primary ? "primary" : "standby";
}

Json seen_by(const decider::Decider& decider, const std::string& node) {
    Json members = Json::array();
    const decide::World& world = decider.world();
    for (const std::string& member : world.members) {
        const decide::Sighting* sighting = world.evidence.find(member, node);
        if (sighting == nullptr) continue;
        const auto opinion = decide::opinion_of(*sighting, decider.rules().evidence, world.now);
        if (opinion == decide::Opinion::Well) members.push_back(member);
    }
    return members;
}

Json node_json(const decider::Decider& decider, const std::vector<config::Node>& nodes, std::size_t place) {
    const config::Node& node = nodes[place];
    const decide::ClusterState& state = decider.state();
    const decide::NodeRecord* record = state.find(node.name);
    const nodes::NodeFacts* facts = decider::facts_of(decider.probes(), place);
    const Lsn furthest = decider.world().last_known;
    Json lag;
    if (facts != nullptr && facts->is_standby && furthest.value > 0)
        lag = furthest > facts->replayed ? furthest.value - facts->replayed.value : 0;
    return {{"name", node.name},
            {"host", node.host},
            {"port", node.port},
            {"role", role_name(role_of(state, node.name))},
            {"standing", record != nullptr ? decide::to_string(record->standing) : "unknown"},
            {"reason", record != nullptr ? record->reason : ""},
            {"lag_bytes", lag},
            {"timeline", facts != nullptr ? Json(facts->lineage.timeline) : Json()},
            {"seen_by", seen_by(decider, node.name)}};
}

Json maintenance_json(const decide::Maintenance& maintenance) {
    if (maintenance.until == WallTime{}) return {};
    return {{"until", decide::iso_time(maintenance.until)}, {"reason", maintenance.reason}};
}

Json pause_json(const decide::ClusterState& state, std::optional<std::uint32_t> under_way) {
    if (!state.is_paused()) return {};
    return {{"until", decide::iso_time(state.pause.since + state.pause.lasts)},
            {"reason", state.pause.reason},
            {"under_way", under_way ? Json(*under_way) : Json()}};
}

Json members_json(const std::vector<Status::Member>& members) {
    Json list = Json::array();
    for (const Status::Member& member : members)
        list.push_back({{"name", member.name},
                        {"is_in", member.is_in},
                        {"is_self", member.is_self},
                        {"protocol", member.protocol},
                        {"refused", member.refused}});
    return list;
}

Json quorum_json(const Status& status) {
    if (!status.is_in_group) return {};
    return {{"is_quorate", status.quorum.is_quorate},
            {"votes", status.quorum.votes},
            {"expected", status.quorum.expected}};
}

Json group_json(const Status& status) {
    return {{"is_in", status.is_in_group},
            {"lost_since", status.loss ? Json(decide::iso_time(status.loss->at)) : Json()},
            {"reason", status.loss ? status.loss->reason : ""}};
}

Json votes_json(const Status& status) {
    if (status.voters.empty()) return {};
    int total = 0;
    int reached = 0;
    Json list = Json::array();
    for (const Status::Voter& voter : status.voters) {
        total += voter.votes;
        if (voter.is_reached) reached += voter.votes;
        list.push_back({{"name", voter.name}, {"votes", voter.votes}, {"is_reached", voter.is_reached}});
    }
    return {{"total", total}, {"needed", status.votes_needed}, {"reached", reached}, {"voters", list}};
}

Json vips_json(const std::vector<Status::Vip>& vips) {
    Json list = Json::array();
    for (const Status::Vip& vip : vips)
        list.push_back({{"address", vip.state.address},
                        {"device", vip.state.device},
                        {"phase", bus::to_string(vip.state.phase)},
                        {"member", vip.member}});
    return list;
}

Json programs_json(const std::vector<Status::Program>& programs) {
    Json list = Json::array();
    for (const Status::Program& program : programs)
        list.push_back(
            {{"program", program.name}, {"pid", program.pid}, {"since", decide::iso_time(program.since)}});
    return list;
}

}  // namespace

std::string status_json(const Status& status, const decider::Decider& decider,
                        const std::vector<config::Node>& nodes) {
    const decide::ClusterState& state = decider.state();
    Json list = Json::array();
    for (std::size_t i = 0; i < nodes.size(); ++i) list.push_back(node_json(decider, nodes, i));
    return dump({{"member", status.member},
                 {"epoch", status.epoch},
                 {"lease",
                  {{"holder", status.holder},
                   {"state", status.lease_state},
                   {"remaining_ms", status.remaining ? Json(status.remaining->count()) : Json()}}},
                 {"members", members_json(status.members)},
                 {"quorum", quorum_json(status)},
                 {"group", group_json(status)},
                 {"votes", votes_json(status)},
                 {"phase", decide::info(state.phase).name},
                 {"reason", state.reason},
                 {"waiting_for", status.waiting_for},
                 {"maintenance", maintenance_json(state.maintenance)},
                 {"pause", pause_json(state, status.under_way)},
                 {"primary", state.primary},
                 {"nodes", list},
                 {"vips", vips_json(status.vips)},
                 {"programs", programs_json(status.programs)}});
}

std::string decisions_json(const decide::ClusterState& state, std::size_t count) {
    Json list = Json::array();
    const std::size_t first = state.history.size() - std::min(count, state.history.size());
    for (std::size_t i = first; i < state.history.size(); ++i) {
        const decide::HistoryEntry& entry = state.history[i];
        Json facts = Json::array();
        for (std::size_t fact = 0; fact < decide::kFacts; ++fact) {
            if (entry.facts.has(static_cast<decide::Fact>(fact)))
                facts.push_back(decide::to_string(static_cast<decide::Fact>(fact)));
        }
        list.push_back({{"at", decide::iso_time(entry.at)},
                        {"epoch", entry.epoch},
                        {"row", entry.row},
                        {"event", decide::to_string(entry.event)},
                        {"from", decide::info(entry.from).name},
                        {"to", decide::info(entry.to).name},
                        {"facts", facts},
                        {"reason", entry.reason}});
    }
    return dump({{"decisions", list}});
}

std::string reloaded_json(const Reloaded& reloaded) {
    return dump({{"changed", reloaded.changed},
                 {"needs_restart", reloaded.needs_restart},
                 {"programs", reloaded.programs},
                 {"not_asked", reloaded.not_asked}});
}

std::string reason_json(const std::string& reason) {
    return dump({{"reason", reason}});
}

std::string error_json(const Error& error) {
    return dump({{"error", error.message}, {"hint", error.hint}});
}

bus::Topology topology_of(const decide::ClusterState& state, group::Stamp stamp,
                          const std::vector<config::Node>& nodes) {
    bus::Topology topology{.epoch = stamp.epoch, .revision = stamp.revision};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const decide::NodeRecord* record = state.find(nodes[i].name);
        bus::Node node{.id = static_cast<std::uint16_t>(i),
                       .name = nodes[i].name,
                       .host = nodes[i].host,
                       .port = nodes[i].port,
                       .role = role_of(state, nodes[i].name)};
        if (record != nullptr) {
            node.state = record->standing == decide::Standing::InService  ? bus::NodeState::Up
                         : record->standing == decide::Standing::Detached ? bus::NodeState::Detached
                                                                          : bus::NodeState::Down;
            node.reason = record->reason;
        }
        if (nodes[i].name == state.primary && is_parked(state)) {
            node.state = bus::NodeState::Parked;
            if (state.is_paused()) node.reason = "clients are paused: " + state.pause.reason;
        }
        topology.nodes.push_back(std::move(node));
    }
    return topology;
}

}  // namespace pgpool::watchdog
