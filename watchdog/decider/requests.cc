// SPDX-License-Identifier: PostgreSQL
// What operators ask of the decider.
#include <fmt/core.h>

#include <utility>

#include "watchdog/decide/render.h"
#include "watchdog/decider/decider.h"

namespace pgpool::decider {

namespace {

bool is_held_back(decide::Phase phase) {
    return phase == decide::Phase::Suspected || phase == decide::Phase::Condemned;
}

tl::unexpected<Error> refuse(std::string message, std::string hint = {}) {
    return tl::unexpected(Error{std::move(message), sqlstate::kFeatureNotSupported, std::move(hint)});
}

}  // namespace

bool Decider::answer_next(Now now) {
    if (questions_.empty()) return false;
    const Question question = std::move(questions_.front());
    questions_.pop_front();
    auto outcome = std::visit([&](const auto& wish) { return answer(wish, now); }, question.request);
    actions_.emplace_back(action::Reply{question.id, std::move(outcome)});
    return pending_.has_value();
}

template <typename Other>
Result<std::string> Decider::answer(const Other& /*wish*/, Now /*now*/) {
    return refuse("this is not for who decides about nodes");
}

Result<std::string> Decider::ask_for(decide::Event event, decide::Wish wish, Now now) {
    if (!wish.target.empty()) {
        if (auto known = check_node(wish.target); !known) return tl::unexpected(known.error());
    }
    if (!fire(event, now, &wish)) return refuse(refusal_);
    return refusal_;  // why it was done
}

Result<std::string> Decider::answer(const bus::request::Promote& wish, Now now) {
    return ask_for(decide::Event::AskFailover, {wish.node, wish.is_forced}, now);
}

Result<std::string> Decider::answer(const bus::request::Switchover& wish, Now now) {
    return ask_for(decide::Event::AskSwitchover, {wish.node, false}, now);
}

Result<std::string> Decider::answer(const bus::request::Attach& wish, Now now) {
    if (auto known = check_node(wish.node); !known) return tl::unexpected(known.error());
    if (state_.is_in_service(wish.node)) return refuse(fmt::format("\"{}\" is in service", wish.node));
    const decide::NodeSight& sight = world_.nodes[site_.place_of(wish.node)];
    const auto kin = decide::kinship(sight.lineage, sight.flushed, state_.lineage);
    if (!sight.is_reached) return refuse(fmt::format("\"{}\" is not reached", wish.node), "start it");
    if (!sight.is_standby)
        return refuse(fmt::format("\"{}\" is no standby", wish.node), "make it a standby of the primary");
    if (!decide::can_follow(kin))
        return refuse(fmt::format("\"{}\" cannot follow the primary: {}", wish.node,
                                  decide::describe(kin, sight.lineage, state_.lineage)),
                      "pg_rewind, or a new base backup");
    change_standing(wish.node, decide::Standing::InService, "", now);
    return fmt::format("\"{}\" is in service", wish.node);
}

Result<std::string> Decider::answer(const bus::request::Detach& wish, Now now) {
    if (auto known = check_node(wish.node); !known) return tl::unexpected(known.error());
    if (wish.node == state_.primary)
        return refuse(fmt::format("\"{}\" is the primary", wish.node), "pgpool-ctl switchover changes that");
    if (state_.phase != decide::Phase::Steady)
        return refuse(fmt::format("not now: the cluster is {}", decide::info(state_.phase).name),
                      "ask again");
    change_standing(wish.node, decide::Standing::Detached,
                    wish.reason.empty() ? "by the operator" : wish.reason, now);
    return fmt::format("\"{}\" is detached", wish.node);
}

Result<std::string> Decider::answer(const bus::request::Maintenance& wish, Now now) {
    decide::ClusterState next = state_;
    next.maintenance = {};
    std::string ends;
    if (wish.duration > seconds(0)) {
        next.maintenance = {std::chrono::floor<seconds>(now.wall) + wish.duration, wish.reason};
        ends = decide::iso_time(next.maintenance.until);
    }
    propose(std::move(next), {});
    if (wish.duration == seconds(0)) return "failovers happen by themselves again";
    return "no failover happens by itself until " + ends;
}

// The topology of the record says so to all proxies, and status tells when nothing is under way any more.
Result<std::string> Decider::answer(const bus::request::Pause& wish, Now now) {
    const bool is_wanted = wish.duration > seconds(0);
    if (!is_wanted && !state_.is_paused()) return std::string("clients were not paused");
    if (is_wanted && state_.primary.empty())
        return refuse("no node is known as the primary",
                      "in mode replication nodes are restarted one after the other: pgpool-ctl detach");
    if (is_wanted && state_.phase != decide::Phase::Steady)
        return refuse(fmt::format("not now: the cluster is {}", decide::info(state_.phase).name),
                      "ask again");
    if (!is_wanted && is_held_back(state_.phase))  // that would follow at once
        return refuse(fmt::format("\"{}\" is not back yet", state_.primary),
                      "ask again when it is; or a failover: pgpool-ctl promote");
    decide::ClusterState next = state_;
    next.pause = {};
    if (is_wanted) next.pause = {std::chrono::floor<seconds>(now.wall), wish.duration, wish.reason};
    propose(std::move(next), {});
    return is_wanted ? fmt::format("nothing begins at \"{}\"", state_.primary) : std::string("clients go on");
}

Result<void> Decider::check_node(const std::string& name) const {
    if (site_.place_of(name) < site_.nodes.size()) return {};
    std::string names;
    for (const config::Node& node : site_.nodes) names += (names.empty() ? "" : ", ") + node.name;
    return refuse(fmt::format("no node is named \"{}\"", name), "there are: " + names);
}

void Decider::change_standing(const std::string& node, decide::Standing standing, std::string reason,
                              Now now) {
    decide::ClusterState next = state_;
    decide::set_standing(next, node, standing, std::move(reason), now.wall);
    propose(std::move(next), {});
}

}  // namespace pgpool::decider
