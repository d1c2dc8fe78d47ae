// SPDX-License-Identifier: PostgreSQL
#include "tests/simulator/world.h"

// What goes wrong, and when.

namespace pgpool::simulator {

using std::chrono::seconds;

int World::any_rate() {
    // Two clocks are apart by the whole drift at most: half of it for each. The extremes are tried most.
    const int half = world_.parameters.drift_ppm / 2;
    const int choice[] = {-half, -half, 0, half, half};
    return choice[world_.random.below(std::size(choice))];
}

void World::begin_faults() {
    is_calm_ = false;
    ++period_;
    world_.trace("faults begin");
    for (const auto& member : members_) member->set_clock_rate(any_rate());
    for (const auto& node : nodes_) node->set_clock_rate(any_rate());
    one_fault();
    world_.queue.after(soon(3'000, 30'000), [this] { begin_calm(); });
}

void World::one_fault() {
    if (is_calm_) return;
    ++world_.auditor.tally.faults;
    switch (world_.random.below(10)) {
        case 0:
        case 1:
            fault_in_network();
            break;
        case 2:
        case 3:
            fault_of_member(any_member());
            break;
        case 4:
        case 5:
        case 6:
            fault_of_node(any_node());
            break;
        case 7:
            fault_of_witness();
            break;
        case 8:
            fence_holder();
            break;
        default:
            wishes();
            break;
    }
    const Time next = world_.random.chance(0.2) ? soon(500, 3'000) : soon(1, 400);
    world_.queue.after(next, [this, period = period_] {
        if (period == period_) one_fault();
    });
}

void World::fault_in_network() {
    const std::size_t hosts = ends_.size();
    const Host a = world_.random.below(hosts);
    const Host b = (a + 1 + world_.random.below(hosts - 1)) % hosts;
    switch (world_.random.below(7)) {
        case 0:
            world_.network.set(a, b, false);
            break;
        case 1:
            world_.network.set(a, b, false);
            world_.network.set(b, a, false);
            break;
        case 2: {
            std::vector<bool> side(hosts);
            for (Host host = 0; host < hosts; ++host) side[host] = world_.random.chance(0.5);
            world_.network.partition(side);
            world_.trace("partition");
            break;
        }
        case 3: {
            const Time delays[] = {milliseconds(2), milliseconds(20), milliseconds(200), milliseconds(450)};
            world_.network.set_weather({.delay_max = delays[world_.random.below(std::size(delays))],
                                        .loss = world_.random.chance(0.5) ? 0.1 : 0.0,
                                        .straggling = world_.random.chance(0.5) ? 0.3 : 0.0});
            break;
        }
        default:
            world_.network.heal();
            break;
    }
}

void World::fault_of_member(Member& member) {
    if (member.is_dead()) return;
    const Time pause = world_.random.chance(0.5) ? soon(10, 900) : soon(900, 4'000);
    switch (world_.random.below(5)) {
        case 0:
            member.stop();
            world_.trace("member {}: SIGSTOP", member.id().value);
            world_.queue.after(pause, [&member] { member.go_on(); });
            return;
        case 1:
            member.freeze();
            world_.trace("member {}: frozen", member.id().value);
            world_.queue.after(pause, [&member] { member.thaw(); });
            return;
        case 2:
            member.kill();
            break;
        case 3:
            member.lose_power();
            break;
        default:
            member.set_clock_rate(any_rate());
            return;
    }
    world_.queue.after(soon(0, 1'000), [&member] {
        if (!member.is_dead()) return;
        member.start();
        member.happens(lease::event::Campaign{});
    });
}

void World::fault_of_node(Node& node) {
    switch (world_.random.below(6)) {
        case 0:
            node.stop();
            world_.queue.after(world_.random.chance(0.5) ? soon(10, 900) : soon(900, 4'000),
                               [&node] { node.go_on(); });
            return;
        case 1:
        case 2:
            node.terminate_any();
            return;
        case 3:
            node.set_clock_rate(any_rate());
            return;
        default:
            break;
    }
    node.die(world_.random.chance(0.7) ? Node::Death::Crash : Node::Death::PowerLoss);
    world_.queue.after(soon(0, 1'500), [&node] {
        if (node.is_dead()) node.start();
    });
}

void World::fault_of_witness() {
    if (!witness_) return fault_of_node(any_node());
    if (world_.random.chance(0.5)) {
        witness_->stop();
        world_.queue.after(soon(10, 3'000), [this] { witness_->go_on(); });
        return;
    }
    witness_->die();
    world_.queue.after(soon(0, 1'500), [this] {
        if (witness_->is_dead()) witness_->start();
    });
}

// Somebody takes the power from who held the lease last, and tells the others that it did.
void World::fence_holder() {
    if (!world_.auditor.last_holder() || world_.random.chance(0.5)) return wishes();
    Member& victim = *members_[world_.auditor.last_holder()->value];
    const Epoch epoch = world_.auditor.last_epoch();
    victim.lose_power();
    world_.trace("member {}: fenced", victim.id().value);
    for (const auto& member : members_) {
        if (member.get() == &victim) continue;
        world_.queue.after(soon(0, 100), [&member, epoch] { member->happens(lease::event::Fenced{epoch}); });
    }
    world_.queue.after(soon(100, 3'000), [&victim] {
        if (!victim.is_dead()) return;
        victim.start();
        victim.happens(lease::event::Campaign{});
    });
}

void World::wishes() {
    Member& member = any_member();
    switch (world_.random.below(8)) {
        case 0:
            member.happens(lease::event::Withdraw{});
            break;
        case 1:
        case 2:
            member.happens(lease::event::Campaign{});
            break;
        default:
            for (const auto& each : members_) each->happens(lease::event::HandOver{member.id()});
            break;
    }
}

}  // namespace pgpool::simulator
