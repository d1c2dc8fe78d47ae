// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decider/decider.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace pgpool::decider {

namespace {

using decide::Event;

// An order that is given again is given no faster than this.
constexpr milliseconds kAgain{250};
// After what the promise wants could not be set.
constexpr seconds kUpkeepAgain{2};

bool repeats_itself(decide::Phase phase) {
    return phase == decide::Phase::Promoting || phase == decide::Phase::RollingBack ||
           phase == decide::Phase::Measuring;
}

}  // namespace

Result<decide::ClusterState> Decider::state_of(const group::Record& record, const Site& site, WallTime now) {
    std::vector<std::string> names;
    for (const config::Node& node : site.nodes) names.push_back(node.name);
    if (record.stamp == group::Stamp{}) return decide::first_state(names, now);
    auto state = decide::state_of(record.text);
    if (!state) return state;
    // Nodes that came into the configuration since.
    for (const std::string& name : names) {
        if (state->find(name) == nullptr)
            state->nodes.push_back({name, decide::Standing::InService, {}, std::chrono::floor<seconds>(now)});
    }
    return state;
}

Decider::Decider(Setup setup, group::Record record, decide::ClusterState state)
    : self_(std::move(setup.self)),
      site_(std::move(setup.site)),
      rules_(std::move(setup.rules)),
      state_(std::move(state)),
      stamp_(record.stamp),
      probes_(site_.nodes.size()) {
    world_.members = {self_};
}

void Decider::lease(bool is_held, std::uint64_t epoch) {
    if (is_held && (!has_lease_ || epoch != lease_epoch_)) must_take_over_ = true;
    if (!is_held && has_lease_) drop_all("the lease was lost");
    has_lease_ = is_held;
    lease_epoch_ = epoch;
}

void Decider::synced(bool is_synced) {
    if (!is_synced || !is_synced_) drop_all("the membership has changed");
    // What was under way is gone: who decides goes on as somebody who takes over.
    if (is_synced && has_lease_) must_take_over_ = true;
    is_synced_ = is_synced;
}

void Decider::drop_all(const std::string& why) {
    pending_.reset();
    work_ = Work();
    upkeep_ = Work();
    promise_.forget();
    for (const Question& question : questions_) {
        const Error error{why + ": it was not begun", sqlstate::kCannotConnectNow, "ask again"};
        actions_.emplace_back(action::Reply{question.id, tl::unexpected(error)});
    }
    questions_.clear();
}

void Decider::members(std::vector<std::string> names) {
    world_.members = std::move(names);
}

Result<void> Decider::learned(const group::Record& record, WallTime now) {
    if (record.stamp <= stamp_) return {};
    auto state = state_of(record, site_, now);
    if (!state) {
        is_synced_ = false;
        return tl::unexpected(state.error());
    }
    if (state->primary != state_.primary) world_.last_known = Lsn(0);  // it was another one's
    state_ = std::move(*state);
    stamp_ = record.stamp;
    return {};
}

void Decider::durable(group::Stamp stamp) {
    if (pending_ && stamp >= pending_->stamp) pending_->is_durable = true;
}

void Decider::probed(const nodes::Probe& probe) {
    const config::Node& node = site_.nodes.at(probe.node);
    const auto report = nodes::report_of(probe, self_, node.name, node.name == state_.primary);
    decide::record(world_.evidence, report, probe.ended);
    // The end of a session says nothing of what is there; the next probe does.
    if (probe.finding == decide::Finding::SessionEnded) return;
    probes_[probe.node] = probe;
    if (!probe.facts) return;
    if (!probe.facts->primary_conninfo.empty()) site_.conninfos[probe.node] = probe.facts->primary_conninfo;
    if (node.name == state_.primary && !probe.facts->is_standby)
        world_.last_known = std::max(world_.last_known, probe.facts->flushed);
}

void Decider::reported(const decide::Report& report, TimePoint now) {
    decide::record(world_.evidence, report, now);
}

void Decider::ended(OrderId id, const voters::CommandOutcome& outcome) {
    desk_.ended(id);
    work_.ended(id, outcome);
    upkeep_.ended(id, outcome);
}

void Decider::told(bool is_well, std::string problem) {
    work_.told(is_well, std::move(problem));
}

void Decider::ask(std::uint64_t question, bus::Request request) {
    questions_.push_back({question, std::move(request)});
}

std::vector<Action> Decider::go_on(Now now) {
    refresh_world(now);
    if (pending_ && pending_->is_durable) carry_out(now);
    if (decides() && !pending_) decide_next(now);
    if (decides()) give_orders();
    return std::exchange(actions_, {});
}

void Decider::refresh_world(Now now) {
    world_.now = now.time;
    world_.wall = now.wall;
    world_.has_lease = has_lease_;
    world_.lease_epoch = lease_epoch_;
    world_.nodes.clear();
    for (std::size_t i = 0; i < site_.nodes.size(); ++i) {
        const nodes::NodeFacts* facts = facts_of(probes_, i);
        const bool is_fresh = facts != nullptr && now.time - probes_[i]->ended < rules_.evidence.stale_after;
        decide::NodeSight sight;
        sight.name = site_.nodes[i].name;
        world_.nodes.push_back(is_fresh ? nodes::sight_of(*facts, site_.nodes[i], site_.nodes) : sight);
    }
}

// One decision at a time: each is recorded before the next.
void Decider::decide_next(Now now) {
    if (fire(Event::Overtaken, now)) {
        must_take_over_ = false;
        return;
    }
    if (std::exchange(must_take_over_, false)) {
        phase_since_ = now.time;
        if (fire(Event::TakenOver, now)) return;
    }
    const bool may_refresh = state_.phase == decide::Phase::Steady || state_.primary.empty();
    decide::ClusterState refreshed = state_;
    if (may_refresh) {
        const auto changed = decide::refresh_primary(refreshed, world_.nodes);
        if (!changed) say(true, changed.error().message);
        if (changed && *changed) return propose(std::move(refreshed), {});
    }
    if (end_of_work(now) || answer_next(now) || end_pause(now)) return;
    const milliseconds deadline = decide::deadline_of(state_.phase, rules_.policy);
    if (deadline > milliseconds(0) && now.time - phase_since_ >= deadline) {
        phase_since_ = now.time;
        if (fire(Event::Deadline, now)) return;
    }
    if (fire(Event::Look, now)) return;
    keep_peace(now);
}

bool Decider::end_pause(Now now) {
    if (!state_.is_paused() || !decide::is_over(state_.pause, now.wall)) return false;
    say(true, "the pause has lasted as long as it may: clients go on");
    decide::ClusterState next = state_;
    next.pause = {};
    propose(std::move(next), {});
    return true;
}

bool Decider::end_of_work(Now now) {
    const Work::State end = work_.state(probes_);
    if (end != Work::State::Done && end != Work::State::Failed) return false;
    if (end == Work::State::Failed) {
        say(true, work_.problem());
        if (repeats_itself(state_.phase) && now.time - work_.begun() < kAgain) return false;
    }
    problem_ = std::exchange(work_, Work()).problem();
    return fire(end == Work::State::Done ? Event::Done : Event::Failed, now);
}

bool Decider::fire(Event event, Now now, const decide::Wish* wish) {
    decide::Snapshot snapshot = decide::observe(state_, event, world_, rules_, wish);
    if (event == Event::Failed) snapshot.problem = problem_;
    decide::Decision decision = decide::step(state_, event, snapshot);
    refusal_ = decision.reason;
    if (decision.row == nullptr) return false;
    say(decision.actions.has(decide::Action::Tell),
        fmt::format("{} {}: {}", decision.row->id, decide::info(decision.state.phase).name, decision.reason));
    phase_since_ = now.time;
    if (decision.actions.has(decide::Action::CutStandbys)) note_conninfos(decision.state);
    propose(std::move(decision.state), decision.actions);
    return true;
}

// Whoever goes on from this record has not seen them.
void Decider::note_conninfos(decide::ClusterState& state) const {
    for (decide::NodeRecord& node : state.nodes) {
        const auto known = site_.conninfos.find(site_.place_of(node.name));
        if (known != site_.conninfos.end()) node.conninfo = known->second;
    }
}

void Decider::propose(decide::ClusterState next, decide::ActionSet actions) {
    const bool is_first = stamp_.epoch != lease_epoch_;
    const group::Stamp stamp{lease_epoch_, is_first ? 1 : stamp_.revision + 1};
    pending_ = Pending{.stamp = stamp, .actions = actions};
    actions_.emplace_back(action::Propose{{stamp, decide::to_text(next)}});
}

// The state is what was recorded: learned() came before.
void Decider::carry_out(Now now) {
    const decide::ActionSet actions = std::exchange(pending_, std::nullopt)->actions;
    if (!decides()) return;
    phase_since_ = now.time;
    work_ = plan_work(actions, state_, world_.nodes, probes_, site_, now.time);
    using Kind = decide::Action;
    if (actions.has(Kind::ProbeNow) || work_.state(probes_) != Work::State::None)
        actions_.emplace_back(action::Hurry{});
    if (actions.has(Kind::Checkpoint))
        actions_.emplace_back(action::Checkpoint{site_.place_of(state_.primary)});
    if (actions.has(Kind::Park)) actions_.emplace_back(action::Park{});
    if (actions.has(Kind::Unpark)) actions_.emplace_back(action::Unpark{});
}

void Decider::keep_peace(Now now) {
    if (state_.phase != decide::Phase::Steady) return;
    const auto changes = decide::review_standing(state_, world_.nodes, world_.evidence, world_.members,
                                                 rules_.policy, now.time);
    if (!changes.empty()) {
        decide::ClusterState next = state_;
        for (const decide::StandingChange& change : changes) {
            decide::set_standing(next, change.node, change.standing, change.reason, now.wall);
            say(false, fmt::format("\"{}\" is {}{}{}", change.node, decide::to_string(change.standing),
                                   change.reason.empty() ? "" : ": ", change.reason));
        }
        return propose(std::move(next), {});
    }
    if (keep_promise(now)) return;
    last_trouble_.clear();
}

// The primary takes a standby whose host is lost for one that streams until wal_sender_timeout is over.
std::vector<std::string> Decider::streaming(const nodes::NodeFacts& primary) const {
    std::vector<std::string> names;
    for (const nodes::Follower& follower : primary.followers) {
        const auto judgement =
            decide::judge(world_.evidence, follower.name, world_.members, rules_.evidence, world_.now);
        if (follower.is_streaming && judgement.opinion != decide::Opinion::Gone)
            names.push_back(follower.name);
    }
    return names;
}

// True: something is not yet as it should be.
bool Decider::keep_promise(Now now) {
    const std::size_t place = site_.place_of(state_.primary);
    const nodes::NodeFacts* facts = facts_of(probes_, place);
    if (facts == nullptr || facts->is_standby) return true;
    const Work::State upkeep = upkeep_.state(probes_);
    if (upkeep == Work::State::UnderWay) return true;
    if (upkeep == Work::State::Failed) {
        say(true, "synchronous_standby_names is not as it should be: " + upkeep_.problem());
        upkeep_after_ = now.time + kUpkeepAgain;
    }
    upkeep_ = Work();
    Promise::Next next = promise_.look(state_, rules_.policy, *probes_[place], streaming(*facts));
    if (next.record) {
        decide::ClusterState changed = state_;
        changed.sync = *next.record;
        propose(std::move(changed), {});
        return true;
    }
    if (next.set && now.time >= upkeep_after_) {
        upkeep_ = Work(now.time);
        upkeep_.add(place, nodes::set_sync(*next.set));
        // The server's processes take it over one after the other: a probe at once may not see it yet.
        upkeep_after_ = now.time + kAgain;
        actions_.emplace_back(action::Hurry{});
    }
    if (!next.stalled.empty()) say(true, next.stalled);
    return next.set.has_value() || !next.stalled.empty();
}

void Decider::give_orders() {
    work_.look(probes_);
    for (Work* work : {&work_, &upkeep_}) {
        for (Order& order : work->orders(desk_)) actions_.emplace_back(action::Send{std::move(order)});
    }
}

void Decider::say(bool is_trouble, std::string text) {
    if (text == last_trouble_) return;
    last_trouble_ = text;
    actions_.emplace_back(action::Say{is_trouble, std::move(text)});
}

std::string Decider::waiting_for(Now now) {
    refresh_world(now);
    const std::string phase =
        decide::waiting_for(state_, decide::observe(state_, Event::Look, world_, rules_));
    const nodes::NodeFacts* primary = facts_of(probes_, site_.place_of(state_.primary));
    if (!phase.empty() || primary == nullptr || primary->is_standby) return phase;
    return Promise::plan(state_, rules_.policy, streaming(*primary)).stalled;
}

}  // namespace pgpool::decider
