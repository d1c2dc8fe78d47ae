// SPDX-License-Identifier: PostgreSQL
#include "tests/simulator/jitter.h"

namespace pgpool::simulator {

namespace {
constexpr Time kSettled = std::chrono::seconds(8);  // a holder, without jitter
constexpr Time kLook = milliseconds(5);
}  // namespace

Jitter::Jitter(std::uint64_t seed, const Setting& setting, Time longest)
    : Machines(seed, setting), longest_(longest) {
    campaign();
    world_.queue.after(kSettled, [this] { begin(); });
}

void Jitter::run(std::uint64_t steps) {
    const Auditor& auditor = world_.auditor;
    const std::uint64_t end = auditor.tally.steps + steps;
    while (auditor.tally.steps < end && !auditor.violation()) run_one();
}

void Jitter::begin() {
    const Member* first = holder();
    if (first == nullptr) return world_.auditor.report("everything works and nobody becomes holder");
    epoch_ = first->view().epoch;
    world_.network.set_weather_between(members_.size(), {.delay_max = longest_, .loss = kLoss});
    look();
    stand_still();
}

// One member at a time: of a program that stands still and one that is not heard, the lease has to bear both.
void Jitter::stand_still() {
    Member& member = *members_[world_.random.below(members_.size())];
    member.stop();
    const Time time = world_.random.between(milliseconds(1), longest_);
    world_.queue.after(time, [this, &member] {
        member.go_on();
        world_.queue.after(world_.random.between(milliseconds(100), milliseconds(1'000)),
                           [this] { stand_still(); });
    });
}

void Jitter::look() {
    for (const auto& member : members_) {
        if (member->is_running() && member->view().epoch > epoch_)
            return world_.auditor.report("another one has become the holder");
    }
    ++world_.auditor.tally.calms;
    world_.queue.after(kLook, [this] { look(); });
}

}  // namespace pgpool::simulator
