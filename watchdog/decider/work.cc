// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decider/work.h"

#include <algorithm>
#include <utility>

#include "watchdog/nodes/conninfo.h"

namespace pgpool::decider {

using voters::CommandOutcome;

const nodes::NodeFacts* facts_of(const Probes& probes, std::size_t node) {
    if (node >= probes.size() || !probes[node] || !probes[node]->facts) return nullptr;
    return &*probes[node]->facts;
}

void Work::add(std::size_t node, nodes::Commands commands) {
    const auto found = std::ranges::find(tasks_, node, &Task::node);
    if (found == tasks_.end()) {
        tasks_.push_back({.node = node, .commands = std::move(commands)});
    } else {
        found->commands.insert(found->commands.end(), commands.begin(), commands.end());
    }
}

// A program that connects again as soon as its session ends would be there whenever somebody looks.
void Work::look(const Probes& probes) {
    for (const Goal& goal : goals_) {
        if (goal.kind != Goal::Kind::Equal) continue;
        const nodes::NodeFacts* facts = facts_of(probes, goal.other);
        if (facts == nullptr || facts->clients == 0) continue;
        const TimePoint seen = probes[goal.other]->begun;
        if (seen < begun_ || seen <= shown_at_) continue;
        shown_at_ = seen;
        add(goal.other, {nodes::end_clients()});
    }
}

std::vector<Order> Work::orders(Desk& desk) {
    std::vector<Order> ready;
    for (Task& task : tasks_) {
        if (task.order != 0 || task.is_over() || !desk.is_free(task.node)) continue;
        task.order = desk.take(task.node);
        ready.push_back({task.order, task.node, task.commands[task.next++]});
    }
    return ready;
}

void Work::ended(OrderId id, const CommandOutcome& outcome) {
    const auto task = std::ranges::find(tasks_, id, &Task::order);
    if (id == 0 || task == tasks_.end()) return;
    task->order = 0;
    if (outcome.kind == CommandOutcome::Kind::Done) return;
    task->next = task->commands.size();
    if (!problem_.empty()) return;
    problem_ = outcome.kind == CommandOutcome::Kind::TooLate ? "the server's clock says that it is too late"
                                                             : outcome.text;
    if (problem_.empty()) problem_ = "it was not done";
}

void Work::told(bool is_well, std::string problem) {
    was_told_ = true;
    if (!is_well && problem_.empty()) problem_ = std::move(problem);
}

Work::State Work::state(const Probes& probes) const {
    if (tasks_.empty() && goals_.empty() && problem_.empty()) return State::None;
    if (!std::ranges::all_of(tasks_, &Task::is_over)) return State::UnderWay;
    if (!problem_.empty()) return State::Failed;
    const bool is_done = std::ranges::all_of(goals_, [&](const Goal& goal) { return is_met(goal, probes); });
    return is_done ? State::Done : State::UnderWay;
}

// What was seen before the work began proves nothing.
bool Work::is_met(const Goal& goal, const Probes& probes) const {
    if (goal.kind == Goal::Kind::Told) return was_told_;
    const auto& probe = probes.at(goal.node);
    if (!probe || probe->begun < begun_) return false;
    if (goal.kind == Goal::Kind::Probed) return true;
    if (!probe->facts) return false;
    const nodes::NodeFacts& facts = *probe->facts;
    switch (goal.kind) {
        case Goal::Kind::CutOff:
            return facts.follows_nobody();
        case Goal::Kind::Promoted:
            return !facts.is_standby;
        case Goal::Kind::Following:
            return facts.primary_conninfo == goal.conninfo && facts.is_receiving;
        case Goal::Kind::Writing:
            return !facts.is_standby && facts.sync_names != nodes::kStoppedSync;
        case Goal::Kind::Equal: {
            const nodes::NodeFacts* other = facts_of(probes, goal.other);
            return other != nullptr && other->sync_names == nodes::kStoppedSync && other->clients == 0 &&
                   probe->begun >= probes.at(goal.other)->ended && facts.flushed >= other->flushed;
        }
        case Goal::Kind::NotBehind: {
            const nodes::NodeFacts* other = facts_of(probes, goal.other);
            return other != nullptr && other->follows_nobody() && facts.flushed >= other->flushed;
        }
        case Goal::Kind::Probed:
        case Goal::Kind::Told:
            break;
    }
    return false;
}

}  // namespace pgpool::decider
