// SPDX-License-Identifier: PostgreSQL
#include "tests/simulator/machines.h"

#include <algorithm>

namespace pgpool::simulator {

Machines::Machines(std::uint64_t seed, const Setting& setting)
    : world_(seed, lease::Votes(setting.members, setting.nodes, setting.witness), setting.parameters) {
    for (std::size_t i = 0; i < setting.members; ++i) {
        members_.push_back(
            std::make_unique<Member>(world_, MemberId(static_cast<std::uint16_t>(i)), ends_, member_list_));
        member_list_.push_back(members_.back().get());
        ends_.push_back(&members_.back()->voter());
    }
    for (std::size_t i = 0; i < setting.nodes; ++i) {
        const auto id = static_cast<std::uint16_t>(setting.members + i);
        nodes_.push_back(std::make_unique<Node>(world_, lease::VoterId(id)));
        ends_.push_back(nodes_.back().get());
    }
    if (setting.witness == lease::Votes::Witness::Present) {
        witness_ = std::make_unique<Witness>(world_);
        ends_.push_back(&witness_->voter());
    }
}

Member* Machines::holder() {
    const auto holds = [](const auto& member) {
        return member->is_running() && member->state() == lease::State::Holder;
    };
    const auto found = std::find_if(members_.begin(), members_.end(), holds);
    return found == members_.end() ? nullptr : found->get();
}

void Machines::campaign() {
    for (const auto& member : members_) member->happens(lease::event::Campaign{});
}

void Machines::mend_everything() {
    world_.trace("everything works");
    world_.network.heal();
    world_.network.set_weather({});
    for (const auto& node : nodes_) {
        if (node->is_dead()) node->start();
        node->go_on();
    }
    if (witness_) {
        if (witness_->is_dead()) witness_->start();
        witness_->go_on();
    }
    for (const auto& member : members_) {
        if (member->is_dead()) member->start();
        member->thaw();
    }
    campaign();
}

void Machines::run_one() {
    world_.queue.run_one();
    ++world_.auditor.tally.entries;
    world_.auditor.begin_check();
    for (const auto& member : members_) member->tell_who_may_act();
    world_.auditor.end_check(world_.queue.now());
}

void Machines::run_for(Time time) {
    bool is_over = false;
    world_.queue.after(time, [&is_over] { is_over = true; });
    while (!is_over) run_one();
}

}  // namespace pgpool::simulator
