// SPDX-License-Identifier: PostgreSQL
#include <algorithm>

#include "common/base/error.h"
#include "watchdog/lease/lease.h"

// The table, its guards and its actions. Rows of one state and event are tried in order; the first whose
// guard holds is taken. "progress" is tried before and after every event, until nothing holds any more. An
// event without a row is ignored.

namespace pgpool::lease {

struct Lease::Row {
    struct Guard {
        std::string_view name;
        bool (Lease::*holds)() const;
    };
    struct Move {
        std::string_view name;
        void (Lease::*make)();
    };
    State state;
    Trigger trigger;
    Guard guard;
    Move move;
    State next;
    std::string_view comment;
};

const std::vector<Lease::Row>& Lease::rows() {
    using S = State;
    using T = Trigger;
    using Guard = Row::Guard;
    using Move = Row::Move;
    static constexpr Guard always{"", &Lease::always};
    static constexpr Guard has_lost_quorum{"has_lost_quorum", &Lease::has_lost_quorum};
    static constexpr Guard has_quorum{"has_quorum", &Lease::has_quorum};
    static constexpr Guard has_stopped{"has_stopped", &Lease::has_stopped};
    static constexpr Guard is_confirmed{"is_confirmed", &Lease::is_confirmed};
    static constexpr Guard has_waited{"has_waited", &Lease::has_waited};
    static constexpr Guard is_idle{"is_idle", &Lease::is_idle};
    static constexpr Guard is_outrun{"is_outrun", &Lease::is_outrun};
    static constexpr Guard is_past_deadline{"is_past_deadline", &Lease::is_past_deadline};
    static constexpr Guard is_successor_another{"is_successor_another", &Lease::is_successor_another};
    static constexpr Guard is_time_over{"is_time_over", &Lease::is_time_over};
    static constexpr Move begin_attempt{"begin_attempt", &Lease::begin_attempt};
    static constexpr Move accept_and_begin{"accept_and_begin", &Lease::accept_and_begin};
    static constexpr Move begin_wait{"begin_wait", &Lease::begin_wait};
    static constexpr Move choose_epoch{"choose_epoch", &Lease::choose_epoch};
    static constexpr Move give_back_and_rest{"give_back_and_rest", &Lease::give_back_and_rest};
    static constexpr Move give_back{"give_back", &Lease::give_back};
    static constexpr Move become{"become", &Lease::become};
    static constexpr Move accept{"accept", &Lease::accept};
    static constexpr Move expire{"expire", &Lease::expire};
    static constexpr Move offer{"offer", &Lease::offer};
    static constexpr Move resign{"resign", &Lease::resign};
    static constexpr Move take_offer_back{"take_offer_back", &Lease::take_offer_back};
    static constexpr Move close_gates{"close_gates", &Lease::close_gates};
    static constexpr Move release{"release", &Lease::release};
    static constexpr Move give_up_release{"give_up_release", &Lease::give_up_release};
    // clang-format off
    static const std::vector<Row> table = {
        {S::Follower, T::Campaign, always, begin_attempt, S::Acquiring, "the watchdog wants the lease"},
        {S::Follower, T::Offered, always, accept_and_begin, S::Acquiring, "sessions are open when the locks become free"},

        {S::Acquiring, T::Progress, has_quorum, begin_wait, S::Waiting, "from now on every other holder's lease runs out"},
        {S::Acquiring, T::Progress, is_idle, begin_attempt, S::Acquiring, "nothing to give back: the sessions stay open"},
        {S::Acquiring, T::Progress, is_time_over, give_back_and_rest, S::Resting, "two halves must not wait for each other"},
        {S::Acquiring, T::Offered, always, accept_and_begin, S::Acquiring, ""},
        {S::Acquiring, T::Withdraw, always, give_back, S::Follower, ""},

        {S::Waiting, T::Progress, has_lost_quorum, begin_attempt, S::Acquiring, "the former holder may have it again"},
        {S::Waiting, T::Progress, has_waited, choose_epoch, S::Confirming, "or the end of the last holder is proven"},
        {S::Waiting, T::Progress, is_time_over, give_back_and_rest, S::Resting, "sessions come and go"},
        {S::Waiting, T::Offered, always, accept, S::Waiting, ""},
        {S::Waiting, T::Withdraw, always, give_back, S::Follower, ""},

        {S::Confirming, T::Progress, has_lost_quorum, begin_attempt, S::Acquiring, ""},
        {S::Confirming, T::Progress, is_outrun, choose_epoch, S::Confirming, "a voter knew a higher epoch"},
        {S::Confirming, T::Progress, is_confirmed, become, S::Holder, "the quorum has had the locks all the time"},
        {S::Confirming, T::Progress, is_time_over, give_back_and_rest, S::Resting, "voters do not record the epoch"},
        {S::Confirming, T::Offered, always, accept, S::Confirming, ""},
        {S::Confirming, T::Withdraw, always, give_back, S::Follower, ""},

        {S::Holder, T::Progress, is_past_deadline, expire, S::Resting, "a quorum has not answered"},
        {S::Holder, T::HandOver, is_successor_another, offer, S::Offering, "is it there?"},
        {S::Holder, T::Withdraw, always, resign, S::Follower, "the next one has to wait"},

        {S::Offering, T::Progress, is_past_deadline, expire, S::Resting, ""},
        {S::Offering, T::Progress, is_time_over, take_offer_back, S::Holder, "the successor does not answer"},
        {S::Offering, T::Accepted, always, close_gates, S::Releasing, "from now on nothing new is begun"},
        {S::Offering, T::Withdraw, always, resign, S::Follower, ""},

        {S::Releasing, T::Progress, has_stopped, release, S::Resting, "the successor need not wait"},
        {S::Releasing, T::Progress, is_time_over, give_up_release, S::Resting, "something here does not stop: the successor has to wait"},
        {S::Releasing, T::Withdraw, always, resign, S::Follower, ""},

        {S::Resting, T::Progress, is_time_over, begin_attempt, S::Acquiring, ""},
        {S::Resting, T::Offered, always, accept_and_begin, S::Acquiring, ""},
        {S::Resting, T::Withdraw, always, give_back, S::Follower, ""},
    };
    // clang-format on
    return table;
}

std::string_view Lease::name(Trigger trigger) {
    switch (trigger) {
        case Trigger::Progress:
            return "progress";
        case Trigger::Campaign:
            return "campaign";
        case Trigger::Withdraw:
            return "withdraw";
        case Trigger::HandOver:
            return "hand_over";
        case Trigger::Offered:
            return "offer";
        case Trigger::Accepted:
            return "accept";
    }
    return "";
}

std::vector<Transition> transitions() {
    std::vector<Transition> table;
    for (const Lease::Row& row : Lease::rows()) {
        table.push_back({.state = name(row.state),
                         .event = Lease::name(row.trigger),
                         .guard = row.guard.name,
                         .action = row.move.name,
                         .next = name(row.next),
                         .comment = row.comment});
    }
    return table;
}

void Lease::fire(Trigger trigger) {
    for (const Row& row : rows()) {
        if (row.state != state_ || row.trigger != trigger || !(this->*row.guard.holds)()) continue;
        (this->*row.move.make)();
        state_ = row.next;
        return;
    }
}

void Lease::progress() {
    for (int steps = 0;; ++steps) {
        const auto row = std::find_if(rows().begin(), rows().end(), [this](const Row& candidate) {
            return candidate.state == state_ && candidate.trigger == Trigger::Progress &&
                   (this->*candidate.guard.holds)();
        });
        if (row == rows().end()) return;
        // No circle of the table can be run through at one moment.
        PGPOOL_ASSERT(steps < 8);
        (this->*row->move.make)();
        state_ = row->next;
    }
}

bool Lease::has_quorum() const {
    return ledger_.has_quorum();
}

bool Lease::has_lost_quorum() const {
    return !ledger_.has_quorum();
}

bool Lease::is_time_over() const {
    return now_ >= until_;
}

bool Lease::is_idle() const {
    return is_time_over() && !ledger_.has_lock();
}

bool Lease::has_waited() const {
    return now_ >= confirmation_begins();
}

bool Lease::is_outrun() const {
    return known_ >= epoch_;
}

bool Lease::is_confirmed() const {
    return ledger_.is_confirmed(wait(), epoch_, now_);
}

bool Lease::is_past_deadline() const {
    return now_ >= ledger_.deadline();
}

bool Lease::is_successor_another() const {
    return successor_ != self_;
}

bool Lease::has_stopped() const {
    return are_gates_closed_ && ledger_.is_quiet(now_);
}

void Lease::begin_attempt() {
    retire_epoch();
    until_ = now_ + parameters_.attempt;
}

void Lease::accept() {
    actions_.emplace_back(action::Send{
        Message{.kind = Message::Kind::Accept, .epoch = offer_.epoch, .from = self_, .to = offer_.from}});
}

void Lease::accept_and_begin() {
    accept();
    begin_attempt();
}

void Lease::begin_wait() {
    until_ = now_ + parameters_.lease + parameters_.attempt;
}

// Not before the wait is over: an epoch that is recorded for nothing makes the next hand-over wait. Voters
// may have seen that of a former attempt, so it counts as known.
void Lease::choose_epoch() {
    retire_epoch();
    epoch_ = Epoch(known_.value + 1);
    until_ = now_ + parameters_.lease + parameters_.attempt;
}

void Lease::become() {
    actions_.emplace_back(action::Became{epoch_});
    until_ = BootTime::max();
}

void Lease::give_back() {
    close_all();
    ledger_.forget_votes();
    retire_epoch();
    until_ = BootTime::max();
}

void Lease::give_back_and_rest() {
    give_back();
    until_ = now_ + random_backoff();
}

void Lease::expire() {
    step_down("a quorum of voters has not answered before the deadline");
    until_ = now_ + random_backoff();
}

void Lease::resign() {
    step_down("it was told to withdraw");
    until_ = BootTime::max();
}

void Lease::offer() {
    actions_.emplace_back(action::Send{
        Message{.kind = Message::Kind::Offer, .epoch = epoch_, .from = self_, .to = successor_}});
    until_ = now_ + parameters_.attempt;
}

void Lease::take_offer_back() {
    until_ = BootTime::max();
}

void Lease::close_gates() {
    are_gates_closed_ = false;
    until_ = now_ + parameters_.lease;
}

void Lease::release() {
    const Message released{.kind = Message::Kind::Released, .epoch = epoch_, .from = self_, .to = successor_};
    step_down("it was handed over");
    actions_.emplace_back(action::Send{released});
    until_ = now_ + parameters_.yield;
}

void Lease::give_up_release() {
    step_down("it was to be handed over, but something did not stop in time");
    until_ = now_ + parameters_.yield;
}

}  // namespace pgpool::lease
