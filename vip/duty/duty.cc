// SPDX-License-Identifier: PostgreSQL
#include "vip/duty/duty.h"

#include <algorithm>
#include <utility>

namespace pgpool::vip {

namespace {

using bus::Outcome;
using bus::VipPhase;

// Between attempts: while the order is young, and later, when only a person will change something.
constexpr milliseconds kSoon{50};
constexpr milliseconds kLater{500};
// On top of the lifetime of an address at a holder that is dead: the kernel's delay, and three probes.
constexpr milliseconds kBeyondLifetime{1'000};
constexpr milliseconds kConflictLasts{5'000};

// The time alone may mend it: the lease is about to be renewed, the kernel of a dead holder to forget.
bool passes(Reason reason) {
    return reason == Reason::NoMandate || reason == Reason::MandateEnded || reason == Reason::Answered ||
           reason == Reason::Stalled;
}

bool is_let_go(const Event& event) {
    return event.reason == Reason::Asked || (event.kind == EventKind::Lost && event.reason == Reason::Kernel);
}

}  // namespace

Duty::Duty(std::vector<VirtualAddress> addresses, milliseconds lifetime)
    : patience_(lifetime + kBeyondLifetime) {
    for (VirtualAddress& address : addresses) places_.push_back({std::move(address)});
}

Answers Duty::order(BootTime now, const bus::VipOrder& order) {
    const bool takes = order.verb == bus::VipVerb::Take || order.verb == bus::VipVerb::TakeReleased;
    if (takes && order.epoch != 0 && !is_ending_) return take(now, order);
    if (order.verb == bus::VipVerb::Release) return release(order);
    const char* why =
        is_ending_ ? "this program ends" : "no order that is known here, or one without an epoch";
    return {Deed::None, {bus::VipDone{order.id, Outcome::Failed, why}}};
}

Answers Duty::take(BootTime now, const bus::VipOrder& order) {
    Answers answers;
    const bool is_new = stage_ != Stage::Taking || epoch_ != Epoch(order.epoch);
    if (is_new) acknowledge(answers, Outcome::Failed, "another order came first");
    stage_ = Stage::Taking;
    epoch_ = Epoch(order.epoch);
    began_ = now;
    again_ = kNever;
    retry_ = order.verb == bus::VipVerb::TakeReleased ? Deed::TakeGracefully : Deed::Take;
    owed_.push_back(order.id);
    answers.deed = retry_;
    for (Place& place : places_) {
        place.is_awaited = true;
        if (place.phase == VipPhase::Absent) {
            enter(answers, place, VipPhase::Probing, "");
        } else if (is_new) {
            answers.messages.emplace_back(state_of(place));
        }
    }
    settle_if_held(answers);
    return answers;
}

Answers Duty::release(const bus::VipOrder& order) {
    Answers answers;
    if (stage_ != Stage::Releasing) {
        acknowledge(answers, Outcome::Failed, "another order came first");
        epoch_ = Epoch(order.epoch);
        let_go(answers);
    }
    owed_.push_back(order.id);
    return answers;
}

void Duty::let_go(Answers& answers) {
    stage_ = Stage::Releasing;
    again_ = kNever;
    answers.deed = Deed::Release;
    for (Place& place : places_) {
        place.is_awaited = true;
        if (place.phase != VipPhase::Absent) enter(answers, place, VipPhase::Releasing, "");
    }
    confirm_if_gone(answers);
}

Answers Duty::end() {
    Answers answers;
    is_ending_ = true;
    if (stage_ == Stage::Releasing) return answers;
    acknowledge(answers, Outcome::Failed, "this program ends");
    let_go(answers);
    return answers;
}

Answers Duty::happened(BootTime now, const VirtualAddress& address, const Event& event) {
    Answers answers;
    const auto found = std::ranges::find(places_, address, &Place::address);
    const bool is_end = event.kind == EventKind::Refused || event.kind == EventKind::Released ||
                        event.kind == EventKind::Lost;
    if (found == places_.end()) {  // of the configuration before
        if (is_end) answers.messages.emplace_back(state_of({address, VipPhase::Absent, describe(event)}));
        return answers;
    }
    Place& place = *found;
    if (is_end) gone(answers, now, place, event);
    const bool is_held = event.kind == EventKind::Taken || event.kind == EventKind::Kept;
    if (is_held && stage_ == Stage::Taking) {
        place.is_awaited = false;
        if (place.phase != VipPhase::Conflict) enter(answers, place, VipPhase::Held, "");
        settle_if_held(answers);
    }
    if (event.kind == EventKind::Conflict && stage_ == Stage::Taking) {
        enter(answers, place, VipPhase::Conflict, describe(event));
        place.conflict_over = now + kConflictLasts;
    }
    return answers;
}

void Duty::gone(Answers& answers, BootTime now, Place& place, const Event& event) {
    enter(answers, place, VipPhase::Absent, describe(event));
    if (stage_ == Stage::Releasing && is_let_go(event)) {
        place.is_awaited = false;
        confirm_if_gone(answers);
    }
    // What was asked for while a taking stands is the release before it.
    if (stage_ != Stage::Taking || event.reason == Reason::Asked) return;
    if (event.reason != Reason::NoMandate) retry_ = Deed::Take;
    again_ = std::min(again_, now + (passes(event.reason) && !is_late(now) ? kSoon : kLater));
    if (!passes(event.reason))
        acknowledge(answers, Outcome::Failed, place.address.text() + ": " + place.reason);
}

void Duty::confirm_if_gone(Answers& answers) {
    if (std::ranges::none_of(places_, &Place::is_awaited)) answers.deed = Deed::Confirm;
}

Answers Duty::confirmed(const std::string& problem) {
    Answers answers;
    if (stage_ != Stage::Releasing) return answers;
    stage_ = Stage::Idle;
    acknowledge(answers, problem.empty() ? Outcome::Done : Outcome::Failed, problem);
    return answers;
}

Answers Duty::tick(BootTime now, BootTime deadline) {
    Answers answers;
    for (Place& place : places_) {
        if (now < place.conflict_over) continue;
        place.conflict_over = kNever;
        if (place.phase == VipPhase::Conflict) enter(answers, place, VipPhase::Held, "");
    }
    if (stage_ != Stage::Taking || now < again_) return answers;
    if (is_late(now)) {
        const auto absent = std::ranges::find(places_, VipPhase::Absent, &Place::phase);
        if (absent != places_.end())
            acknowledge(answers, Outcome::Failed, absent->address.text() + ": " + absent->reason);
    }
    if (now < deadline) {
        answers.deed = is_late(now) ? Deed::Take : retry_;
        again_ = kNever;
    } else {
        again_ = now + (is_late(now) ? kLater : kSoon);
    }
    return answers;
}

BootTime Duty::next() const {
    BootTime next = again_;
    for (const Place& place : places_) next = std::min(next, place.conflict_over);
    return next;
}

Answers Duty::watchdog_found() {
    Answers answers;
    for (const Place& place : places_) answers.messages.emplace_back(state_of(place));
    return answers;
}

Answers Duty::assign(std::vector<VirtualAddress> addresses, milliseconds lifetime) {
    patience_ = lifetime + kBeyondLifetime;
    std::vector<Place> before = std::exchange(places_, {});
    bool has_new = false;
    for (VirtualAddress& address : addresses) {
        const auto known = std::ranges::find(before, address, &Place::address);
        has_new = has_new || known == before.end();
        places_.push_back(known == before.end() ? Place{std::move(address)} : std::move(*known));
    }
    Answers answers;
    if (stage_ == Stage::Taking && has_new) answers.deed = Deed::Take;
    if (stage_ == Stage::Releasing) confirm_if_gone(answers);
    return answers;
}

void Duty::settle_if_held(Answers& answers) {
    const bool all = std::ranges::all_of(places_, [](const Place& place) {
        const bool is_held = place.phase == VipPhase::Held || place.phase == VipPhase::Conflict;
        return is_held && !place.is_awaited;
    });
    if (stage_ == Stage::Taking && all) acknowledge(answers, Outcome::Done, "");
}

void Duty::acknowledge(Answers& answers, Outcome outcome, const std::string& reason) {
    for (const std::uint64_t id : std::exchange(owed_, {}))
        answers.messages.emplace_back(bus::VipDone{id, outcome, reason});
}

void Duty::enter(Answers& answers, Place& place, VipPhase phase, const std::string& reason) {
    const bool is_news = place.phase != phase || place.reason != reason;
    place.phase = phase;
    place.reason = reason;
    if (is_news) answers.messages.emplace_back(state_of(place));
}

bus::VipState Duty::state_of(const Place& place) const {
    return {.address = place.address.address.text(),
            .device = place.address.interface,
            .phase = place.phase,
            .epoch = epoch_.value,
            .reason = place.reason};
}

}  // namespace pgpool::vip
