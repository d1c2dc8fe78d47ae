// SPDX-License-Identifier: PostgreSQL
// Session: mode replication, where the other nodes prepare (replication.commit). Main is the last agent: its
// marker, which its plain COMMIT makes true, decides; so what is prepared elsewhere may be left to the
// keeper, if the slot is not used again before that has ended it (docs/adr/0014).
#include "common/markers/two_phase.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "common/markers/redo.h"
#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {

using At = Spread::Phase;

bool Session::prepares_others(std::string_view redo) const {
    switch (around_.config->replication.commit) {
        case config::Commit::Prepared:
            return true;
        case config::Commit::Auto:
            return redo == markers::kTooLarge && around_.topology->can_prepare;
        case config::Commit::Ordered:
            break;
    }
    return false;
}

void Session::name_prepared(Spread::Marker& marker, std::string_view redo) {
    if (!prepares_others(redo)) return;
    marker.gid = markers::gid_of(spread_->slot, marker.sequence);
    marker.mark_others =
        around_.prepared.intern(parse_body(markers::kMustMark, {23, 20, 20, 17, 20}), "", nullptr);
}

// All have answered a ROLLBACK. Some had prepared before they read it. True: they are to answer another one.
bool Session::take_back_prepared() {
    bool is_any = false;
    for (const auto& follower : spread_->followers) {
        if (!follower->is_prepared()) continue;
        std::string out;
        follower->undo(out);
        effects_.send(*follower->link, out);
        is_any = true;
    }
    if (is_any) wait_for_nodes();
    return is_any;
}

// Its connection is gone, or is given up.
void Session::lose_follower(const ServerLink& link) {
    std::erase_if(spread_->followers, [&](const auto& follower) {
        if (follower->link != &link) return false;
        spread_->is_left |= follower->may_be_left_prepared();
        return true;
    });
}

void Session::give_slot_back() {
    const Spread& spread = *spread_;
    const bool is_left =
        spread.is_left || std::any_of(spread.followers.begin(), spread.followers.end(),
                                      [](const auto& follower) { return follower->may_be_left_prepared(); });
    if (is_left) {
        effects_.prepared_left(spread.epoch);
        hold_slot();
    } else if (spread.slot != Spread::kNoSlot) {
        around_.free_slots.push_back(spread.slot);
    }
}

// If there is one: until a later epoch nobody else gets it.
void Session::hold_slot() {
    if (spread_->slot == Spread::kNoSlot) return;
    around_.held_slots.push_back({std::exchange(spread_->slot, Spread::kNoSlot), spread_->epoch});
}

// It has answered COMMIT PREPARED with an error, as it does if statement_timeout ends just then: it may have
// committed. If not the keeper does it.
void Session::leave_to_keeper(const Follower& follower) {
    await_decision_about(follower.link->node);
    effects_.prepared_left(spread_->epoch);
}

void Session::free_held_slots() {
    std::erase_if(around_.held_slots, [this](const Surroundings::HeldSlot& held) {
        if (around_.topology->epoch <= held.epoch) return false;
        around_.free_slots.push_back(held.slot);
        return true;
    });
}

// One that is held will be free soon. False: there is none, or it was waited for long enough.
bool Session::awaits_slot() {
    if (slot_until_ == TimePoint()) slot_until_ = around_.now + around_.config->health.failover_park_timeout;
    const auto left = std::chrono::duration_cast<milliseconds>(slot_until_ - around_.now);
    if (around_.held_slots.empty() || left.count() <= 0) {
        slot_until_ = {};
        return false;
    }
    wait_ = Wait::Slot;
    effects_.arm(TimerKind::Wait, left);
    effects_.await_news();
    return true;
}

// The client is gone before main was told to commit: what is prepared must not be left behind.
void Session::undo_for_nobody() {
    if (!spread_ || !spread_->prepares()) return;
    if (spread_->phase != At::Marking && spread_->phase != At::Marked) return;
    spread_->doom = "the client is gone";
    undo_everywhere();
}

// If main is out by now, it depends on who has followed it: what nobody has committed the keeper has rolled
// back.
bool Session::is_kept_anywhere() const {
    const Spread& spread = *spread_;
    if (!spread.marker) return true;
    const auto is_in = [this](NodeId id) {
        const cluster::NodeStatus* node = around_.topology->find(id);
        return node != nullptr && !node->is_taken_out;
    };
    const auto& nodes = around_.topology->nodes;
    return is_in(spread.main) ||
           std::any_of(nodes.begin(), nodes.end(),
                       [&](const auto& node) { return spread.kept.contains(node.id) && is_in(node.id); }) ||
           std::any_of(spread.followers.begin(), spread.followers.end(),
                       [&](const auto& f) { return has_followed(*f) && is_in(f->link->node); });
}

// It would fail again and again.
void Session::note_unpreparable(const Follower& follower) {
    const wire::ErrorFields fields = wire::read_error_fields(follower.unpreparable());
    const std::string message = fmt::format("the transaction cannot be prepared on node \"{}\": {}",
                                            name_of(follower.link->node), fields.message);
    std::string frame;
    wire::append_error(frame, {.sqlstate = SqlState(fields.sqlstate),
                               .message = message,
                               .hint = "replication.commit: ordered prepares nothing."});
    spread_->doom = message;
    spread_->main_error = wire::next_frame(frame).frame.body;
}

}  // namespace pgpool::exec
