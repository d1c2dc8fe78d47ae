// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/lease.h"

#include <algorithm>

#include "common/base/error.h"

namespace pgpool::lease {

std::string_view name(State state) {
    switch (state) {
        case State::Follower:
            return "Follower";
        case State::Acquiring:
            return "Acquiring";
        case State::Waiting:
            return "Waiting";
        case State::Confirming:
            return "Confirming";
        case State::Holder:
            return "Holder";
        case State::Offering:
            return "Offering";
        case State::Releasing:
            return "Releasing";
        case State::Resting:
            return "Resting";
    }
    return "";
}

Lease::Lease(const Votes& votes, const Parameters& parameters, const Start& start)
    : parameters_(parameters),
      self_(start.self),
      ledger_(votes, parameters),
      known_(start.known),
      next_session_(start.first_session),
      random_(start.seed) {
    PGPOOL_ASSERT(!parameters.check());
}

Actions Lease::step(const Event& event, BootTime now) {
    PGPOOL_ASSERT(now >= now_);
    now_ = now;
    // A process that was stopped wakes up with answers in its hands. First it learns what time has ended.
    close_overdue();
    progress();
    const Trigger trigger = std::visit([this](const auto& happened) { return absorb(happened); }, event);
    if (trigger != Trigger::Progress) fire(trigger);
    progress();
    tend_sessions();
    publish();
    actions_.emplace_back(action::WaitUntil{next_wake()});
    return std::exchange(actions_, {});
}

void Lease::publish() {
    View view{.state = state_};
    if (is_holder()) view.deadline = ledger_.deadline();
    if (is_holder() || state_ == State::Releasing) view.epoch = epoch_;
    if (state_ == State::Waiting || state_ == State::Confirming) {
        view.locked_until = ledger_.locked_until();
        view.next = state_ == State::Confirming ? epoch_ : Epoch(known_.value + 1);
    }
    if (view == view_) return;
    view_ = view;
    // First of all: what may act on this machine hears it before anybody else can profit from it.
    actions_.insert(actions_.begin(), action::Publish{view});
}

Lease::Trigger Lease::absorb(const event::Campaign& wish) {
    known_ = std::max(known_, wish.known);
    return Trigger::Campaign;
}

Lease::Trigger Lease::absorb(const event::HandOver& wish) {
    if (state_ == State::Holder) successor_ = wish.to;
    return Trigger::HandOver;
}

Lease::Trigger Lease::absorb(const event::Received& received) {
    const Message& message = received.message;
    if (message.to != self_) return Trigger::Progress;
    switch (message.kind) {
        case Message::Kind::Offer:
            offer_ = message;
            return Trigger::Offered;
        case Message::Kind::Accept:
            return message.epoch == epoch_ && message.from == successor_ ? Trigger::Accepted
                                                                         : Trigger::Progress;
        case Message::Kind::Released:
            note_vacant(message.epoch, now_);
            return Trigger::Progress;
    }
    return Trigger::Progress;
}

Lease::Trigger Lease::absorb(const event::GatesClosed& closed) {
    are_gates_closed_ = are_gates_closed_ || (state_ == State::Releasing && closed.epoch == epoch_);
    return Trigger::Progress;
}

Lease::Trigger Lease::absorb(const event::Fenced& fenced) {
    // What it had sent before may still be under way.
    note_vacant(fenced.epoch, now_ + parameters_.lengthened(parameters_.session_timeout));
    return Trigger::Progress;
}

// Whether it was the last lease, the voters tell: a later one has recorded its epoch at a quorum of them.
void Lease::note_vacant(Epoch epoch, BootTime since) {
    known_ = std::max(known_, epoch);
    if (epoch > vacant_) vacant_since_ = since;
    if (epoch == vacant_) vacant_since_ = std::min(vacant_since_, since);
    vacant_ = std::max(vacant_, epoch);
    for (std::size_t i = 0; i < ledger_.size(); ++i) {
        Seat& seat = ledger_.at(VoterId(static_cast<std::uint16_t>(i)));
        seat.not_before = std::min(seat.not_before, now_);
    }
}

void Lease::step_down(std::string_view reason) {
    actions_.emplace_back(action::SteppedDown{epoch_, reason});
    close_all();
    ledger_.forget_votes();
    retire_epoch();
}

// Voters may have it on record, so it is never used again.
void Lease::retire_epoch() {
    known_ = std::max(known_, epoch_);
    epoch_ = Epoch{};
}

bool Lease::is_vacant() const {
    return vacant_.value != 0 && vacant_ == known_ && now_ >= vacant_since_;
}

// How long a quorum of locks must be held before it says something.
BootDuration Lease::wait() const {
    return is_vacant() ? BootDuration{} : parameters_.lease;
}

BootDuration Lease::random_backoff() {
    if (is_vacant()) return parameters_.vacant_backoff;
    const auto range =
        static_cast<std::uint64_t>((parameters_.backoff_max - parameters_.backoff_min).count());
    return parameters_.backoff_min + BootDuration(static_cast<std::int64_t>(random_() % (range + 1)));
}

}  // namespace pgpool::lease
