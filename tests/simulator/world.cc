// SPDX-License-Identifier: PostgreSQL
#include "tests/simulator/world.h"

#include <algorithm>

namespace pgpool::simulator {

using std::chrono::seconds;

World::World(std::uint64_t seed, const Setting& setting) : Machines(seed, setting) {
    campaign();
    begin_faults();
    give_command();
}

void World::run(std::uint64_t steps) {
    Auditor& auditor = world_.auditor;
    const std::uint64_t end = auditor.tally.steps + steps;
    while (auditor.tally.steps < end && !auditor.violation()) {
        world_.is_traced = auditor.tally.steps >= trace_from_;
        run_one();
    }
}

// Commands are given all the time, to whoever believes to be the holder.
void World::give_command() {
    for (const auto& member : members_) {
        if (member->is_running() && member->view().epoch.value != 0 && world_.random.chance(0.7)) {
            member->command(lease::VoterId(
                static_cast<std::uint16_t>(members_.size() + world_.random.below(nodes_.size()))));
        }
    }
    world_.queue.after(soon(1, 2 * command_pace_), [this] { give_command(); });
}

void World::begin_calm() {
    ++period_;
    world_.is_calm = true;
    command_pace_ = 60;
    mend_everything();
    reign_ = {};
    await_holder(world_.queue.now());
}

// The first one may be somebody whose lease runs out just now: it counts when one has stayed.
void World::await_holder(Time since) {
    Tally& tally = world_.auditor.tally;
    const Time now = world_.queue.now();
    const Member* present = holder();
    if (present == nullptr || present->view().epoch != reign_.epoch) {
        reign_ = {present == nullptr ? Epoch{} : present->view().epoch, now};
        if (now - since > kBound)
            return world_.auditor.report("everything works and nobody becomes holder, or stays it");
    } else if (now - reign_.begin > kStay) {
        tally.slowest = std::max(tally.slowest, reign_.begin - since);
        ++tally.calms;
        return end_calm();
    }
    world_.queue.after(milliseconds(5), [this, since] { await_holder(since); });
}

void World::end_calm() {
    drift();
    if (world_.random.chance(0.3)) {
        hand_over();
    } else {
        take_over();
    }
}

void World::take_over() {
    Member* victim = holder();
    const Epoch epoch = victim->view().epoch;
    // It is in the middle of something, some answers are late, and its clock may be slow and that of the
    // others fast.
    for (const auto& node : nodes_) victim->command(node->id());
    if (world_.random.chance(0.5)) {
        for (const auto& member : members_) {
            const int half = world_.parameters.drift_ppm / 2;
            member->set_clock_rate(member.get() == victim ? -half : half);
        }
    }
    world_.network.set_weather({.delay_max = milliseconds(world_.random.chance(0.5) ? 2 : 150)});
    std::vector<bool> side(ends_.size(), false);
    side[victim->id().value] = true;
    switch (world_.random.below(6)) {
        case 0:
        case 1:
            victim->kill();
            break;
        case 2:
            victim->lose_power();
            break;
        case 3:
        case 4:
            fence_holder();
            break;
        default:
            world_.network.partition(side);
            break;
    }
    await_other(*victim, epoch, world_.queue.now());
}

void World::await_other(Member& than, Epoch epoch, Time since) {
    const Member* present = holder();
    if (present != nullptr && present->view().epoch > epoch) {
        if (than.is_dead()) restart_later(than);
        begin_faults();
    } else if (world_.queue.now() - since > kBound) {
        world_.auditor.report("the holder is gone and nobody follows it");
    } else {
        world_.queue.after(milliseconds(5), [this, &than, epoch, since] { await_other(than, epoch, since); });
    }
}

void World::hand_over() {
    Member* from = holder();
    const auto place = static_cast<std::size_t>(from->id().value);
    Member* to = members_[(place + 1 + world_.random.below(members_.size() - 1)) % members_.size()].get();
    // A third one might be quicker: the watchdog tells it to keep away.
    for (const auto& member : members_) {
        if (member.get() != from && member.get() != to) member->happens(lease::event::Withdraw{});
    }
    from->happens(lease::event::HandOver{to->id()});
    await_successor(*to, world_.queue.now());
}

void World::await_successor(Member& to, Time since) {
    const Time waited = world_.queue.now() - since;
    if (to.state() == lease::State::Holder) {
        campaign();
        begin_faults();
    } else if (waited > kQuick + world_.parameters.lease * 2) {
        world_.auditor.report("everything works and a hand-over comes to no end");
    } else {
        const Time step = milliseconds(5);
        if (waited < kQuick && waited + step >= kQuick) ++world_.auditor.tally.slow_hand_overs;
        world_.queue.after(step, [this, &to, since] { await_successor(to, since); });
    }
}

}  // namespace pgpool::simulator
