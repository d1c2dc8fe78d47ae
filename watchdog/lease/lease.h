// SPDX-License-Identifier: PostgreSQL
#pragma once

// Lease: one member's part in the lease by which at most one member decides. A majority of the voters' locks,
// each in a session that the voter ends when it is silent, makes a holder; a deadline on its own clock ends
// its reign even if it hears of nothing. The algorithm, and why it is sound: docs/adr/0017-lease.md.
//
// Invariants (tests/simulator checks them in true time):
//   1. At most one member has a View that may act.
//   2. Epochs of holders rise; none is used by two.
//   3. No command takes effect at a node after a holder of a later epoch became one.
// They rest on these rules of this class:
//   a. The deadline counts from when questions were sent, never from when answers came; it is looked at
//   before any
//      event is, so nothing prolongs a lease that is over.
//   b. A candidate becomes holder by a quorum of answers to questions that it sent at least `lease` after it
//   had
//      acquired the last of these locks, or at any time after that if the last holder's end is proven.
//   c. Its epoch is above all that it has read, and recorded at that quorum, before it becomes holder.
//   d. One question at a time in a session. A session that was silent for session_timeout is closed, never
//   renewed. e. A command is sent only where it must take effect, or meet a dead session, before the
//   deadline.
//
// A machine without IO: events and the time go in by step(), what is to be done comes out. Form: a table of
// transitions (transitions.cc) for the states of the lease; the sessions have a simple life beside it
// (sessions.cc). Threads: one.

#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "watchdog/lease/events.h"
#include "watchdog/lease/ledger.h"
#include "watchdog/lease/parameters.h"
#include "watchdog/lease/votes.h"

namespace pgpool::lease {

// One row of the table, as `pgpool-ctl fsm` prints it.
struct Transition {
    std::string_view state;
    std::string_view event;
    std::string_view guard;  // empty: always
    std::string_view action;
    std::string_view next;
    std::string_view comment;
};

[[nodiscard]] std::vector<Transition> transitions();

class Lease {
public:
    struct Start {
        MemberId self;
        Epoch known{};            // the highest that this member's disk knows
        SessionId first_session;  // above all that former runs have used
        std::uint32_t seed = 1;   // of the random times between attempts
    };

    // REQUIRES: parameters.check() found nothing.
    Lease(const Votes& votes, const Parameters& parameters, const Start& start);

    // REQUIRES: `now` does not fall from one call to the next.
    [[nodiscard]] Actions step(const Event& event, BootTime now);

    [[nodiscard]] const View& view() const { return view_; }
    [[nodiscard]] State state() const { return state_; }

private:
    friend std::vector<Transition> transitions();
    enum class Trigger : std::uint8_t { Progress, Campaign, Withdraw, HandOver, Offered, Accepted };
    struct Row;
    static const std::vector<Row>& rows();
    static std::string_view name(Trigger trigger);

    // What an event does to what is known; what remains to be done about it.
    Trigger absorb(const event::Tick&) { return Trigger::Progress; }
    Trigger absorb(const event::Campaign& wish);
    Trigger absorb(const event::Withdraw&) { return Trigger::Withdraw; }
    Trigger absorb(const event::HandOver& wish);
    Trigger absorb(const event::Opened& opened);
    Trigger absorb(const event::Answered& answered);
    Trigger absorb(const event::Lost& lost);
    Trigger absorb(const event::Received& received);
    Trigger absorb(const event::GatesClosed& closed);
    Trigger absorb(const event::Fenced& fenced);
    Trigger absorb(const event::Command& wish);

    // transitions.cc
    void fire(Trigger trigger);
    void progress();
    [[nodiscard]] bool always() const { return true; }
    [[nodiscard]] bool has_quorum() const;
    [[nodiscard]] bool has_lost_quorum() const;
    [[nodiscard]] bool is_time_over() const;
    [[nodiscard]] bool is_idle() const;
    [[nodiscard]] bool has_waited() const;
    [[nodiscard]] bool is_outrun() const;
    [[nodiscard]] bool is_confirmed() const;
    [[nodiscard]] bool is_past_deadline() const;
    [[nodiscard]] bool is_successor_another() const;
    [[nodiscard]] bool has_stopped() const;
    void begin_attempt();
    void accept();
    void accept_and_begin();
    void begin_wait();
    void choose_epoch();
    void become();
    void give_back();
    void give_back_and_rest();
    void expire();
    void resign();
    void offer();
    void take_offer_back();
    void close_gates();
    void release();
    void give_up_release();

    // sessions.cc
    [[nodiscard]] Session* find(VoterId voter, SessionId session);
    void granted(VoterId voter, const Asked& asked, const Answer& answer);
    void note_vacant(Epoch epoch, BootTime since);
    void close_overdue();
    void close(VoterId voter);
    void close_all();
    void tend_sessions();
    void tend(VoterId voter);
    void ask(VoterId voter, Question question);
    void run(VoterId voter, CommandId command);
    [[nodiscard]] std::string_view why_not_run(VoterId voter) const;
    [[nodiscard]] bool is_due(const Session& session) const;
    [[nodiscard]] BootTime confirmation_begins() const;
    [[nodiscard]] BootTime next_wake() const;
    [[nodiscard]] BootTime next_wake(const Seat& seat) const;

    [[nodiscard]] bool is_holder() const { return state_ == State::Holder || state_ == State::Offering; }
    [[nodiscard]] bool takes_locks() const;
    [[nodiscard]] bool is_vacant() const;
    [[nodiscard]] BootDuration wait() const;
    [[nodiscard]] BootDuration random_backoff();
    void retire_epoch();
    void step_down(std::string_view reason);
    void publish();

    Parameters parameters_;
    MemberId self_;
    Ledger ledger_;
    State state_ = State::Follower;
    Epoch known_;                       // the highest seen anywhere that is not epoch_
    Epoch epoch_{};                     // Confirming and later: ours
    Epoch vacant_{};                    // its holder is proven not to act any more …
    BootTime vacant_since_ = kNever;    // … and nothing that it did can take effect after this
    BootTime until_ = BootTime::max();  // when the state has lasted long enough; max = it has no end
    MemberId successor_{};              // Offering, Releasing
    Message offer_{};                   // the last that was received
    bool are_gates_closed_ = false;     // Releasing
    SessionId next_session_;
    std::minstd_rand random_;
    View view_;
    BootTime now_ = kNever;
    Actions actions_;
};

}  // namespace pgpool::lease
