// SPDX-License-Identifier: PostgreSQL
#include "watchdog/hooks/hook_event.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "watchdog/decide/render.h"

namespace pgpool::hooks {

namespace {

using decide::ClusterState;
using decide::Phase;
using decide::Standing;

// A takeover lasts some hundred milliseconds: no program is started, and no file read for it, meanwhile.
constexpr milliseconds kAfterwards{500};

bool is_failing_over(Phase phase) {
    return phase == Phase::Condemned || phase == Phase::Cutting || phase == Phase::Measuring ||
           phase == Phase::Blocked;
}

bool is_switching_over(Phase phase) {
    return phase == Phase::Checkpointing || phase == Phase::Parking || phase == Phase::Stopping ||
           phase == Phase::CatchingUp || phase == Phase::RollingBack;
}

bool is_peace(Phase phase) {
    return phase == Phase::Steady || phase == Phase::Repointing;
}

class Comparison {
public:
    Comparison(const ClusterState& before, const ClusterState& after, std::uint64_t epoch)
        : before_(before), after_(after), epoch_(epoch) {}

    [[nodiscard]] std::vector<HookEvent> events() && {
        if (is_replaced()) {
            add(HookKind::Failover, before_.is_planned ? "switchover" : "failover", after_.primary,
                after_.reason);
            events_.back().old_primary = before_.primary;
        }
        compare_nodes();
        compare_phases();
        compare_maintenance();
        compare_pause();
        return std::move(events_);
    }

private:
    // The first primary that is found replaces nobody.
    [[nodiscard]] bool is_replaced() const {
        return before_.primary != after_.primary && !before_.primary.empty() && !after_.primary.empty();
    }

    void compare_nodes() {
        for (const decide::NodeRecord& node : after_.nodes) {
            const decide::NodeRecord* old = before_.find(node.name);
            if (old == nullptr || old->standing == node.standing) continue;
            if (is_replaced() && node.name == before_.primary) continue;  // the failover says it
            const bool is_back = node.standing == Standing::InService;
            add(is_back ? HookKind::Failback : HookKind::Notify, is_back ? "failback" : "node_out", node.name,
                is_back ? old->reason : node.reason);
        }
    }

    void compare_phases() {
        if (before_.phase == after_.phase) return;
        const Phase was = before_.phase;
        const Phase is = after_.phase;
        if (is_failing_over(is) && !is_failing_over(was))
            add(HookKind::Notify, "primary_gone", after_.primary, after_.reason);
        if (is == Phase::Blocked) add(HookKind::Notify, "blocked", after_.primary, after_.reason);
        if (is_replaced() || !is_peace(is)) return;
        if (is_failing_over(was)) add(HookKind::Notify, "primary_back", after_.primary, after_.reason);
        if (is_switching_over(was))
            add(HookKind::Notify, "switchover_dropped", after_.primary, after_.reason);
    }

    void compare_maintenance() {
        const bool was_on = before_.maintenance.until != WallTime{};
        const bool is_on = after_.maintenance.until != WallTime{};
        if (is_on && before_.maintenance != after_.maintenance)
            add(HookKind::Notify, "maintenance_on", "", after_.maintenance.reason);
        if (was_on && !is_on) add(HookKind::Notify, "maintenance_off", "", before_.maintenance.reason);
    }

    void compare_pause() {
        if (after_.is_paused() && before_.pause != after_.pause)
            add(HookKind::Notify, "paused", after_.primary, after_.pause.reason);
        if (before_.is_paused() && !after_.is_paused())
            add(HookKind::Notify, "resumed", after_.primary, before_.pause.reason);
    }

    void add(HookKind kind, const char* name, const std::string& node, const std::string& reason) {
        events_.push_back({.kind = kind,
                           .name = name,
                           .node = node,
                           .old_primary = "",
                           .primary = after_.primary,
                           .reason = reason,
                           .epoch = epoch_});
    }

    const ClusterState& before_;
    const ClusterState& after_;
    const std::uint64_t epoch_;
    std::vector<HookEvent> events_;
};

struct Told {
    const char* key;
    std::string text;
};

std::vector<Told> told_of(const HookEvent& event, const config::Config& config, const HookPlace& place) {
    const auto primary = std::find_if(config.nodes.begin(), config.nodes.end(),
                                      [&](const config::Node& node) { return node.name == event.primary; });
    const bool is_known = primary != config.nodes.end();
    return {{"event", event.name},
            {"at", decide::iso_time(place.wall)},
            {"member", place.member},
            {"epoch", std::to_string(event.epoch)},
            {"node", event.node},
            {"primary", event.primary},
            {"primary_host", is_known ? primary->host : ""},
            {"primary_port", is_known ? std::to_string(primary->port) : ""},
            {"old_primary", event.old_primary},
            {"reason", event.reason}};
}

// "PGPOOL_OLD_PRIMARY=n1"
std::string variable_of(const Told& told) {
    std::string text = "PGPOOL_";
    for (const char* at = told.key; *at != '\0'; ++at)
        text += *at == '_' ? '_' : static_cast<char>(*at - 'a' + 'A');
    text += '=' + told.text;
    std::erase(text, '\0');
    return text;
}

std::string json_of(const std::vector<Told>& all) {
    nlohmann::ordered_json json;
    for (const Told& told : all) json[told.key] = told.text;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::vector<HookEvent> events_between(const ClusterState& before, const ClusterState& after,
                                      std::uint64_t epoch) {
    return Comparison(before, after, epoch).events();
}

HookEvent lease_taken(const ClusterState& state, std::uint64_t epoch) {
    return {.kind = HookKind::Notify,
            .name = "lease_taken",
            .node = "",
            .old_primary = "",
            .primary = state.primary,
            .reason = "this member decides now",
            .epoch = epoch};
}

std::vector<HookJob> jobs_of(const HookEvent& event, const config::Config& config, const HookPlace& place) {
    const config::Hooks& hooks = config.hooks;
    std::vector<const std::vector<std::string>*> commands;
    if (event.kind == HookKind::Failover) commands.push_back(&hooks.failover);
    if (event.kind == HookKind::Failback) commands.push_back(&hooks.failback);
    commands.push_back(&hooks.notify);
    const std::vector<Told> told = told_of(event, config, place);
    std::vector<HookJob> jobs;
    for (const std::vector<std::string>* words : commands) {
        if (words->empty()) continue;
        HookJob job{.event = event.name,
                    .words = *words,
                    .environment = {},
                    .input = json_of(told),
                    .timeout = hooks.timeout,
                    .not_before = place.time + kAfterwards};
        for (const Told& one : told) job.environment.push_back(variable_of(one));
        jobs.push_back(std::move(job));
    }
    return jobs;
}

}  // namespace pgpool::hooks
