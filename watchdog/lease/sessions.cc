// SPDX-License-Identifier: PostgreSQL
#include <algorithm>

#include "common/base/error.h"
#include "watchdog/lease/lease.h"

// The life of the sessions: Absent -> Opening -> Open -> Locked, and back to Absent from anywhere. What a
// session tells goes into the ledger; answers of a session that is not the present one tell nothing.

namespace pgpool::lease {

Session* Lease::find(VoterId voter, SessionId session) {
    if (voter.value >= ledger_.size()) return nullptr;
    Session& present = ledger_.at(voter).session;
    return present.phase != Phase::Absent && present.id == session ? &present : nullptr;
}

Lease::Trigger Lease::absorb(const event::Opened& opened) {
    Session* session = find(opened.voter, opened.session);
    if (session == nullptr || session->phase != Phase::Opening) return Trigger::Progress;
    session->phase = Phase::Open;
    return Trigger::Progress;
}

Lease::Trigger Lease::absorb(const event::Lost& lost) {
    if (find(lost.voter, lost.session) != nullptr) close(lost.voter);
    return Trigger::Progress;
}

Lease::Trigger Lease::absorb(const event::Answered& answered) {
    Session* session = find(answered.voter, answered.session);
    if (session == nullptr || !session->asked) return Trigger::Progress;
    const Asked asked = *session->asked;
    session->asked.reset();
    session->heard = now_;
    session->server_clock = answered.answer.server_clock;
    // Only what a session of ours was just asked to record is ours. Another candidate may have chosen the
    // same number.
    if (answered.answer.epoch != asked.question.record) known_ = std::max(known_, answered.answer.epoch);
    if (asked.question.kind == Question::Kind::Run) ledger_.at(answered.voter).doubt_until = kNever;
    if (answered.answer.has_lock) {
        granted(answered.voter, asked, answered.answer);
    } else if (session->phase == Phase::Locked) {
        close(answered.voter);
    } else {
        ledger_.at(answered.voter).not_before = now_ + random_backoff();
    }
    return Trigger::Progress;
}

void Lease::granted(VoterId voter, const Asked& asked, const Answer& answer) {
    Seat& seat = ledger_.at(voter);
    Session& session = seat.session;
    if (session.phase == Phase::Open) {
        // Others fall free now, too: the attempt has its time from here.
        if (state_ == State::Acquiring && !ledger_.has_lock()) until_ = now_ + parameters_.attempt;
        session.phase = Phase::Locked;
        session.acquired = now_;
    }
    session.fresh = asked.sent;
    if (answer.epoch == asked.question.record) session.recorded = answer.epoch;
    seat.vote = std::max(seat.vote, asked.sent);
}

Lease::Trigger Lease::absorb(const event::Command& wish) {
    const std::string_view reason = why_not_run(wish.voter);
    if (!reason.empty()) {
        actions_.emplace_back(action::NotRun{wish.command, reason});
        return Trigger::Progress;
    }
    Session& session = ledger_.at(wish.voter).session;
    if (session.next_command) {
        actions_.emplace_back(action::NotRun{wish.command, "another command waits for this node"});
    } else {
        session.next_command = wish.command;
    }
    return Trigger::Progress;
}

// A command takes effect within session_timeout after it was sent, or never: by then the server has ended the
// session, which was idle when the last answer left it, before the command was sent. A server that was
// stopped may wake up with the command in its socket and see that first; so its own clock forbids the same.
std::string_view Lease::why_not_run(VoterId voter) const {
    if (!is_holder()) return "this member does not hold the lease";
    if (voter.value >= ledger_.size() || ledger_.at(voter).session.phase != Phase::Locked) {
        return "there is no session with the lock at this node";
    }
    if (now_ > ledger_.deadline() - parameters_.lengthened(parameters_.session_timeout)) {
        return "the lease ends too soon for it";
    }
    return {};
}

void Lease::run(VoterId voter, CommandId command) {
    Seat& seat = ledger_.at(voter);
    const BootTime end = now_ + parameters_.session_timeout;
    const auto left =
        std::chrono::duration_cast<WallTime::duration>(parameters_.shortened(end - seat.session.heard));
    const WallTime not_after = seat.session.server_clock + left;
    seat.session.next_command.reset();
    seat.doubt_until = now_ + parameters_.lengthened(parameters_.session_timeout);
    ask(voter,
        Question{.kind = Question::Kind::Run, .record = epoch_, .command = command, .not_after = not_after});
}

void Lease::ask(VoterId voter, Question question) {
    Session& session = ledger_.at(voter).session;
    PGPOOL_ASSERT(!session.asked);
    session.asked = Asked{question, now_};
    session.told = question.record;
    actions_.emplace_back(action::Ask{voter, session.id, question});
}

void Lease::close(VoterId voter) {
    Seat& seat = ledger_.at(voter);
    const Session ended = std::exchange(seat.session, Session{});
    if (ended.phase == Phase::Absent) return;
    // A holder whose session was ended takes the lock again before a candidate can.
    seat.not_before = is_holder() && ended.phase == Phase::Locked ? now_ : now_ + random_backoff();
    actions_.emplace_back(action::Close{voter, ended.id});
    if (ended.asked && ended.asked->question.kind == Question::Kind::Run) {
        actions_.emplace_back(action::InDoubt{ended.asked->question.command});
    }
    if (ended.next_command) {
        actions_.emplace_back(action::NotRun{*ended.next_command, "its session ended before it was sent"});
    }
}

void Lease::close_all() {
    for (std::size_t i = 0; i < ledger_.size(); ++i) close(VoterId(static_cast<std::uint16_t>(i)));
}

// Also what a voter may keep for longer: its idle timer is late at times, and a lock that is kept alive by
// questions whose answers are lost is of use to nobody.
void Lease::close_overdue() {
    for (std::size_t i = 0; i < ledger_.size(); ++i) {
        const VoterId voter(static_cast<std::uint16_t>(i));
        const Session& session = ledger_.at(voter).session;
        const bool is_silent =
            session.phase == Phase::Locked && now_ >= session.fresh + parameters_.session_timeout;
        const bool is_unanswered =
            session.asked && now_ >= session.asked->sent + parameters_.answer_timeout();
        const bool is_unopened =
            session.phase == Phase::Opening && now_ >= session.opened + parameters_.answer_timeout();
        if (is_silent || is_unanswered || is_unopened) close(voter);
    }
}

bool Lease::takes_locks() const {
    return state_ == State::Acquiring || state_ == State::Waiting || state_ == State::Confirming ||
           is_holder();
}

void Lease::tend_sessions() {
    for (std::size_t i = 0; i < ledger_.size(); ++i) tend(VoterId(static_cast<std::uint16_t>(i)));
}

void Lease::tend(VoterId voter) {
    Seat& seat = ledger_.at(voter);
    Session& session = seat.session;
    if (session.next_command && !why_not_run(voter).empty()) {
        actions_.emplace_back(action::NotRun{*session.next_command, why_not_run(voter)});
        session.next_command.reset();
    }
    if (session.asked) return;
    if (session.phase == Phase::Absent && takes_locks() && now_ >= seat.not_before) {
        session = Session{};
        session.phase = Phase::Opening;
        session.id = next_session_;
        session.opened = now_;
        ++next_session_.value;
        actions_.emplace_back(action::Open{voter, session.id});
    } else if (session.phase == Phase::Open && takes_locks() && now_ >= seat.not_before) {
        ask(voter, Question{.kind = Question::Kind::Lock});
    } else if (session.next_command) {
        run(voter, *session.next_command);
    } else if (session.phase == Phase::Locked && is_due(session)) {
        ask(voter, Question{.kind = Question::Kind::Renew, .record = epoch_});
    }
}

bool Lease::is_due(const Session& session) const {
    if (now_ >= session.fresh + parameters_.renew) return true;
    if (state_ == State::Waiting) return session.fresh < ledger_.quorum_acquired();
    if (state_ != State::Confirming) return false;
    const BootTime begin = confirmation_begins();
    return session.told != epoch_ || (session.fresh < begin && begin <= now_);
}

BootTime Lease::confirmation_begins() const {
    return ledger_.quorum_acquired() + wait();
}

BootTime Lease::next_wake() const {
    BootTime wake = until_;
    if (is_holder()) wake = std::min(wake, ledger_.deadline());
    if (state_ == State::Waiting || state_ == State::Confirming) {
        for (const BootTime time : {vacant_since_, confirmation_begins()}) {
            if (time > now_) wake = std::min(wake, time);
        }
    }
    for (std::size_t i = 0; i < ledger_.size(); ++i) {
        wake = std::min(wake, next_wake(ledger_.at(VoterId(static_cast<std::uint16_t>(i)))));
    }
    return wake;
}

BootTime Lease::next_wake(const Seat& seat) const {
    const Session& session = seat.session;
    BootTime wake = BootTime::max();
    const auto not_later = [&](BootTime time) { wake = std::min(wake, time); };
    if (session.asked) not_later(session.asked->sent + parameters_.answer_timeout());
    if (session.phase == Phase::Opening) not_later(session.opened + parameters_.answer_timeout());
    if (session.phase == Phase::Locked) not_later(session.fresh + parameters_.session_timeout);
    if (!session.asked && session.phase == Phase::Locked) {
        not_later(session.fresh + parameters_.renew);
    }
    const bool may_try = session.phase == Phase::Absent || (session.phase == Phase::Open && !session.asked);
    if (may_try && takes_locks()) not_later(seat.not_before);
    if (state_ == State::Releasing && seat.doubt_until > now_) not_later(seat.doubt_until);
    return wake;
}

}  // namespace pgpool::lease
