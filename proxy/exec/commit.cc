// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. A transaction commits on all nodes or on none: marker, main, the others;
// rollback, and the loss of nodes in between (Spread tells the rules).
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/markers/setup.h"
#include "common/wire/messages.h"
#include "proxy/exec/session.h"
#include "proxy/replication/way_out.h"
#include "proxy/sql/settings.h"

namespace pgpool::exec {

namespace {

using sql::Kind;
using wire::TransactionStatus;
using At = Spread::Phase;
using cluster::Sign;

constexpr int kMostBegins = 3;
constexpr int kMostTimesLate = 6;
constexpr std::size_t kMaxRedo = std::size_t{64} << 10U;  // more costs more than a node that must be copied

// What main alone has drawn the others need not have at once: nobody was told that it is kept.
constexpr milliseconds kSequencesLater{500};

constexpr const char* kMembershipChanges = "the membership of nodes changes";

std::string doom_error(std::string_view doom, bool is_for_good) {
    std::string error;
    if (is_for_good)
        wire::append_error(error, {.sqlstate = sqlstate::kFeatureNotSupported,
                                   .message = fmt::format("this cannot be replicated: {}", doom),
                                   .hint = replication::way_out(doom)});
    else
        wire::append_error(error, {.sqlstate = sqlstate::kSerializationFailure,
                                   .message = fmt::format("could not replicate the transaction: {}", doom),
                                   .hint = "The transaction can be repeated."});
    return error;
}

// What a server tells of the settings by which it reads and writes values.
bool reads_alike(const NameValues& one, const NameValues& other) {
    constexpr std::array<std::string_view, 5> kNames{"client_encoding", "DateStyle", "IntervalStyle",
                                                     "standard_conforming_strings", "TimeZone"};
    return std::all_of(kNames.begin(), kNames.end(), [&](std::string_view name) {
        const std::string* a = one.find(name);
        const std::string* b = other.find(name);
        return (a == nullptr) == (b == nullptr) && (a == nullptr || *a == *b);
    });
}

// The parameters of the marker, in binary.
std::string mark_values(std::uint32_t slot, std::uint64_t sequence, std::uint64_t epoch,
                        const std::string& redo, std::int64_t token) {
    std::string values;
    const auto int8 = [&values](std::uint64_t value) {
        append_be32(values, 8);
        append_be32(values, static_cast<std::uint32_t>(value >> 32U));
        append_be32(values, static_cast<std::uint32_t>(value));
    };
    append_be16(values, 1);
    append_be16(values, 1);
    append_be16(values, 5);
    append_be32(values, 4);
    append_be32(values, slot);
    int8(sequence);
    int8(epoch);
    append_be32(values, static_cast<std::uint32_t>(redo.size()));
    values += redo;
    int8(static_cast<std::uint64_t>(token));
    append_be16(values, 0);
    return values;
}

// Of a node that was lost while it committed: its marker tells, if there is one.
Sign sign_of_loss(const Spread& spread) {
    return spread.is_bare ? Sign::Unequal : Sign::Doubtful;
}

// By the server itself, which looks at that before it reads what has come meanwhile.
bool ended_for_idling(const StepOutcome& outcome) {
    return outcome.text().starts_with("!25P03");
}

}  // namespace

// --- commit ---

// All nodes are asked for the marker.
void Session::begin_marking() {
    spread_->phase = At::Marking;
    wait_for_nodes();
    try_marking();
}

// Nodes that are in but do not follow must be out first; who waits for that must not have marked. One that
// has come in meanwhile will not be.
void Session::try_marking() {
    Spread& spread = *spread_;
    const bool is_late = spread.marker || around_.topology->epoch > spread.joined_under;
    if (spread.doom.empty() && is_late && is_anybody_missing()) spread.doom = kMembershipChanges;
    if (!spread.doom.empty()) return undo_everywhere();
    if (!spread.main_error.empty()) return spread.doom = "failed on main", undo_everywhere();
    if (is_anybody_missing()) return await_others();
    if (!are_unsure_alike()) return;
    if (!spread.moved.empty() && !std::exchange(spread.are_positions_asked, true)) return ask_positions();
    if (!spread.are_digests_asked) move_sequences();
    if (asks_digests()) return;
    if (!spread.doom.empty()) return undo_everywhere();
    if (!spread.marker) {
        spread.epoch = around_.topology->epoch;
        mark_main(make_redo());
        sync_marker();
    }
    mark_followers();
    nodes_stepped();  // on the last node nobody may owe anything
}

// No node owes anything: the keeper or the catalog loader has to do something, which it does soon or not at
// all. How long main took has nothing to do with it.
void Session::await_others() {
    Spread& spread = *spread_;
    const auto bound = around_.config->replication.stall_timeout;
    if (!spread.others_until) spread.others_until = around_.now + bound;
    const auto left = std::chrono::duration_cast<milliseconds>(*spread.others_until - around_.now);
    effects_.arm(TimerKind::Wait, std::clamp(left, milliseconds(0), bound));
    effects_.await_news();
}

void Session::ask_positions() {
    std::string text;
    // None for one that is gone by now: dropped in this transaction, or made behind a savepoint.
    for (const std::string& name : spread_->moved)
        text += fmt::format(
            "SELECT coalesce((SELECT pgpool_replication.position(s) FROM pg_catalog.to_regclass({}) s "
            "WHERE s IS NOT NULL), '');",
            sql::quote_literal(name));
    ++spread_->main_owes;
    send_own_query(text, Purpose::Position);
}

void Session::move_sequences() {
    Spread& spread = *spread_;
    if (spread.positions.empty()) return;
    CopiedRequest request;
    spread.outcome = {};
    const PreparedPtr move = around_.prepared.intern(parse_body(markers::kMove), "", nullptr);
    for (std::size_t i = 0; i < std::min(spread.moved.size(), spread.positions.size()); ++i) {
        if (spread.positions[i].empty()) continue;
        request.executions.push_back(
            {move, text_values({std::to_string(around_.topology->fence.token), spread.moved[i],
                                spread.positions[i], spread.set.contains(spread.moved[i]) ? "t" : "f"})});
        spread.outcome.add_tag("SELECT 1");
    }
    spread.positions.clear();
    if (!request.empty()) follow(std::move(request));
}

bool Session::is_anybody_missing() const {
    const auto& nodes = around_.topology->nodes;
    return std::any_of(nodes.begin(), nodes.end(), [this](const cluster::NodeStatus& node) {
        return node.state == cluster::NodeState::Up && node.role == cluster::Role::Replica &&
               follower_at(node.id) == nullptr;
    });
}

// Before the transaction takes its snapshot: under REPEATABLE READ it could not mark a row that another has
// marked since.
bool Session::take_slot() {
    if (spread_->slot != Spread::kNoSlot) return true;
    free_held_slots();
    if (around_.free_slots.empty()) return false;
    slot_until_ = {};
    spread_->slot = around_.free_slots.back();
    around_.free_slots.pop_back();
    return true;
}

// What it has done, and `request`.
std::string Session::make_redo(const CopiedRequest& request) const {
    if (!spread_->keeps_all || spread_->bytes + request.bytes() > kMaxRedo)
        return std::string(markers::kTooLarge);
    markers::Redo redo{.user = login_.user, .settings = {}, .statements = {}};
    const Replay settings = replay(*around_.names.empty(), *settings_.committed());
    if (!settings.sql.empty()) redo.settings.push_back(settings.sql);
    for (const Spread::Done& done : spread_->done)
        add_to_redo(redo, done.request, done.outcome.is_open() ? std::string() : done.outcome.text());
    // Main has not answered `request`; without a change it does not commit.
    const bool changes_some = spread_->is_point && spread_->is_proven;
    add_to_redo(redo, request, changes_some ? markers::kSomeRows : markers::kAnyRows);
    std::string encoded = markers::encode(redo);
    return encoded.size() > kMaxRedo ? std::string(markers::kTooLarge) : encoded;
}

void Session::mark_main(const std::string& redo) {
    Spread& spread = *spread_;
    const auto statement = [this](std::string_view sql, std::initializer_list<std::uint32_t> types) {
        return around_.prepared.intern(parse_body(sql, types), "", nullptr);
    };
    const std::uint64_t sequence = around_.next_sequence->fetch_add(1);
    const PreparedPtr mark = statement(markers::kMark, {23, 20, 20, 17, 20});
    spread.marker = {
        .constraints = statement("SET CONSTRAINTS ALL IMMEDIATE", {}),
        .mark = mark,
        .mark_others = mark,
        .values = mark_values(spread.slot, sequence, spread.epoch, redo, around_.topology->fence.token),
        .answer = std::to_string(around_.topology->fence.answer),
        .sequence = sequence,
        .gid = {}};
    name_prepared(*spread.marker, redo);
    spread.main_marked = false;
    execute_at_main(spread.marker->constraints, Follower::kNoValues);
    execute_at_main(spread.marker->mark, spread.marker->values);
    send_made();
}

void Session::sync_marker() {
    wire::append_sync(out_);
    link_->replies.push(Owed::Sync, Deliver::Swallow, Purpose::Mark);
    send_made();
    ++spread_->main_owes;
}

// A statement that is a transaction of its own is the last one: the marker goes to main together with it. If
// BEGIN or the statement fails the marker is skipped or fails too: in a batch it stands before the client's
// Sync, behind a Query it has one of its own. Not if the redo is what main answers, if it waits for data, or
// takes locks first.
bool Session::marks_with_request() const {
    if (!copies()) return false;
    const Spread& spread = *spread_;
    const bool is_one = spread.statements <= 1 && spread.parts.size() <= 1 && spread.trial.empty();
    const bool is_known = !spread.by_rows && !spread.locks && !request_.meaning.large_objects.is_called;
    return is_one && is_known && spread.is_alone && !spread.is_bare && !request_.meaning.copies_in &&
           !spread.finds_names && request_.beyond == 0;
}

void Session::mark_main_with_request() {
    CopiedRequest request = spread_->copy;
    for (const Spread::Part& part : spread_->parts) request.executions.push_back(part.execution);
    mark_main(make_redo(request));
}

// Whether the others get the marker in one write with what they are to do.
bool Session::marks_at_once() const {
    const Spread& spread = *spread_;
    return spread.is_alone && !spread.locks && spread.doom.empty() && spread.main_error.empty() &&
           spread.unsure.empty() && spread.moved.empty() && spread.refreshed.empty() && !spread.finds_names &&
           !is_anybody_missing();
}

void Session::mark_followers() {
    Spread& spread = *spread_;
    spread.is_marker_sent = true;
    for (const auto& follower : spread.followers) {
        begin_at(*follower);
        mark_at(*follower);
    }
}

void Session::mark_at(Follower& follower) {
    std::string out;
    const Spread::Marker& marker = *spread_->marker;
    follower.mark(out, marker.constraints, marker.mark_others, marker.values, marker.answer, marker.gid);
    send_to(follower, out);
}

void Session::execute_at_main(const PreparedPtr& statement, std::string_view values) {
    ensure_prepared(statement);
    wire::FrameBuilder(out_, wire::frontend::kBind).string("").string(statement->server_name).bytes(values);
    wire::FrameBuilder(out_, wire::frontend::kExecute).string("").int32(0);
    link_->replies.push(Owed::Bind, Deliver::Swallow, Purpose::Mark);
    link_->replies.push(Owed::Execute, Deliver::Swallow, Purpose::Mark);
}

void Session::note_mark(const wire::Frame& row) {
    spread_->main_marked = spread_->marker && wire::is_single_value(row.body, spread_->marker->answer);
}

// Main has answered something of ours.
void Session::main_stepped(std::string error) {
    if (!spread_) return;
    Spread& spread = *spread_;
    --spread.main_owes;
    if (!error.empty() && spread.main_error.empty()) spread.main_error = std::move(error);
    vacancy_known();
    nodes_stepped();
}

// A node has answered, is gone, or the membership is new: on with the protocol if all have.
void Session::nodes_stepped() {
    Spread& spread = *spread_;
    note_differences();
    const bool others_owe = std::any_of(spread.followers.begin(), spread.followers.end(),
                                        [](const auto& follower) { return follower->owes(); });
    if (!others_owe) note_followed();
    if (others_owe || spread.main_owes > 0 || wait_ != Wait::Nodes) return;
    switch (spread.phase) {
        case At::Marking:
            return all_marked();
        case At::Committing:  // of a request that is a transaction of its own
            return end_followers(spread.main_error.empty());
        case At::Following:
            return all_followed();
        case At::Evicting:
            return finish_if_evicted();
        case At::Undoing:
            return all_undone();
        default:
            return;
    }
}

void Session::note_differences() {
    Spread& spread = *spread_;
    for (const auto& follower : spread.followers) {
        if (follower->difference().empty() || !spread.doom.empty()) continue;
        if (!follower->unpreparable().empty()) {
            note_unpreparable(*follower);
            continue;
        }
        if (tries_again(*follower)) continue;
        (void)follower->forget_held();  // nothing would answer it
        spread.doom = fmt::format("node \"{}\" came to another result: {}", name_of(follower->link->node),
                                  follower->difference());
        spread.is_deadlock = follower->met_deadlock();
        if (follower->begun_anew >= kMostBegins && !follower->refusal().empty())
            doom_for_good(fmt::format("node \"{}\" does not take it: {}", name_of(follower->link->node),
                                      follower->refusal()));
    }
}

// It may have executed before a transaction had committed there that main had seen committed: a row or a
// parent of one was not there yet. All those have marked before main committed them.
bool Session::tries_again(Follower& follower) {
    const bool is_early = spread_->phase == At::Open || spread_->phase == At::Marking;
    if (!is_early || !spread_->keeps_all || follower.begun_anew >= kMostBegins || !may_meet_the_same())
        return false;
    (void)follower.forget_held();
    if (follower.owes()) return true;  // later
    std::string out;
    const PreparedPtr settle = around_.prepared.intern(parse_body(markers::kSettle, {20}), "", nullptr);
    follower.roll_back(out, settle, text_values({std::to_string(around_.topology->fence.token)}));
    follower.has_begun = false;
    effects_.send(*follower.link, out);
    begin_at(follower);
    if (spread_->is_marker_sent) mark_at(follower);
    return true;
}

std::string Session::name_of(NodeId id) const {
    const cluster::NodeStatus* node = around_.topology->find(id);
    return node != nullptr ? node->name : std::to_string(id.value);
}

// Of main and the others, some may have logged in before ALTER ROLE ... SET and some behind it.
bool Session::has_outdated_login() const {
    const auto& followers = spread_->followers;
    return is_outdated(*link_) || std::any_of(followers.begin(), followers.end(), [&](const auto& follower) {
               return is_outdated(*follower->link);
           });
}

bool Session::is_outdated(const ServerLink& link) const {
    return around_.logins != nullptr && around_.logins->is_outdated(link.login_began);
}

void Session::all_marked() {
    Spread& spread = *spread_;
    if (!spread.is_marker_sent) return try_marking();
    if (spread.doom.empty() && !are_unsure_alike()) return;
    const bool all = spread.main_marked && std::all_of(spread.followers.begin(), spread.followers.end(),
                                                       [](const auto& f) { return f->marked(); });
    if (!spread.main_error.empty()) spread.doom = "failed on main";
    for (const auto& follower : spread.followers) {
        if (spread.doom.empty() && !reads_alike(*link_->reported, *follower->link->reported))
            spread.doom =
                fmt::format("sessions of node \"{}\" have other settings", name_of(follower->link->node));
    }
    if (spread.doom.empty() && has_outdated_login())
        spread.doom =
            "settings of roles or databases were changed since it logged in; if it stays so, log in again";
    if (spread.doom.empty() && !all) {
        effects_.mark_refused(spread.epoch);
        if (marks_again()) return await_others();
    }
    if (spread.doom.empty() && (!all || is_anybody_missing())) spread.doom = kMembershipChanges;
    if (spread.doom.empty() && around_.gate != nullptr &&
        !around_.gate->pass(spread.epoch, spread.executed_at))
        spread.doom = kMembershipChanges;
    if (!spread.doom.empty()) return undo_everywhere();
    if (ddl_) {  // before others see it: who judges by older facts is told
        schema_changes();
        begin_ddl_commit();
    }
    if (!spread.is_alone) {
        spread.phase = At::Marked;
        wait_ = Wait::Nothing;
        effects_.disarm(TimerKind::Wait);
        return;
    }
    spread.phase = At::Committing;
    wait_for_nodes();  // how long it may take counts from here
    note_told();
    ++spread.main_owes;
    send_own_query("COMMIT", Purpose::End);
}

// Under the epoch in force it was refused: of a database that was just made the markers are still to be
// raised. That begins with main's, as the next epoch does: which cannot come while another node has the mark.
// A snapshot of before would not show it; where nodes prepare, the refusal has ended the transaction.
bool Session::marks_again() {
    Spread& spread = *spread_;
    if (spread.prepares()) return false;
    const sql::Isolation isolation = transaction_options_.isolation.value_or(default_isolation());
    const bool is_in_the_way =
        !spread.main_marked && std::any_of(spread.followers.begin(), spread.followers.end(),
                                           [](const auto& follower) { return follower->marked(); });
    if (isolation > sql::Isolation::ReadCommitted || spread.epoch != around_.topology->epoch ||
        is_in_the_way || is_anybody_missing())
        return false;
    spread.marker.reset();
    spread.is_marker_sent = false;
    spread.awaits_markers = true;
    return true;
}

// Main has committed, or has not.
void Session::end_followers(bool committed) {
    Spread& spread = *spread_;
    spread.phase = committed ? At::Following : At::Undoing;
    spread.main = link_->node;
    spread.main_took = around_.now - spread.sent_at;
    wait_for_nodes();
    for (const cluster::NodeStatus& node : around_.topology->nodes) {
        if (committed && spread.lost.contains(node.id))
            node_failed(node.id, Sign::Doubtful, "lost while main committed");
    }
    for (const auto& follower : spread.followers) {
        if (!follower->has_begun) continue;
        std::string out;
        if (!committed) follower->forget_held();
        if (committed)
            follower->commit(out);
        else
            follower->undo(out);
        effects_.send(*follower->link, out);
    }
    nodes_stepped();
}

// A node that could not commit what main has committed is not equal any more.
void Session::all_followed() {
    Spread& spread = *spread_;
    if (repeats_bare()) return;
    for (const auto& follower : spread.followers) {
        if (follower->difference().empty() || spread.may_differ) continue;
        if (follower->may_be_left_prepared())
            leave_to_keeper(*follower);
        else
            node_failed(follower->link->node, sign_of_loss(spread),
                        "it did not commit what the main node had committed: " + follower->difference());
    }
    spread.doom.clear();
    spread.phase = At::Evicting;
    finish_if_evicted();
}

void Session::note_told() {
    spread_->sent_at = around_.now;
    if (around_.gate != nullptr) around_.gate->told(spread_->slot, around_.now);
}

void Session::node_failed(NodeId node, Sign sign, const std::string& reason) {
    await_decision_about(node);
    if (sign == Sign::Doubtful) nobody_builds_on_this();
    effects_.node_failed(node, spread_->epoch, sign, reason);
}

// What a node lacks can be repeated there as long as no other has built on it (CommitGate). Where it is the
// last one, nothing is decided about it. What is prepared keeps its locks.
void Session::nobody_builds_on_this() {
    const cluster::Topology& topology = *around_.topology;
    if (around_.gate == nullptr || spread_->prepares() || topology.nodes_up() < 2 ||
        topology.epoch != spread_->epoch)
        return;
    around_.gate->close(spread_->epoch);
}

void Session::await_decision_about(NodeId node) {
    if (spread_->failed.empty())
        spread_->evicting_until = around_.now + around_.config->health.failover_park_timeout;
    spread_->failed.add(node);
}

// A node that failed is out, or a later epoch is in force: when that began it was made equal by the markers,
// if there is one.
void Session::finish_if_evicted() {
    const Spread& spread = *spread_;
    const bool may_be_equal = !spread.is_bare && around_.topology->epoch > spread.epoch;
    const bool awaits = !may_be_equal && !are_failed_taken_out() && !is_about_the_last();
    if (awaits) return effects_.await_news();
    if (spread.main_is_lost || !is_kept_anywhere()) return finish_without_main();
    finish(TransactionStatus::Idle);
}

// A node that is down need not be: if it is the last one it goes on with what it was told, once it wakes.
bool Session::are_failed_taken_out() const {
    const auto& nodes = around_.topology->nodes;
    return std::all_of(nodes.begin(), nodes.end(), [this](const cluster::NodeStatus& node) {
        return !spread_->failed.contains(node.id) || node.is_taken_out;
    });
}

// By its marker the transaction may have gone to others, before the node was taken out.
bool Session::have_failed_given() const {
    const auto& nodes = around_.topology->nodes;
    return !spread_->is_bare &&
           std::any_of(nodes.begin(), nodes.end(), [this](const cluster::NodeStatus& node) {
               return spread_->failed.contains(node.id) && node.given_under > spread_->epoch;
           });
}

// Nothing is decided about the only node that is in.
bool Session::is_about_the_last() const {
    const auto& nodes = around_.topology->nodes;
    return std::all_of(nodes.begin(), nodes.end(),
                       [this](const cluster::NodeStatus& node) {
                           return node.is_taken_out || spread_->failed.contains(node.id);
                       }) &&
           std::count_if(nodes.begin(), nodes.end(), [](const auto& node) { return !node.is_taken_out; }) ==
               1;
}

// The client hears how its request ended.
void Session::finish(TransactionStatus status) {
    std::string held = std::move(spread_->held);
    leave_nodes();
    if (closed_) return on_client_gone();
    wire::append_ready_for_query(held, status);
    reply(held);
    if (link_ != nullptr) return end_request(status);
    end_without_link(true);
}

// Of the request that was answered last, with main gone.
void Session::end_without_link(bool committed) {
    transaction_ = TransactionStatus::Idle;
    end_transaction(committed);
    forget_attempt();
    idle_or_in_transaction();
}

// --- rollback ---

// Nothing of the transaction may stay anywhere. What the client is told depends on what it waits for.
void Session::undo_everywhere() {
    Spread& spread = *spread_;
    spread.phase = At::Undoing;
    wait_for_nodes();
    deferred_begin_.clear();
    undo_at_main();
    undo_at_followers();
    nodes_stepped();
}

void Session::undo_at_main() {
    if (link_ == nullptr || link_->status == TransactionStatus::Idle) return;
    ++spread_->main_owes;
    send_own_query("ROLLBACK", Purpose::End);
}

// Once.
void Session::undo_at_followers() {
    for (const auto& follower : spread_->followers) {
        if (!std::exchange(follower->has_begun, false)) continue;
        if (follower->owes() && !follower->forget_held()) {  // it may wait for a lock
            effects_.cancel(*follower->link);
            follower->is_cancelled = true;
        }
        std::string out;
        follower->undo(out);
        effects_.send(*follower->link, out);
    }
}

void Session::all_undone() {
    Spread& spread = *spread_;
    if (take_back_prepared()) return;
    if (spread.is_ending && link_ != nullptr && link_->status != TransactionStatus::Idle)
        return undo_at_main();  // the cancel request came late and has hit the ROLLBACK
    if (spread.is_end)          // as the client wished, or as main has told it
        return finish(link_ != nullptr ? link_->status : TransactionStatus::Idle);
    if (closed_) return leave_nodes(), on_client_gone();
    const bool is_told = std::exchange(error_seen_, true);
    const bool is_alone = spread.is_alone;
    const bool is_deadlock = spread.is_deadlock;
    const bool is_for_good = spread.is_doomed_for_good;
    const std::string doom = std::move(spread.doom);
    const std::string main_error = std::move(spread.main_error);
    std::string error = std::move(spread.refusal);
    leave_nodes();
    if (!error.empty()) {
        voided_ = Voided::Untold;
        voided_by_ = std::move(error);
        error_seen_ = is_told;
        return;
    }
    if (is_deadlock)
        wire::append_error(error, deadlock_report());
    else if (main_error.empty())
        error = doom_error(doom, is_for_good);
    else
        wire::append_frame(error, wire::backend::kErrorResponse, main_error);
    if (is_alone) {
        if (is_told) error.clear();
        wire::append_ready_for_query(error, TransactionStatus::Idle);
        reply(error);
        return end_request(TransactionStatus::Idle);
    }
    error_seen_ = false;
    if (is_deadlock && transaction_ == TransactionStatus::Failed) {  // it was told
        voided_ = Voided::Told;
        return idle_or_in_transaction();
    }
    if (!request_.classified || !request_.meaning.info->single(Kind::Commit)) {
        voided_ = Voided::Untold;
        voided_by_ = std::move(error);
        if (is_deadlock) idle_or_in_transaction();
        return;
    }
    transaction_ = TransactionStatus::Idle;
    end_transaction(false);
    failure_ = std::move(error);
}

// The followers go back to their pools, the slot is free again.
void Session::leave_nodes() {
    if (!spread_) return;
    give_slot_back();
    for (const auto& follower : spread_->followers) {
        ServerLink& link = *follower->link;
        const bool is_clean =
            !follower->owes() && !follower->is_cancelled && link.status == TransactionStatus::Idle;
        effects_.release(link, !is_clean               ? Disposal::Close
                               : follower->needs_reset ? Disposal::Reset
                                                       : Disposal::Keep);
    }
    if (spread_->ddl_commit) {  // before it ends: facts of after it stay new
        schema_changes();
        ddl_ = false;
    }
    if (spread_->draws) login_.database->marks->sequences_moved(around_.now + kSequencesLater);
    spread_.reset();
    if (wait_ != Wait::Nodes) return;
    wait_ = Wait::Nothing;
    effects_.disarm(TimerKind::Wait);
}

// --- losses ---

void Session::wait_for_nodes() {
    note_asked();
    wait_ = Wait::Nodes;
    awaits_batch_end_ = false;  // whose timer this is from here on
    effects_.disarm(TimerKind::Idle);
    effects_.arm(TimerKind::Wait, around_.config->replication.stall_timeout + patience());
}

// What has taken main long takes the others long too, all at the same time and maybe on one machine.
milliseconds Session::patience() const {
    const bool follows = spread_->phase == At::Marking || spread_->phase == At::Following;
    return follows ? std::chrono::duration_cast<milliseconds>(4 * spread_->main_took) : milliseconds(0);
}

// COMMIT itself may take long: it removes the files of dropped tables, or waits for a synchronous standby. A
// node that is frozen fails its probes, so only what stays stuck though they succeed is waited for so long.
bool Session::main_may_be_busy() {
    const cluster::NodeStatus* main = around_.topology->find(link_->node);
    const bool is_well =
        main != nullptr && main->state == cluster::NodeState::Up && main->reach == cluster::Reach::Ok;
    return is_well && ++spread_->times_late < kMostTimesLate;
}

std::size_t Session::on_follower_bytes(ServerLink& link, ByteView bytes) {
    Follower* follower = follower_at(link.node);
    const std::size_t used = follower->on_bytes(bytes, around_.names);
    if (const std::string held = follower->take_held(); !held.empty()) effects_.send(link, held);
    nodes_stepped();
    return used;
}

// It has confirmed the COMMIT.
bool Session::has_followed(const Follower& follower) const {
    const bool was_told = spread_->phase == At::Following || spread_->phase == At::Evicting;
    return was_told && !follower.owes() && follower.difference().empty();
}

void Session::on_follower_lost(ServerLink& link, std::string_view reason) {
    Spread& spread = *spread_;
    const NodeId node = link.node;
    const bool had_begun = follower_at(node)->has_begun;
    const bool has_committed = has_followed(*follower_at(node));
    lose_follower(link);
    if (has_committed) {
        spread.kept.add(node);
    } else if (spread.phase == At::Following) {
        node_failed(node, sign_of_loss(spread), fmt::format("lost while it committed: {}", reason));
    } else if (spread.phase == At::Committing) {
        spread.lost.add(node);
    } else if (spread.phase == At::Marked || (spread.phase == At::Open && had_begun && spread.doom.empty())) {
        spread.doom = fmt::format("node \"{}\" was lost: {}", name_of(node), reason);
    }
    nodes_stepped();
}

// Main is gone. Unless it was told to commit, nothing has happened anywhere; if it was, it must be out before
// anybody can say so.
bool Session::on_main_lost(std::string_view reason) {
    if (!spread_) return false;
    Spread& spread = *spread_;
    if (spread.awaits_follower && wait_ == Wait::Link) {
        effects_.withdraw();
        wait_ = Wait::Nothing;
    }
    // The server says why it ends a session: then the command has not come to its end.
    const bool has_failed =
        spread.is_bare ? spread.may_differ || spread.outcome.failed() : ended_for_idling(spread.outcome);
    const bool is_unclear = spread.phase == At::Committing && !has_failed;
    const bool has_committed = spread.phase == At::Following || spread.phase == At::Evicting;
    const NodeId main = link_->node;
    const bool has_ended = spread.is_end && spread.phase == At::Undoing && spread.main_owes == 0;
    spread.main_owes = 0;
    if (has_ended) return tell_end_of_main(), true;
    if (!is_unclear && !has_committed) return end_without_main(reason);
    node_failed(main, sign_of_loss(spread), fmt::format("lost while it committed: {}", reason));
    forget_link();
    spread.main_is_lost = is_unclear;
    if (!is_unclear) return nodes_stepped(), true;
    while (!spread.followers.empty()) {
        ServerLink& link = *spread.followers.back()->link;
        lose_follower(link);
        effects_.release(link, Disposal::Close);
    }
    spread.phase = At::Evicting;
    wait_for_nodes();
    finish_if_evicted();
    return true;
}

// It has rolled back and said so: that is what the client waits for, whatever the others still do.
void Session::tell_end_of_main() {
    std::string frames = std::move(spread_->held);
    leave_nodes();
    wire::append_ready_for_query(frames, TransactionStatus::Idle);
    reply(frames);
    forget_link();
    end_without_link(false);
}

// Nobody has committed. False: what the client is told is the same as in other modes.
bool Session::end_without_main(std::string_view reason) {
    const bool is_answered =
        spread_->is_alone && !spread_->copies;  // by main, which the client does not know
    leave_nodes();
    if (closed_) return on_client_gone(), true;
    if (!is_answered) return false;
    std::string frames;
    if (!error_seen_) {
        wire::append_error(frames, {.sqlstate = sqlstate::kSerializationFailure,
                                    .message = fmt::format(
                                        "the node was lost, nothing of this transaction remains: {}", reason),
                                    .hint = "The transaction can be repeated."});
    }
    wire::append_ready_for_query(frames, TransactionStatus::Idle);
    reply(frames);
    forget_link();
    end_without_link(false);
    return true;
}

// Main may have committed, and nobody else has. Once it is out nothing of the transaction remains; if it is
// not, or was not at once, the others may have been made equal to it.
void Session::finish_without_main() {
    const bool is_out = are_failed_taken_out() && !have_failed_given();
    leave_nodes();
    if (closed_) return on_client_gone();
    if (link_ != nullptr) forget_link();
    transaction_ = TransactionStatus::Idle;
    end_transaction(false);
    std::string frames;
    wire::append_error(
        frames,
        {.sqlstate = is_out ? sqlstate::kSerializationFailure : sqlstate::kOutcomeUnknown,
         .message = is_out ? "the main node was lost while it committed, nothing of this transaction remains"
                           : "the main node was lost while it committed: the outcome is unknown",
         .hint = is_out ? "The transaction can be repeated."
                        : "Check whether the change is there before you repeat it."});
    wire::append_ready_for_query(frames, TransactionStatus::Idle);
    reply(frames);
    forget_attempt();
    idle_or_in_transaction();
}

// The bound is over: who has not answered is cancelled, or out.
void Session::nodes_late() {
    Spread& spread = *spread_;
    wait_for_nodes();
    switch (spread.phase) {
        case At::Marking:
            if (spread.doom.empty()) spread.doom = why_marking_is_late();
            return undo_everywhere();
        case At::Committing:
            if (main_may_be_busy()) return;
            return node_failed(link_->node, Sign::Gone,
                               "it did not commit in time (replication.stall_timeout)");
        case At::Following:
            for (const auto& follower : spread.followers) {
                if (follower->owes() && !spread.is_bare)
                    node_failed(follower->link->node, Sign::Gone,
                                "it did not commit in time (replication.stall_timeout)");
            }
            return;
        case At::Undoing:
            return drop_late();
        case At::Evicting:
            return give_up_eviction();
        default:
            return;
    }
}

std::string Session::why_marking_is_late() const {
    const Spread& spread = *spread_;
    if (!spread.unsure.empty() && login_.database->marks->is_ddl_committing())
        return "DDL of others has not ended in time";
    if (!spread.unsure.empty()) return std::string(kFactsAreLate);
    if (spread.awaits_markers) return "the nodes do not know the new membership in time";
    if (spread.others_until) return "a node that is to be taken out is still in";
    return "a node did not answer in time (replication.stall_timeout)";
}

// Nobody has decided that the node is out: it may be the one that others ask next.
void Session::give_up_eviction() {
    if (around_.now < spread_->evicting_until) return effects_.await_news();
    hold_slot();  // only the last transaction of a slot can be repaired
    if (spread_->main_is_lost) return finish_without_main();
    spread_->held.clear();
    wire::append_error(
        spread_->held,
        {.sqlstate = sqlstate::kOutcomeUnknown,
         .message = "the transaction was committed, but not on a node that could not be taken out",
         .hint = "See SHOW POOL_NODES and the log."});
    finish(TransactionStatus::Idle);
}

// They do not even answer a ROLLBACK.
void Session::drop_late() {
    std::vector<ServerLink*> late;
    for (const auto& follower : spread_->followers) {
        if (follower->owes()) late.push_back(follower->link);
    }
    for (ServerLink* link : late) {
        lose_follower(*link);
        effects_.release(*link, Disposal::Close);
    }
    if (spread_->main_owes > 0) return lose_link("it did not answer in time");
    nodes_stepped();
}

}  // namespace pgpool::exec
