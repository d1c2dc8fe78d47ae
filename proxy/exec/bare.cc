// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. What runs outside of transactions: each node does it by itself, once main has,
// without marker; it cannot be taken back. So a node where it fails for want of a free moment tries again.
#include <algorithm>
#include <array>
#include <utility>

#include "proxy/exec/nameless_index.h"
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
        if (!spread.may_differ) tell_who_missed();
    }
    nodes_stepped();
}

// Who was lost while main worked, or came in meanwhile.
void Session::tell_who_missed() {
    for (const cluster::NodeStatus& node : around_.topology->nodes) {
        const bool came_in = node.state == cluster::NodeState::Up && node.role == cluster::Role::Replica &&
                             !follower_at(node.id);
        if (!came_in && !spread_->lost.contains(node.id)) continue;
        node_failed(node.id, cluster::Sign::Unequal, "it was away while another ran what has no marker");
    }
}

void Session::follow_bare(Follower& follower) {
    std::string out;
    settings_at(follower, out);
    if (follower.begun_anew == 0 && makes_nameless_index()) {
        follower.run(out, note_invalid_indexes(spread_->indexed));
        follower.needs_reset = true;
    }
    if (follower.begun_anew > 0 && spread_->index && !makes_nameless_index())
        follower.run(out, "DROP INDEX CONCURRENTLY IF EXISTS " +
                              *spread_->index);  // nobody had one of that name: else main had failed
    follower.repeat(out, what_main_did(), spread_->outcome);
    effects_.send(*follower.link, out);
}

bool Session::makes_nameless_index() const {
    return spread_->index && spread_->index->empty();
}

// Only behind it the statement is repeated: should an index remain, the next one would get another name.
void Session::tidy_up(Follower& follower) {
    std::string out;
    follower.run(out, drop_new_invalid_indexes(spread_->indexed));
    follower.tidies = true;
    effects_.send(*follower.link, out);
}

bool Session::may_repeat_bare(const Follower& follower) const {
    return !follower.difference().empty() && follower.begun_anew + 1 < kMostTries &&
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
        const bool is_tidy = std::exchange(follower->tidies, false) && follower->difference().empty();
        if (!is_tidy && !may_repeat_bare(*follower)) continue;
        if (!is_tidy) follower->try_again();
        if (!is_tidy && makes_nameless_index())
            tidy_up(*follower);
        else
            follow_bare(*follower);
        any = true;
    }
    return any;
}

}  // namespace pgpool::exec
