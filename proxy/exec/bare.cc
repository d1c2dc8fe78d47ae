// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. What runs outside of transactions: each node does it by itself, once main has,
// without marker; it cannot be taken back. So a node where it fails for want of a free moment tries again.
#include <algorithm>
#include <array>

#include "proxy/exec/session.h"

namespace pgpool::exec {

namespace {

using At = Spread::Phase;

constexpr int kMostTries = 4;  // of each PostgreSQL itself waits some seconds, where it can

// Somebody else was in the way; with 42501 a session that DROP DATABASE ... WITH (FORCE) must not end. On
// main it has succeeded.
bool is_contention(std::string_view state) {
    constexpr std::array<std::string_view, 4> kStates{"40P01", "42501", "55006", "55P03"};
    return std::find(kStates.begin(), kStates.end(), state) != kStates.end();
}

}  // namespace

// Main has done it.
void Session::bare_answered() {
    Spread& spread = *spread_;
    spread.phase = At::Following;
    wait_for_nodes();
    // CREATE INDEX CONCURRENTLY leaves its invalid index behind.
    const bool leaves_something = spread.outcome.text().starts_with("!23");
    if (!spread.outcome.failed() || leaves_something) {
        for (const auto& follower : spread.followers) follow_bare(*follower);
    }
    nodes_stepped();
}

void Session::follow_bare(Follower& follower) {
    std::string out;
    settings_at(follower, out);
    if (follower.begun_anew > 0 && spread_->index)  // nobody had one of that name: else main had failed
        follower.run(out, "DROP INDEX CONCURRENTLY IF EXISTS " + *spread_->index);
    follower.repeat(out, what_main_did(), spread_->outcome);
    effects_.send(*follower.link, out);
}

// Of an index without a name what remains of the last time cannot be told from others.
bool Session::may_repeat_bare(const Follower& follower) const {
    const bool leaves_nameless = spread_->index && spread_->index->empty();
    return !follower.difference().empty() && follower.begun_anew + 1 < kMostTries && !leaves_nameless &&
           is_contention(follower.differs_by());
}

// What the others do alone, and need not.
bool Session::cancels_bare() {
    const bool may = spread_->phase == At::Following && spread_->is_bare && spread_->may_differ;
    if (may) cancel_followers();
    return may;
}

// False: no node has to, or may, try again.
bool Session::repeats_bare() {
    if (!spread_->is_bare || spread_->may_differ) return false;
    bool any = false;
    for (const auto& follower : spread_->followers) {
        if (!may_repeat_bare(*follower)) continue;
        follower->try_again();
        follow_bare(*follower);
        any = true;
    }
    return any;
}

}  // namespace pgpool::exec
