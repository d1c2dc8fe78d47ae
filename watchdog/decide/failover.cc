// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/failover.h"

#include <fmt/core.h>

#include <algorithm>

namespace pgpool::decide {

namespace {

bool is_request(Event event) {
    return event == Event::AskSwitchover || event == Event::AskFailover || event == Event::AskCancel;
}

// The standbys are cut off in Cutting; only from then on a position is final.
bool is_cut_in(Phase phase) {
    return phase == Phase::Cutting || phase == Phase::Measuring;
}

std::vector<NodeSight> with_standing(const ClusterState& state, const World& world, const Rules& rules) {
    std::vector<NodeSight> nodes = world.nodes;
    for (NodeSight& node : nodes) {
        const Judgement judgement =
            judge(world.evidence, node.name, world.members, rules.evidence, world.now);
        node.is_in_service = state.is_in_service(node.name);
        node.is_reached = node.is_reached && judgement.opinion != Opinion::Gone;
        node.is_stuck = judgement.is_stuck;
    }
    return nodes;
}

ChoiceRules choice_rules(const ClusterState& state, Event event, const World& world, const Rules& rules,
                         const Wish& wish) {
    const bool is_planned = event == Event::AskSwitchover || state.is_planned;
    return {.kind = is_planned ? ChoiceRules::Kind::Switchover : ChoiceRules::Kind::Failover,
            .durability = rules.policy.durability,
            .maximum_lag = rules.policy.maximum_lag,
            .may_lose_data = wish.may_lose_data,
            .must_be_cut_off = is_cut_in(state.phase),
            .wanted = wish.target,
            .primary = state.primary,
            .cluster = state.lineage,
            .last_known = world.last_known,
            .sync = state.sync};
}

// A standby that did not follow is not bothered again at once.
bool may_repoint(const ClusterState& state, const Policy& policy, WallTime now) {
    const auto last =
        std::ranges::find_if(state.history.rbegin(), state.history.rend(), [](const HistoryEntry& entry) {
            return entry.from == Phase::Repointing && entry.event != Event::Done;
        });
    return last == state.history.rend() || has_passed(policy.repoint_again, last->at, now);
}

FactSet facts_of(const ClusterState& state, const World& world, const Rules& rules,
                 const Snapshot& snapshot) {
    FactSet facts;
    facts.insert_if(world.has_lease, Fact::Lease);
    facts.insert_if(snapshot.primary.opinion == Opinion::Well, Fact::PrimaryWell);
    facts.insert_if(snapshot.primary.opinion == Opinion::Gone, Fact::PrimaryGone);
    facts.insert_if(!snapshot.hold.empty(), Fact::OnHold);
    facts.insert_if(snapshot.choice.target.has_value(), Fact::TargetFound);
    facts.insert_if(snapshot.target.opinion == Opinion::Gone, Fact::TargetLost);
    facts.insert_if(state.is_planned, Fact::Planned);
    facts.insert_if(!snapshot.follow.empty() && may_repoint(state, rules.policy, world.wall), Fact::Stray);
    return facts;
}

// A switchover knows its target from the beginning; of a failover it is chosen when it is promoted.
bool keeps_target(Phase phase) {
    switch (phase) {
        case Phase::Checkpointing:
        case Phase::Parking:
        case Phase::Stopping:
        case Phase::CatchingUp:
        case Phase::Promoting:
            return true;
        default:
            return false;
    }
}

bool keeps_wish(Phase phase) {
    return keeps_target(phase) || phase == Phase::Cutting || phase == Phase::Measuring ||
           phase == Phase::Blocked;
}

// Why the old primary is out, and what its operator has to do. Also in a switchover: a server that runs
// writes WAL of its own accord, so that it is past the point where the new timeline began.
std::string why_replaced(const ClusterState& state) {
    return fmt::format(
        "it was the primary until \"{}\" was promoted under epoch {}{}; make it a standby of the primary by "
        "pg_rewind or a base backup",
        state.target, state.epoch, state.is_planned ? ", which has every write of it" : "");
}

// By the operator's leave a node was promoted that may lack what these hold: commits must not wait for them.
void leave_behind(ClusterState& state, const Snapshot& snapshot) {
    for (const std::string& name : snapshot.not_cut_off) {
        if (name == state.target || name == state.primary) continue;
        set_standing(state, name, Standing::Quarantined,
                     fmt::format("it was not reached when \"{}\" was promoted by the operator's leave under "
                                 "epoch {}; make it a standby of the primary by pg_rewind or a base backup",
                                 state.target, state.epoch),
                     snapshot.wall);
    }
}

void install(ClusterState& state, const Snapshot& snapshot) {
    if (!state.is_planned) note_failover(state, snapshot.wall);
    if (state.wish.may_lose_data) leave_behind(state, snapshot);
    set_standing(state, state.primary, Standing::Quarantined, why_replaced(state), snapshot.wall);
    if (!state.is_in_service(state.target))  // the operator vouched for it
        set_standing(state, state.target, Standing::InService, "", snapshot.wall);
    state.primary = state.target;
    state.sync = {};  // until it is set on the new primary, and standbys have what was acknowledged before
    if (snapshot.target_lineage) state.lineage = *snapshot.target_lineage;
}

// As after a failover: what was promised is not known, and damping counts it.
void adopt(ClusterState& state, const Snapshot& snapshot) {
    note_failover(state, snapshot.wall);
    set_standing(state, state.primary, Standing::Quarantined,
                 fmt::format("it was the primary until another decider promoted \"{}\"; make it a standby of "
                             "the primary by pg_rewind or a base backup",
                             snapshot.successor),
                 snapshot.wall);
    set_standing(state, snapshot.successor, Standing::InService, "", snapshot.wall);
    state.primary = snapshot.successor;
    state.lineage = snapshot.successor_lineage;
    state.sync = {};
}

void drop_target(ClusterState& state, const Snapshot& snapshot) {
    set_standing(state, state.target, Standing::Quarantined,
                 fmt::format("it was being promoted under epoch {} when it was lost", state.epoch),
                 snapshot.wall);
    std::ranges::find(state.nodes, state.target, &NodeRecord::name)->was_dropped = true;
    state.target.clear();
}

void go_on_without(ClusterState& state) {
    for (NodeRecord& node : state.nodes) node.is_left_behind = node.was_dropped;
}

void keep_books(ClusterState& state, const Transition& row, const Snapshot& snapshot) {
    if (row.actions.has(Action::RaiseEpoch)) state.epoch = std::max(state.epoch, snapshot.lease_epoch) + 1;
    if (row.actions.has(Action::ChooseTarget)) state.target = *snapshot.choice.target;
    if (row.actions.has(Action::DropTarget)) drop_target(state, snapshot);
    if (row.actions.has(Action::Install)) install(state, snapshot);
    if (row.actions.has(Action::Adopt)) adopt(state, snapshot);
    if (row.next == Phase::Steady || row.next == Phase::Repointing) go_on_without(state);
    state.phase = row.next;
    state.is_planned = keeps_target(row.next) && (state.is_planned || row.next == Phase::Checkpointing);
    if (!keeps_target(row.next)) state.target.clear();
    if (!keeps_wish(row.next)) state.wish = {};
}

std::string because(const Transition& row, const Snapshot& snapshot) {
    const auto comment = [&](const std::string& more) {
        return more.empty() ? std::string(row.comment) : fmt::format("{}: {}", row.comment, more);
    };
    if (row.actions.has(Action::Adopt)) return comment("\"" + snapshot.successor + "\"");
    if (row.actions.has(Action::DropTarget)) return comment(snapshot.target.reason);
    if (row.actions.has(Action::ChooseTarget)) return comment(snapshot.choice.reason);
    switch (row.next) {
        case Phase::Suspected:
        case Phase::Condemned:
            return comment(snapshot.primary.reason);
        case Phase::Blocked:
            return comment(snapshot.choice.reason + "; what helps: " + snapshot.choice.unblock);
        default:
            return comment(snapshot.problem);
    }
}

std::string why_refused(const ClusterState& state, Event event, const Snapshot& snapshot) {
    const std::string_view phase = info(state.phase).name;
    const bool is_well = snapshot.facts.has(Fact::PrimaryWell);
    switch (event) {
        case Event::AskSwitchover:
            if (state.phase != Phase::Steady)
                return fmt::format("no switchover now: the cluster is {}", phase);
            if (!is_well) return "no switchover: the primary is not well: " + snapshot.primary.reason;
            return fmt::format("no switchover: {}; what helps: {}", snapshot.choice.reason,
                               snapshot.choice.unblock);
        case Event::AskFailover:
            if (!snapshot.facts.has(Fact::PrimaryGone)) {
                return fmt::format(
                    "no failover: the primary is not gone ({}); pgpool-ctl switchover changes the "
                    "primary in order",
                    snapshot.primary.reason);
            }
            if (state.phase != Phase::Condemned && state.phase != Phase::Blocked) {
                return fmt::format("no other failover now: the cluster is {}", phase);
            }
            return fmt::format("no failover: {}; what helps: {}", snapshot.choice.reason,
                               snapshot.choice.unblock);
        default:
            return fmt::format("there is nothing that can be taken back: the cluster is {}", phase);
    }
}

}  // namespace

Snapshot observe(const ClusterState& state, Event event, const World& world, const Rules& rules,
                 const Wish* wish) {
    Snapshot snapshot;
    const std::vector<NodeSight> nodes = with_standing(state, world, rules);
    snapshot.wish = wish != nullptr ? *wish : state.wish;
    snapshot.primary = judge(world.evidence, state.primary, world.members, rules.evidence, world.now);
    if (state.primary.empty()) snapshot.primary.reason = "no primary is known yet";
    snapshot.target = judge(world.evidence, state.target, world.members, rules.evidence, world.now);
    snapshot.choice = choose_target(nodes, choice_rules(state, event, world, rules, snapshot.wish));
    snapshot.hold = hold(state, rules.policy, world.wall);
    snapshot.follow = plan_follow(nodes, state.primary, state.lineage);
    snapshot.successor = successor(state, nodes);
    for (const NodeSight& node : nodes) {
        if (node.name == state.target && node.lineage.timeline != 0) snapshot.target_lineage = node.lineage;
        if (node.name == snapshot.successor) snapshot.successor_lineage = node.lineage;
        if (node.is_in_service && !(node.is_reached && node.is_cut_off))
            snapshot.not_cut_off.push_back(node.name);
    }
    snapshot.lease_epoch = world.lease_epoch;
    snapshot.wall = world.wall;
    snapshot.facts = facts_of(state, world, rules, snapshot);
    return snapshot;
}

std::string waiting_for(const ClusterState& state, const Snapshot& snapshot) {
    const bool is_gone = snapshot.facts.has(Fact::PrimaryGone);
    const std::string helps =
        fmt::format("{}; what helps: {}", snapshot.choice.reason, snapshot.choice.unblock);
    switch (state.phase) {
        case Phase::Steady:
            return "";
        case Phase::Suspected:
            return "members to agree about the primary: " + snapshot.primary.reason;
        case Phase::Condemned:
        case Phase::Blocked:
            if (!is_gone) return "members to agree about the primary: " + snapshot.primary.reason;
            return snapshot.choice.target ? snapshot.hold : helps;
        default:
            return std::string(info(state.phase).meaning);
    }
}

Decision step(const ClusterState& state, Event event, const Snapshot& snapshot) {
    Decision decision{.row = nullptr, .state = state, .actions = {}, .reason = {}};
    if (!snapshot.facts.has(Fact::Lease)) {
        decision.reason = "this member does not hold the lease";
        return decision;
    }
    const bool is_void = event == Event::Overtaken && snapshot.successor.empty();
    if (!is_void) decision.row = find_transition(state.phase, event, snapshot.facts);
    if (decision.row == nullptr) {
        decision.reason = is_request(event) ? why_refused(state, event, snapshot) : "nothing is to be done";
        return decision;
    }
    decision.reason = because(*decision.row, snapshot);
    decision.actions = decision.row->actions;
    if (is_request(event)) decision.state.wish = snapshot.wish;
    keep_books(decision.state, *decision.row, snapshot);
    decision.state.reason = decision.reason;
    append(decision.state, {.at = snapshot.wall,
                            .epoch = decision.state.epoch,
                            .row = std::string(decision.row->id),
                            .event = event,
                            .from = state.phase,
                            .to = decision.state.phase,
                            .facts = snapshot.facts,
                            .reason = decision.reason});
    return decision;
}

}  // namespace pgpool::decide
