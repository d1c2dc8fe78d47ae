// SPDX-License-Identifier: PostgreSQL
#include <algorithm>

#include "tests/simulator/world.h"

// What goes wrong. Each time of faults draws which kinds it has, and at what pace: with everything always at
// once, rare combinations never last long enough to do harm (swarm testing: Groce and others, ISSTA 2012).

namespace pgpool::simulator {

const std::vector<World::Fault>& World::all_faults() {
    static const std::vector<Fault> faults = {{&World::cut_one_way, 2},   {&World::cut, 2},
                                              {&World::divide, 2},        {&World::heal, 4},
                                              {&World::weather, 2},       {&World::stop_member, 3},
                                              {&World::freeze_member, 2}, {&World::kill_member, 2},
                                              {&World::kill_holder, 4},   {&World::power_off_member, 2},
                                              {&World::fence_holder, 3},  {&World::stop_node, 2},
                                              {&World::crash_node, 4},    {&World::lose_node, 1},
                                              {&World::terminate, 5},     {&World::trouble_witness, 1},
                                              {&World::drift, 2},         {&World::withdraw, 1},
                                              {&World::campaign_one, 2},  {&World::wish_hand_over, 4}};
    return faults;
}

void World::begin_faults() {
    world_.is_calm = false;
    ++period_;
    mood_.clear();
    for (const Fault& fault : all_faults()) {
        if (world_.random.chance(0.5))
            mood_.insert(mood_.end(), static_cast<std::size_t>(fault.weight), fault);
    }
    // What was cut is healed now and then, or a time of faults is a time without anybody.
    if (mood_.empty() || world_.random.chance(0.7)) mood_.push_back({&World::heal, 1});
    const int paces[] = {60, 150, 400, 1'200};
    pace_ = paces[world_.random.below(std::size(paces))];
    const int command_paces[] = {10, 40, 200, 1'000};
    command_pace_ = command_paces[world_.random.below(std::size(command_paces))];
    world_.trace("faults begin");
    drift();
    if (world_.random.chance(0.5)) weather();
    one_fault();
    world_.queue.after(soon(2'000, 20'000), [this] { begin_calm(); });
}

void World::one_fault() {
    ++world_.auditor.tally.faults;
    (this->*mood_[world_.random.below(mood_.size())].happen)();
    world_.queue.after(soon(1, 2 * pace_), [this, period = period_] {
        if (period == period_) one_fault();
    });
}

std::pair<Host, Host> World::any_link() {
    const Host from = world_.random.below(ends_.size());
    return {from, (from + 1 + world_.random.below(ends_.size() - 1)) % ends_.size()};
}

void World::cut_one_way() {
    const auto [from, to] = any_link();
    world_.network.set(from, to, false);
    world_.trace("host {} does not reach host {}", from, to);
}

void World::cut() {
    const auto [one, other] = any_link();
    world_.network.set(one, other, false);
    world_.network.set(other, one, false);
    world_.trace("cut between hosts {} and {}", one, other);
}

void World::divide() {
    std::vector<bool> side(ends_.size());
    for (Host host = 0; host < side.size(); ++host) side[host] = world_.random.chance(0.5);
    world_.network.partition(side);
    ++world_.auditor.tally.partitions;
    world_.trace("partition");
}

void World::heal() {
    world_.network.heal();
    world_.trace("the network heals");
}

void World::weather() {
    const Time delays[] = {milliseconds(2), milliseconds(20), milliseconds(200), milliseconds(450)};
    world_.network.set_weather({.delay_max = delays[world_.random.below(std::size(delays))],
                                .loss = world_.random.chance(0.3) ? 0.1 : 0.0,
                                .straggling = world_.random.chance(0.5) ? 0.3 : 0.0});
}

// Short ones, about as long as a session lives, and long ones.
Time World::a_while() {
    return world_.random.chance(0.5) ? soon(10, 900) : soon(900, 4'000);
}

void World::stop_member() {
    Member& member = any_member();
    member.stop();
    world_.trace("member {}: stopped", member.id().value);
    world_.queue.after(a_while(), [&member] { member.go_on(); });
}

void World::freeze_member() {
    Member& member = any_member();
    member.freeze();
    world_.trace("member {}: frozen", member.id().value);
    world_.queue.after(a_while(), [&member] { member.thaw(); });
}

void World::restart_later(Member& member) {
    // A late restart leaves the gate alone with the last view until its deadline.
    world_.queue.after(world_.random.chance(0.5) ? soon(0, 1'000) : soon(1'000, 4'000), [&member] {
        if (!member.is_dead()) return;
        member.start();
        member.happens(lease::event::Campaign{});
    });
}

void World::kill_member() {
    Member& member = any_member();
    member.kill();
    restart_later(member);
}

// All its locks are free at once, and its gate may act until the deadline: nobody has to be quicker than that
// allows.
void World::kill_holder() {
    Member* victim = holder();
    if (victim == nullptr) return;
    victim->kill();
    restart_later(*victim);
}

void World::power_off_member() {
    Member& member = any_member();
    member.lose_power();
    restart_later(member);
}

// Somebody takes the power from who held the lease last, and tells the others that it did.
void World::fence_holder() {
    if (!world_.auditor.last_holder()) return;
    Member& victim = *members_[world_.auditor.last_holder()->value];
    const Epoch epoch = world_.auditor.last_epoch();
    if (world_.random.chance(0.8)) victim.kill();
    victim.lose_power();
    world_.trace("member {}: fenced", victim.id().value);
    for (const auto& member : members_) {
        if (member.get() == &victim) continue;
        world_.queue.after(soon(0, 100), [&member, epoch] { member->happens(lease::event::Fenced{epoch}); });
    }
    restart_later(victim);
}

void World::stop_node() {
    Node& node = any_node();
    node.stop();
    world_.queue.after(a_while(), [&node] { node.go_on(); });
}

void World::crash_node() {
    take_down(any_node(), Node::Death::Crash);
}

void World::lose_node() {
    take_down(any_node(), Node::Death::PowerLoss);
}

// Some of the members do not hear of it, and do not reach it when it is back.
void World::take_down(Node& node, Node::Death death) {
    for (const auto& member : members_) {
        if (!world_.random.chance(0.3)) continue;
        world_.network.set(member->id().value, node.id().value, false);
        world_.network.set(node.id().value, member->id().value, false);
    }
    node.die(death);
    world_.trace("node {}: dies", node.id().value);
    world_.queue.after(world_.random.chance(0.5) ? soon(0, 20) : soon(0, 1'500), [&node] {
        if (node.is_dead()) node.start();
    });
}

void World::terminate() {
    any_node().terminate_any();
}

void World::trouble_witness() {
    if (!witness_) return;
    if (world_.random.chance(0.5)) {
        witness_->stop();
        world_.queue.after(a_while(), [this] { witness_->go_on(); });
        return;
    }
    witness_->die();
    world_.queue.after(soon(0, 1'500), [this] {
        if (witness_->is_dead()) witness_->start();
    });
}

// Two clocks are apart by the whole drift at most: half of it for each. The extremes are tried most.
int World::any_rate() {
    const int half = world_.parameters.drift_ppm / 2;
    const int choice[] = {-half, -half, 0, half, half};
    return choice[world_.random.below(std::size(choice))];
}

void World::drift() {
    for (const auto& member : members_) member->set_clock_rate(any_rate());
    for (const auto& node : nodes_) node->set_clock_rate(any_rate());
}

void World::withdraw() {
    any_member().happens(lease::event::Withdraw{});
}

void World::campaign_one() {
    any_member().happens(lease::event::Campaign{});
}

void World::wish_hand_over() {
    const Member& to = any_member();
    for (const auto& member : members_) member->happens(lease::event::HandOver{to.id()});
}

}  // namespace pgpool::simulator
