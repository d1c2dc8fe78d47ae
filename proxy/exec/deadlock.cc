// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. Transactions that wait for each other at several nodes: each node sees a part of
// the cycle only, health::DeadlockWatch all of it. One of them is rolled back everywhere, and its client is
// told what PostgreSQL tells of a deadlock of its own.
#include <algorithm>

#include "proxy/exec/session.h"

namespace pgpool::exec {

namespace {

using replication::Fate;
using wire::TransactionStatus;
using At = Spread::Phase;

bool owes(const std::unique_ptr<Follower>& follower) {
    return follower->owes();
}

}  // namespace

// A read outside of transactions stays: it is one of several that could be ended, and it holds the least.
Fate Session::fate() const {
    if (!spread_) return Fate::MustStay;
    const bool rolls_back = spread_->phase == At::Undoing;
    if (rolls_back && spread_->is_end && !spread_->is_ending) return Fate::RollsBack;
    if (rolls_back || spread_->is_ending) return Fate::Ending;
    const bool is_open = spread_->phase == At::Open || spread_->phase == At::Marking;
    return is_open ? Fate::MayEnd : Fate::MustStay;
}

replication::Participant Session::participant() const {
    replication::Participant made{.id = {transaction_began_, id_}, .fate = fate(), .backends = {}};
    if (link_ != nullptr) made.backends.push_back({link_->node, link_->pid});
    if (!spread_) return made;
    for (const auto& follower : spread_->followers) {
        made.backends.push_back({follower->link->node, follower->link->pid});
        if (spread_->prepares()) made.backends.push_back({follower->link->node, spread_->marker->sequence});
    }
    return made;
}

// Every cycle through several nodes has a follower that waits: who waits at main alone has locks there only.
bool Session::is_stuck(milliseconds patience) const {
    const bool may_end = fate() == Fate::MayEnd || fate() == Fate::RollsBack;
    return may_end && around_.now - spread_->asked_at >= patience &&
           std::any_of(spread_->followers.begin(), spread_->followers.end(), owes);
}

// The others are about to be asked for something.
void Session::note_asked() {
    const auto& followers = spread_->followers;
    if (!std::any_of(followers.begin(), followers.end(), owes)) spread_->asked_at = around_.now;
}

void Session::on_deadlock() {
    const Fate now = fate();
    if (now != Fate::MayEnd && now != Fate::RollsBack) return;
    Spread& spread = *spread_;
    if (now == Fate::RollsBack) {  // what it waits for is of no use any more
        spread.is_ending = true;
        return cancel_followers();
    }
    spread.doom = "deadlock";
    spread.is_deadlock = spread.is_ending = true;
    if (wait_ == Wait::Nodes) {
        if (spread.main_owes > 0) effects_.cancel(*link_);
        return undo_everywhere();
    }
    if (!owes_client()) return undo_deadlocked();
    cancel_running();  // main first: else others could go on, and what it waits for succeed after all
    if (spread.copies_in) cancel_followers();
}

// Main may get no data of a COPY, and so no moment to end it, while they take none.
void Session::cancel_followers() {
    for (const auto& follower : spread_->followers) {
        if (!follower->owes() || follower->is_cancelled) continue;
        effects_.cancel(*follower->link);
        follower->is_cancelled = true;
    }
}

// At the followers now; on main as soon as nothing of the client's is on its way there.
void Session::undo_deadlocked() {
    undo_at_followers();
    if (wait_ != Wait::Nothing || unsynced_) return;
    undo_everywhere();
}

// The error by which main has ended what was cancelled there.
bool Session::tells_deadlock(const wire::ErrorFields& error) {
    if (!spread_ || !spread_->is_ending || error.sqlstate != sqlstate::kQueryCanceled.view()) return false;
    if (!spread_->copies_in) undo_at_followers();
    say(deadlock_report());
    return true;
}

wire::Report Session::deadlock_report() {
    return {.sqlstate = sqlstate::kDeadlockDetected,
            .message = "deadlock detected",
            .detail = "Transactions wait for each other at several nodes.",
            .hint = "The transaction can be repeated."};
}

}  // namespace pgpool::exec
