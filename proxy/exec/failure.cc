// SPDX-License-Identifier: PostgreSQL
// Session: lost connections, time-outs, cancels, refusals. What a client is told, and with which SQLSTATE, is
// decided here.
#include <fmt/core.h>

#include <utility>

#include "proxy/exec/session.h"

namespace pgpool::exec {

namespace {
constexpr std::uint32_t kMaxAttempts = 5;

using wire::Severity;
using wire::TransactionStatus;
}  // namespace

// Answers the request at the front with an error; returns how many bytes are dealt with.
std::size_t Session::fail_request(ByteView error_frame) {
    reply(error_frame);
    const std::size_t size = request_.size;
    if (request_.oversize) {
        stream_left_ = request_.beyond;
        stream_dropped_ = true;
    }
    const bool complete = request_.form != Request::Form::Batch || request_.synced;
    request_ = {};
    waits_for_facts_ = 0;
    slot_until_ = ddl_until_ = {};
    own_facts_.next_statement();
    if (!owes_client()) forget_attempt();
    if (spread_ && transaction_ == TransactionStatus::Idle) leave_nodes();
    if (complete) {
        say_ready();
        release_if_free();
    } else {
        skipping_to_sync_ = true;
    }
    return size;
}

void Session::fail_front(const wire::Report& report) {
    failure_.clear();
    wire::append_error(failure_, report);
    wait_ = Wait::Nothing;
}

// The rest of a message that the client has begun to get never comes: whatever is sent now it would take for
// that rest.
bool Session::is_within_message() const {
    return link_ != nullptr && link_->body_left > 0 && link_->body_forwarded;
}

void Session::fatal(const wire::Report& report) {
    if (phase_ == Phase::Starting) effects_.login_refused({std::string(report.message), report.sqlstate});
    wire::Report last = report;
    last.severity = Severity::Fatal;
    if (!is_within_message()) say(last);
    hang_up();
}

void Session::hang_up() {
    on_client_gone();
    effects_.close();
}

void Session::on_shutdown() {
    if (closed_) return;
    fatal({.sqlstate = sqlstate::kAdminShutdown,
           .message = "terminating connection due to administrator command"});
}

void Session::on_link_refused(ByteView error_body) {
    count_wait();
    wait_ = Wait::Nothing;
    effects_.disarm(TimerKind::Wait);
    const wire::ErrorFields fields = wire::read_error_fields(error_body);
    if (fails_to_join({.sqlstate = SqlState(fields.sqlstate), .message = fields.message})) return;
    refuse_link(error_body);
}

// The node does not take this user, database or setting: its own words, for the login or for the request at
// the front.
void Session::refuse_link(std::string_view error_body) {
    if (link_ != nullptr) effects_.release(*std::exchange(link_, nullptr), Disposal::Close);
    failure_.clear();
    if (phase_ != Phase::Starting) {
        wire::append_frame(failure_, wire::backend::kErrorResponse, wire::as_error(error_body));
        return;
    }
    std::string frame;
    wire::append_frame(frame, wire::backend::kErrorResponse, wire::as_fatal(error_body));
    reply(frame);
    const wire::ErrorFields fields = wire::read_error_fields(error_body);
    effects_.login_refused({std::string(fields.message), SqlState(fields.sqlstate)});
    hang_up();
}

bool Session::can_repeat() const {
    return repeatable_ && !row_delivered_ && retained_ > 0 && attempts_ < kMaxAttempts;
}

// The request being answered becomes the request at the front again. What the client has seen of its answer
// is skipped when it comes a second time.
void Session::repeat_request() {
    ++attempts_;
    frames_to_skip_ += frames_forwarded_;  // of an attempt that got less far than an earlier one, too
    frames_forwarded_ = 0;
    retained_ = 0;
    request_ = {};
    repeatable_ = false;
    wait_ = Wait::Nothing;
    undo_all();
    pending_pins_ = pending_clears_ = sql::Leaves::Nothing;
    wrote_ = ddl_ = changes_logins_ = false;
    release_if_free();
}

void Session::undo_all() {
    for (auto at = undo_.rbegin(); at != undo_.rend(); ++at) statements_.set(at->name, at->previous);
    undo_.clear();
    undo_done_ = 0;
}

void Session::on_link_lost(ServerLink& link, std::string_view reason) {
    if (&link == link_) return lose_link(reason);
    on_follower_lost(link, reason);
}

void Session::lose_link(std::string_view reason) {
    const std::string because = internal_error_.empty()
                                    ? std::string(reason)
                                    : std::string(wire::read_error_fields(internal_error_).message);
    internal_error_.clear();
    failing_over_ = false;
    if (on_main_lost(because)) return;
    if (!link_->replies.empty() &&
        link_->replies.head().purpose == Purpose::Restore) {  // the request itself is done
        forget_link();
        return finish_restore();
    }
    if (phase_ == Phase::Starting) {  // again, with another connection
        if (++attempts_ > kMaxAttempts)
            return fatal({.sqlstate = sqlstate::kConnectionFailure,
                          .message = fmt::format("lost the node: {}", because)});
        forget_link();
        wait_ = Wait::Nothing;
        return continue_start();
    }
    if (is_within_message()) return hang_up();
    if (pins_ != sql::Leaves::Nothing) {
        return fatal(
            {.sqlstate = sqlstate::kConnectionFailure,
             .message = fmt::format("lost the server connection that held this session's state ({}): {}",
                                    sql::to_string(pins_), because)});
    }
    if (can_repeat()) {
        undo_done_ = 0;  // what was confirmed comes again
        forget_link();
        return repeat_request();
    }
    report_loss(because);
}

// Whether anything of what is on the way, or was answered and waits for its Sync, may have been committed
// before the connection was lost. In doubt yes.
bool Session::may_have_committed() const {
    ReplyQueue& replies = link_->replies;
    bool in_block = transaction_ != TransactionStatus::Idle;
    if (commits_ || (wrote_ && !in_block && !replies.empty())) return true;
    for (std::size_t i = 0; i < replies.size(); ++i) {
        const Marks& marks = replies.at(i).marks;
        in_block |= marks.begins;
        if (marks.commits || (marks.writes && (!in_block || marks.rolls_back))) return true;
        in_block = in_block && !marks.rolls_back;
    }
    return false;
}

// Tells the client once what became of its transaction; of an idle one with the reply to its next request.
void Session::report_loss(std::string_view reason) {
    if (!deferred_begin_.empty()) {  // nothing of the transaction was sent yet
        forget_link();
        wait_ = Wait::Nothing;
        return;
    }
    const bool owes = owes_client() || server_skips_;
    const bool unknown = may_have_committed() && !around_.functions().is_replicated();
    const bool begins = link_->replies.find([](const Expected& e) { return e.marks.begins; }) != nullptr;
    const bool in_transaction = transaction_ != TransactionStatus::Idle || begins;
    if (unknown) login_.database->marks->written_at(last_write_ = effects_.clock());
    if (in_transaction && !unknown) {
        voided_ = owes ? Voided::Told : Voided::Untold;
        if (transaction_ == TransactionStatus::Failed && !owes) voided_ = Voided::Told;
        transaction_ = owes ? TransactionStatus::Failed : transaction_;
    } else {
        transaction_ = TransactionStatus::Idle;
    }
    const std::string message =
        unknown ? fmt::format("the node was lost before it confirmed: the outcome is unknown: {}", reason)
                : fmt::format("the node was lost, nothing of this transaction remains: {}", reason);
    const wire::Report report{
        .sqlstate = unknown ? sqlstate::kOutcomeUnknown : sqlstate::kSerializationFailure,
        .message = message,
        .hint = unknown ? "Check whether the change is there before you repeat it."
                        : "The transaction can be repeated."};
    if (owes) {
        fail_owed(report);
    } else if (unsynced_ && transaction_ == TransactionStatus::Idle) {  // the next message gets the error
        fail_front(report);
    }
    forget_link();
    if (transaction_ == TransactionStatus::Idle) end_transaction(false);
    commits_ = false;
    forget_attempt();
    done_ += std::exchange(retained_, 0);
    wait_ = Wait::Nothing;
    effects_.disarm(TimerKind::Query);
}

// Every request that the lost connection owed an answer ends with this error. A batch fails at its first
// message that was not answered: nothing of it is answered any more but its Sync.
void Session::fail_owed(const wire::Report& report) {
    std::string frames;
    ReplyQueue& replies = link_->replies;
    bool told = error_seen_;
    bool skips = std::exchange(server_skips_, false);
    for (std::size_t i = 0; i < replies.size(); ++i) {
        const Expected& expected = replies.at(i);
        if (expected.owed == Owed::CopyEnd) continue;
        const bool ends = expected.ends_batch();
        if (ends && expected.deliver != Deliver::Forward) continue;
        if (skips && expected.owed != Owed::Sync) continue;
        if (prepares_for_query(i)) continue;
        if (!ends && expected.deliver == Deliver::Swallow && !is_in_batch_of_client(i)) continue;
        if (!std::exchange(told, true)) wire::append_error(frames, report);
        skips = !ends;
        if (!ends) continue;
        wire::append_ready_for_query(frames, transaction_);
        told = false;
    }
    if (!frames.empty()) reply(frames);
    if (!skips) return;
    skipping_to_sync_ = true;
    request_ = {};
}

void Session::forget_link() {
    undo_.erase(undo_.begin(), undo_.begin() + static_cast<std::ptrdiff_t>(undo_done_));
    undo_all();
    if (stream_left_ > 0) stream_dropped_ = true;
    unsynced_ = copying_in_ = may_be_skipped_ = names_change_ = names_go_ = unnamed_may_stay_ =
        may_end_failed_ = may_copy_in_ = cancel_is_due_ = false;
    own_facts_.clear();
    effects_.release(*std::exchange(link_, nullptr), Disposal::Close);
}

void Session::on_timer(TimerKind timer) {
    const auto& config = *around_.config;
    if (timer == TimerKind::Query) {
        if (!owes_client()) return;
        timed_out_ = true;
        return cancel_running();
    }
    if (timer == TimerKind::Idle) {
        if (wait_ != Wait::Nothing || owes_client()) return;  // not idle: its request waits
        const bool idle = transaction_ == TransactionStatus::Idle;
        return fatal({.sqlstate = idle ? sqlstate::kIdleSessionTimeout : sqlstate::kIdleInTransactionTimeout,
                      .message = idle ? "terminating connection due to client_idle_timeout"
                                      : "terminating connection due to idle_transaction_timeout"});
    }
    if (std::exchange(awaits_batch_end_, false) && request_.size > 0) {
        request_.gathered = true;
        return;
    }
    if (wait_ == Wait::Nodes) return nodes_late();
    if (wait_ == Wait::Own) return on_own_ready();
    if (wait_ == Wait::Vacancy) return vacancy_known();
    if (wait_ == Wait::Facts) {
        waited_for_facts_ = true;
        ++waits_for_facts_;
        wait_ = Wait::Nothing;
        return;
    }
    if (wait_ == Wait::Slot || wait_ == Wait::Ddl) {
        wait_ = Wait::Nothing;
        return;
    }
    if (wait_ == Wait::Replay) {
        waited_for_replay_ = true;
        wait_ = Wait::Nothing;
        return;
    }
    if (wait_ == Wait::Parked) return no_primary_came(config.health.failover_park_timeout);
    if (wait_ == Wait::Link) on_wait_timer(config);
}

// Waiting for a server connection: a notice first, the error later.
void Session::on_wait_timer(const config::Config& config) {
    const bool parked = !around_.topology->primary.has_value();
    const milliseconds limit = parked ? config.health.failover_park_timeout : config.pool.wait_timeout;
    const milliseconds notice = config.pool.queue_notice;
    waited_ += waited_.count() == 0 && notice.count() > 0 ? std::min(notice, config.pool.wait_timeout)
                                                          : limit - waited_;
    if (waited_ < limit) {
        std::string frame;
        wire::append_notice(frame,
                            {.severity = Severity::Notice,
                             .sqlstate = SqlState("00000"),
                             .message = parked ? "You are queued: there is no primary at the moment"
                                               : "You are queued: all server connections are in use",
                             .detail = parked ? around_.topology->parked_because : std::string_view()});
        if (phase_ == Phase::Running) reply(frame);
        return effects_.arm(TimerKind::Wait, limit - waited_);
    }
    count_wait();
    effects_.withdraw();
    if (parked) return no_primary_came(limit);
    const std::string message =
        fmt::format("no server connection became free within {} ms (pool.wait_timeout)", limit.count());
    give_up_waiting({.sqlstate = sqlstate::kTooManyConnections,
                     .message = message,
                     .hint = "Raise pool.size, or shorten transactions."});
}

void Session::no_primary_came(milliseconds limit) {
    const std::string message = cluster::no_primary_within(limit, *around_.topology);
    give_up_waiting({.sqlstate = sqlstate::kCannotConnectNow,
                     .message = message,
                     .hint = "See SHOW POOL_NODES; the admin database answers it also without a primary."});
}

void Session::give_up_waiting(const wire::Report& report) {
    wait_ = Wait::Nothing;
    if (phase_ == Phase::Starting) return fatal(report);
    if (!fails_to_join(report)) fail_front(report);
}

void Session::on_cancel() {
    if (owes_client()) return cancel_running();  // not what waits behind it
    count_wait();
    if (wait_ == Wait::Link) effects_.withdraw();
    if (wait_ == Wait::Link || wait_ == Wait::Replay || wait_ == Wait::Facts || wait_ == Wait::Own ||
        wait_ == Wait::Slot || wait_ == Wait::Ddl || wait_ == Wait::Parked) {
        effects_.disarm(TimerKind::Wait);
        const wire::Report report{.sqlstate = sqlstate::kQueryCanceled,
                                  .message = "canceling statement due to user request"};
        if (!fails_to_join(report)) fail_front(report);
        return;
    }
    if (wait_ == Wait::Vacancy) return cancel_vacancy();
    if (wait_ == Wait::Nodes && cancels_bare()) return;
    if (wait_ == Wait::OwnFacts) cancel_running();
}

// Only what the client has asked for is cancelled: a setting of ours that fails would let what follows run
// without it.
void Session::cancel_running() {
    cancel_is_due_ = is_head_ours() && wait_ != Wait::OwnFacts;  // which then says so itself
    if (!cancel_is_due_) effects_.cancel(*link_);
}

}  // namespace pgpool::exec
