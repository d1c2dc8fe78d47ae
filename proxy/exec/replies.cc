// SPDX-License-Identifier: PostgreSQL
// Session: bytes of the server -> client. Runs of messages that the client gets go out as they came, in one
// piece.
#include <algorithm>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {

namespace {

using namespace wire::backend;

// Messages that may be larger than what we want to hold: they are passed on while they arrive.
constexpr std::size_t kMaxHeld = std::size_t{64} << 10U;

// BEGIN by itself: the other nodes have it in another form.
bool begins(const Expected& expected) {
    return expected.info && expected.info->single(sql::Kind::Begin);
}

// Of a DataRow.
std::string first_text(ByteView body) {
    Cursor cursor(body);
    const bool has_any = cursor.u16() > 0;
    return has_any ? std::string(cursor.bytes(cursor.u32())) : std::string();
}

bool is_asynchronous(char type) {
    return type == kNoticeResponse || type == kParameterStatus || type == kNotificationResponse;
}

}  // namespace

std::size_t Session::on_server_bytes(ServerLink& link, ByteView bytes) {
    return &link == link_ ? on_main_bytes(bytes) : on_follower_bytes(link, bytes);
}

std::size_t Session::on_main_bytes(ByteView bytes) {
    ServerLink& link = *link_;
    std::size_t at = 0;
    std::size_t run = 0;  // bytes before `at` that the client gets and has not got yet begin here
    const auto pass_run = [&] {
        if (at > run) reply(bytes.substr(run, at - run));
        run = at;
    };
    while (at < bytes.size() && link_ == &link) {
        if (link.body_left > 0) {
            const std::size_t count = std::min<std::uint64_t>(link.body_left, bytes.size() - at);
            link.body_left -= count;
            at += count;
            if (!link.body_forwarded) run = at;
            continue;
        }
        const auto [frame, error] = wire::next_frame(bytes.substr(at));
        if (error == wire::FrameError::NeedMore) break;
        if (error == wire::FrameError::BadLength) {
            pass_run();
            lose_link("the node sent a message with an impossible length");
            return bytes.size();
        }
        const bool is_hidden = hides_images(frame);
        const bool is_held =
            frame.size <= kMaxHeld || is_hidden || is_mark_error(frame) || wait_ == Wait::OwnFacts;
        if (!frame.complete() && is_held) break;
        if (frame.type == kReadyForQuery) {
            if (!frame.complete()) break;
            const auto status =
                static_cast<wire::TransactionStatus>(frame.body.empty() ? 'I' : frame.body[0]);
            if (!forwards() || spread_) pass_run();  // what is done about it may be to reply
            const bool ends_request = on_ready_for_query(frame);
            const bool restores = ends_request && restore_settings(status);
            if (!ends_request || restores) pass_run();
            at += frame.bytes.size();
            if (!ends_request || restores) {
                run = at;
            } else {
                pass_run();
                end_request(status);
            }
            if (link_ == &link) emit_synthesized();
            continue;
        }
        if (frame.type == kErrorResponse || is_hidden) pass_run();
        bool wanted = on_server_frame(frame);
        if (wanted && is_hidden) hide_images(frame);
        if (wanted && (is_hidden || hold_back(frame))) wanted = false;
        if (!wanted) pass_run();
        at += frame.bytes.size();
        if (!wanted) run = at;
        if (!frame.complete()) {
            link.body_left = frame.size - frame.bytes.size();
            link.body_forwarded = wanted;
        }
        const bool answered_here =
            link_ == &link && !link.replies.empty() && link.replies.head().is_answered_here();
        if (answered_here) {
            pass_run();
            emit_synthesized();
        }
    }
    pass_run();
    return at;
}

bool Session::forwards() const {
    return !link_->replies.empty() && link_->replies.head().deliver == Deliver::Forward && !failing_over_;
}

// Whether the client gets a message that answers the head of the queue.
bool Session::forward() {
    if (!forwards()) return false;
    if (frames_to_skip_ > 0) {
        --frames_to_skip_;
        ++frames_forwarded_;
        return false;
    }
    ++frames_forwarded_;
    return true;
}

bool Session::on_server_frame(const wire::Frame& frame) {
    ReplyQueue& replies = link_->replies;
    while (!replies.empty() && replies.head().owed == Owed::CopyEnd) replies.pop();
    if (!replies.empty()) {
        if (frame.type == kErrorResponse) spare_pins(replies.head(), frame);
        settle(replies.head());
    } else if (!is_asynchronous(frame.type) && frame.type != kErrorResponse) {
        return false;
    }
    switch (frame.type) {
        case kDataRow:
        case kCopyData: {
            if (replies.head().purpose == Purpose::Check) return note_check(frame), false;
            if (replies.head().purpose == Purpose::Mark) return note_mark(frame), false;
            if (replies.head().purpose == Purpose::OwnFacts) return own_facts_.take_row(frame.body), false;
            if (replies.head().purpose == Purpose::Position)
                return spread_->positions.push_back(first_text(frame.body)), false;
            if (replies.head().purpose == Purpose::Client) note_call_row(frame);
            const bool wanted = forward();
            row_delivered_ |= wanted;
            return wanted;
        }
        case kFunctionCallResponse:
            function_answered(frame);
            return forward();
        case kParseComplete:
            return complete(Owed::Parse);
        case kBindComplete:
            return complete(Owed::Bind);
        case kCloseComplete:
            return complete(Owed::Close);
        case kNoData:
        case kRowDescription: {
            const Owed owed = replies.head().owed;
            const bool is_describe = owed == Owed::DescribePortal || owed == Owed::DescribeStatement;
            return is_describe ? complete(owed) : forward();
        }
        case kCommandComplete:
        case kEmptyQueryResponse:
        case kPortalSuspended:
            return on_command_end(frame);
        case kCopyInResponse:
        case kCopyBothResponse:
            return on_copy_in();
        case kErrorResponse:
            return is_mark_error(frame) ? on_mark_error(frame) : on_error(frame);
        case kParameterStatus:
            return on_parameter_status(frame);
        case kNotificationResponse:
            return true;
        case kNoticeResponse:
            if (is_told(frame)) return false;
            return replies.empty() || replies.head().deliver == Deliver::Forward;
        default:
            return forward();
    }
}

// What failed before anything ran leaves nothing. One of ours fails alone: the request goes on without it.
void Session::spare_pins(Expected& failed, const wire::Frame& error) const {
    if (failed.deliver != Deliver::Forward) return;
    if (!has_run(failed, wire::read_error_fields(error.body))) failed.leaves = sql::Leaves::Nothing;
}

// Nothing does in a failed transaction, nor of a Parse or of a text with a mistake. A command that writes is
// refused as a whole by a standby. User code may raise the same SQLSTATEs elsewhere.
bool Session::has_run(const Expected& failed, const wire::ErrorFields& error) const {
    const bool had_failed_before = transaction_ == wire::TransactionStatus::Failed &&
                                   error.sqlstate == sqlstate::kInFailedTransaction.view();
    if (failed.owed == Owed::Parse || had_failed_before) return false;
    if (failed.owed != Owed::Query || frames_forwarded_ > 0) return true;
    const bool has_mistake = error.sqlstate == sqlstate::kSyntaxError.view() && error.points_into_query;
    const bool is_write =
        failed.info && failed.info->statements.size() == 1 && failed.info->statements[0].writes;
    const bool is_refused =
        is_write && !on_primary() && error.sqlstate == sqlstate::kReadOnlyTransaction.view();
    return !has_mistake && !is_refused;
}

// The row of a check of the pins: one column, t or f.
void Session::note_check(const wire::Frame& row) {
    state_left_ = !row.body.ends_with('f');
}

// The head has got what it waited for.
bool Session::complete(Owed owed) {
    ReplyQueue& replies = link_->replies;
    if (replies.head().owed != owed) return forward();  // not what we expect: the client may know better
    const bool wanted = forward();
    if (owed == Owed::Parse && replies.head().statement && on_primary())
        replies.head().statement->is_proven = true;
    if (owed == Owed::Parse && replies.head().is_taken_parse()) on_taken_parse(replies.head());
    if (replies.head().undo_client) {
        on_name_change(owed);
    } else if (owed == Owed::Close && !replies.head().client_name.empty()) {
        on_name_closed(replies.head().client_name);
    }
    replies.pop();
    return wanted;
}

// The oldest change of a name that was not confirmed is.
void Session::on_name_change(Owed owed) {
    const Undo& confirmed = undo_[undo_done_++];
    if (owed == Owed::Close) on_name_closed(confirmed.name);
}

// A PREPARE on the way may have made it after the Close was sent, or a Parse gives it anew behind that.
void Session::on_name_closed(const std::string& name) {
    if (!statements_.contains(name) && !link_->statements.own_names.contains(name)) return;
    if (open_change(name) == nullptr) forget_name(name);
}

// The name was free at the server after all: from here on it means there, and to the client, what was parsed.
void Session::on_taken_parse(const Expected& parse) {
    link_->statements.own_names.set(parse.client_name, parse.statement);
    statements_.set(parse.client_name, parse.statement);
}

bool Session::on_command_end(const wire::Frame& frame) {
    ReplyQueue& replies = link_->replies;
    const bool wanted = forward();
    row_delivered_ |= wanted;
    Expected& head = replies.head();
    if (frame.type == kCommandComplete && head.purpose == Purpose::Client && head.info) {
        const std::uint32_t index = head.owed == Owed::Query ? statement_index_ : 0;
        on_command_complete(head, index, Cursor(frame.body).c_string());
    }
    if (frame.type == kCommandComplete && head.purpose == Purpose::OwnFacts)
        own_facts_.take_tag(Cursor(frame.body).c_string());
    if (frame.type == kPortalSuspended && head.purpose == Purpose::Client && head.info) {
        on_portal_suspended(head);
    }
    if (spread_ && head.purpose == Purpose::Client) {
        if (frame.type == kPortalSuspended) spread_->outcome.add_suspended();
        if (!begins(head))
            note_main_end(frame.type == kCommandComplete ? Cursor(frame.body).c_string()
                                                         : std::string_view());
    }
    if (head.owed == Owed::Query && head.deliver == Deliver::Forward) ++statement_index_;
    if (head.owed == Owed::Execute) replies.pop();
    return wanted;
}

bool Session::on_copy_in() {
    const bool wanted = forward();
    row_delivered_ |= wanted;
    link_->replies.drop_syncs_before_copy_end();
    // The client may have sent the end of its data before it heard that they are wanted.
    copying_in_ = link_->replies.size() == 1 || link_->replies.at(1).owed != Owed::CopyEnd;
    unsynced_ = unsynced_ || link_->replies.head().owed == Owed::Execute;
    if (copying_in_) forget_gathered();
    if (copies()) copy_in_began();
    return wanted;
}

bool Session::on_parameter_status(const wire::Frame& frame) {
    const auto status = wire::read_parameter_status(frame.body);
    if (!status) return false;
    link_->reported = around_.names.with(link_->reported, status->name, status->value);
    const bool ours = !link_->replies.empty() && link_->replies.head().deliver == Deliver::Swallow;
    const bool was_reset = link_->settings.current() != settings_.current();
    if (ours || was_reset || status->name == "in_hot_standby")
        return false;  // tell_parameters() tells the difference
    reported_ = around_.names.with(reported_, status->name, status->value);
    note_parameters();
    return true;
}

void Session::count_error(std::string_view severity) {
    const Counted kind = severity == "PANIC"   ? Counted::Panic
                         : severity == "FATAL" ? Counted::Fatal
                                               : Counted::Error;
    around_.node_statistics.count(link_->node, kind);
}

// Of what takes the token: locks, or the mark itself, behind SET CONSTRAINTS: what of both is still to be
// answered tells.
bool Session::is_mark_error(const wire::Frame& frame) const {
    ReplyQueue& replies = link_->replies;
    if (frame.type != kErrorResponse || replies.empty()) return false;
    if (replies.head().purpose == Purpose::Lock) return true;
    if (replies.head().purpose != Purpose::Mark) return false;
    int left = 0;
    for (std::size_t i = 0; i < replies.size() && replies.at(i).owed != Owed::Sync; ++i)
        left += replies.at(i).purpose == Purpose::Mark ? 1 : 0;
    return left <= 2;
}

// Its parameters are not for clients (common/cluster/fence.h).
bool Session::on_mark_error(const wire::Frame& frame) {
    std::string told;
    wire::append_frame(told, kErrorResponse, wire::without_context(frame.body));
    const wire::Frame safe = wire::next_frame(told).frame;
    if (on_error(safe) && !hold_back(safe)) reply(told);
    return false;
}

bool Session::on_error(const wire::Frame& frame) {
    ReplyQueue& replies = link_->replies;
    const wire::ErrorFields fields = wire::read_error_fields(frame.body);
    count_error(fields.severity);
    if (fields.fatal() && fields.sqlstate == sqlstate::kProtocolViolation.view()) {  // the client's own doing
        std::string last;
        wire::append_frame(last, kErrorResponse, frame.body);
        reply(last);
        on_client_gone();
        effects_.close();
        return false;
    }
    if (!fields.fatal() && replies.empty() && unsynced_)
        return skip_with_server(), error_seen_ = true;  // to a Flush
    if (fields.fatal() ||
        replies.empty()) {  // the connection ends: on_link_lost() finds the words for the client
        internal_error_.assign(frame.body);
        return false;
    }
    const Expected& head = replies.head();
    const std::string told = in_client_words(frame.body, head.client_name);
    const bool in_batch = !head.ends_batch();
    const bool ours = is_head_ours();
    const std::optional<wire::Report> no_locks = why_no_locks(head, fields);
    const bool of_query = in_batch && prepares_for_query(0);
    if (in_batch) {
        undo_skipped(replies);
    } else {
        undo_prepared(head);
    }
    const bool is_marker_left = !replies.empty() && replies.head().purpose == Purpose::Mark;
    if (of_query && (replies.empty() || is_marker_left)) {
        end_skipped_query();
    } else if (in_batch && replies.empty()) {
        skip_with_server();
    }
    copying_in_ = false;
    if (ours) {
        internal_error_.assign(frame.body);
        return false;
    }
    error_seen_ = true;
    if (spread_) spread_->outcome.add_error(fields.sqlstate);
    if (repeat_on_primary(fields)) return false;
    ++frames_forwarded_;
    frames_to_skip_ = 0;
    row_delivered_ = true;
    if (!told.empty()) {
        std::string renamed;
        wire::append_frame(renamed, kErrorResponse, told);
        reply(renamed);
        return false;
    }
    if (tells_deadlock(fields)) return false;
    if (no_locks) return say(*no_locks), false;
    if (!timed_out_ || fields.sqlstate != sqlstate::kQueryCanceled.view()) return true;
    timed_out_ = false;
    say({.sqlstate = sqlstate::kQueryCanceled, .message = "canceling statement due to query_timeout"});
    return false;
}

// An error that names a statement by our name for it, with the client's; empty: it does not.
std::string Session::in_client_words(ByteView error_body, std::string_view name) const {
    const std::string& prefix = around_.prepared.prefix();
    std::size_t at = error_body.find(prefix);
    if (at == std::string_view::npos) return {};
    std::string told(error_body);
    for (; (at = told.find(prefix, at)) != std::string::npos;) {
        const std::size_t end = told.find_first_not_of("0123456789", at + prefix.size());
        told.replace(at, std::min(end, told.size()) - at, name);
        at += name.size();
    }
    return told;
}

// Messages of ours for a Query, without a Sync between them and it.
bool Session::prepares_for_query(std::size_t from) const {
    ReplyQueue& replies = link_->replies;
    std::size_t i = from;
    while (i < replies.size() && replies.at(i).deliver == Deliver::Swallow && !replies.at(i).ends_batch())
        ++i;
    const bool is_there = i > from && i < replies.size();
    return is_there && (replies.at(i).owed == Owed::Query || replies.at(i).owed == Owed::FunctionCall);
}

// The server skips a Query that would have failed by itself: a Sync of ours brings its ReadyForQuery, or that
// of the marker does.
void Session::end_skipped_query() {
    may_be_skipped_ = false;
    if (link_->replies.empty()) {
        wire::append_sync(out_);
        send_made();
    } else {  // nothing is sent behind the marker before it is answered
        link_->replies.pop();
        --spread_->main_owes;
    }
    link_->replies.push(Owed::Sync);
}

// The Sync of the failed batch is not sent yet: what the client sends before it is ignored, as the server
// does.
void Session::skip_with_server() {
    server_skips_ = unsynced_ = true;
    may_be_skipped_ = false;
    forget_gathered();
}

// What was gathered means something else now: it is read again.
void Session::forget_gathered() {
    request_ = {};
    if (!std::exchange(awaits_batch_end_, false) && wait_ != Wait::Facts) return;
    effects_.disarm(TimerKind::Wait);
    wait_ = Wait::Nothing;
}

// What the head answers is no part of what the client has asked for.
bool Session::is_head_ours() const {
    const Expected& head = link_->replies.head();
    return head.deliver == Deliver::Swallow && (head.ends_batch() || !is_in_batch_of_client(0));
}

// Whether the extended-protocol messages from there on end with a Sync of the client: then an error of a
// statement that we prepare for them is the client's error.
bool Session::is_in_batch_of_client(std::size_t from) const {
    ReplyQueue& replies = link_->replies;
    for (std::size_t i = from; i < replies.size(); ++i) {
        const Expected& expected = replies.at(i);
        if (expected.deliver != Deliver::Swallow) return true;
        if (expected.owed == Owed::Sync) return false;
    }
    return unsynced_;
}

// A standby refused what looked like a read, or a recovery conflict ended it: the client hears nothing of it,
// as long as it has seen no row.
bool Session::repeat_on_primary(const wire::ErrorFields& fields) {
    const bool read_only = fields.sqlstate == sqlstate::kReadOnlyTransaction.view();
    const bool conflict = fields.sqlstate == sqlstate::kSerializationFailure.view();
    const bool unsupported = fields.sqlstate == sqlstate::kFeatureNotSupported.view();  // SERIALIZABLE there
    if (!(read_only || conflict || unsupported) || on_primary() || !can_repeat()) return false;
    failing_over_ = true;
    avoid_standby_ = true;
    learn_write_ = read_only;
    return true;
}

// The turn of a request has come: what it may do counts for the transaction from here on.
void Session::settle(Expected& expected) {
    wrote_ |= expected.marks.writes;
    commits_ |= expected.marks.commits;
    ddl_ |= expected.marks.is_ddl;
    changes_logins_ |= expected.marks.changes_logins;
    if (expected.leaves != sql::Leaves::Nothing) pin(std::exchange(expected.leaves, sql::Leaves::Nothing));
}

// Entries that the server skips after an error: what they promised does not come, latest first.
void Session::undo_skipped(ReplyQueue& replies) {
    std::vector<Expected> skipped;
    replies.skip_to_sync([&](Expected& expected) {
        settle(expected);
        skipped.push_back(expected);
    });
    const auto count = std::count_if(skipped.begin(), skipped.end(),
                                     [](const Expected& expected) { return expected.undo_client; });
    const auto first_name = undo_.begin() + static_cast<std::ptrdiff_t>(undo_done_);
    auto name = first_name + count;
    for (auto at = skipped.rbegin(); at != skipped.rend(); ++at) {
        if (at->undo_client) undo_name(*--name);
        if (at->owed == Owed::Close && at->statement) {
            link_->statements.add(at->statement);
        } else {
            undo_prepared(*at);
        }
    }
    undo_.erase(first_name, first_name + count);
    undo_unnamed(skipped);
}

// Which unnamed statement the server has now depends on how far it got, unless a later batch replaces it. The
// client's is gone if the message that failed was to replace it; what was skipped has left it as it was.
void Session::undo_unnamed(const std::vector<Expected>& skipped) {
    const auto replaces = [](const Expected& expected) {
        return expected.claims_unnamed || expected.owed == Owed::Query;
    };
    const auto is_of_client = [](const Expected& expected) {
        return expected.claims_unnamed && expected.deliver == Deliver::Forward;
    };
    if (std::none_of(skipped.begin(), skipped.end(), replaces)) return;
    if (link_->replies.find(replaces) == nullptr) {
        link_->statements.unnamed = UnnamedStatement::unknown();
    }
    const auto first = std::find_if(skipped.begin(), skipped.end(), is_of_client);
    if (first == skipped.end()) return;
    const auto kept = first != skipped.begin() ? first->unnamed_before : nullptr;
    if (Expected* later = link_->replies.find(is_of_client)) {
        if (later->unnamed_before) later->unnamed_before = kept;
        return;
    }
    unnamed_.forget();
    if (kept) unnamed_ = *kept;
}

void Session::undo_name(const Undo& undo) {
    statements_.set(undo.name, undo.previous);
    link_->statements.own_names.set(undo.name, undo.was_own_name ? undo.previous : nullptr);
}

// The server connection did not get the statement that it was thought to have.
void Session::undo_prepared(const Expected& expected) {
    if (!expected.statement || expected.is_taken_parse()) return;
    if (!expected.under_own_name) return link_->statements.forget(expected.statement->id);
    link_->statements.own_names.set(expected.client_name, nullptr);
}

void Session::emit_synthesized() {
    ReplyQueue& replies = link_->replies;
    std::string frames;
    while (!replies.empty()) {
        if (replies.head().owed == Owed::CopyEnd) {  // nobody had asked for copied data
            replies.pop();
            continue;
        }
        if (replies.head().deliver != Deliver::Synthesize) break;
        const char type = replies.head().owed == Owed::Parse ? kParseComplete : kCloseComplete;
        if (frames_to_skip_ > 0) {
            --frames_to_skip_;
        } else {
            wire::append_frame(frames, type, {});
        }
        ++frames_forwarded_;
        if (replies.head().undo_client) on_name_change(replies.head().owed);
        settle(replies.head());
        replies.pop();
    }
    if (frames.empty()) return;
    if (spread_ && spread_->holds)
        spread_->held += frames;
    else
        reply(frames);
}

bool Session::on_ready_for_query(const wire::Frame& frame) {
    ReplyQueue& replies = link_->replies;
    link_->status = static_cast<wire::TransactionStatus>(frame.body.empty() ? 'I' : frame.body[0]);
    while (!replies.empty() && replies.head().owed == Owed::CopyEnd) replies.pop();
    if (replies.empty()) return false;
    Expected& head = replies.head();
    settle(head);
    const bool ours = head.deliver == Deliver::Swallow;
    const Purpose purpose = head.purpose;
    replies.pop();
    if (ours) return swallow_ready(purpose);
    if (spread_ && !failing_over_) return main_answered(link_->status);
    if (!failing_over_) return true;
    failing_over_ = false;
    repeat_request();
    return false;
}

// After a RESET the server has its defaults, the client expects what its startup packet said. If that is to
// be set again the client's ReadyForQuery waits for it (true); else it is told what the server has now.
bool Session::restore_settings(wire::TransactionStatus status) {
    if (link_->settings.current() == settings_.current()) return false;
    if (status == wire::TransactionStatus::Idle && link_->replies.empty() && !unsynced_ && !error_seen_) {
        const Replay difference = replay(*link_->settings.current(), *settings_.current());
        if (!difference.sql.empty()) {
            send_own_query(difference.sql, Purpose::Restore);
            wait_ = Wait::Settings;
            return true;
        }
        link_->settings.replace(settings_.current());
    }
    if (link_->replies.empty()) tell_parameters();
    return false;
}

// The end of an exchange of ours. Always false: the client does not hear of it.
bool Session::swallow_ready(Purpose purpose) {
    const std::string error = std::exchange(internal_error_, {});
    if (purpose == Purpose::OwnFacts) return own_facts_came(error), false;
    if (purpose == Purpose::Mark || purpose == Purpose::Position || purpose == Purpose::End)
        return main_stepped(error), false;
    if (purpose == Purpose::Restore) {
        // What was refused is set again for the next request, whose client hears why it cannot be.
        if (error.empty()) link_->settings.replace(settings_.current());
        return finish_restore(), false;
    }
    if (purpose == Purpose::Check) {
        if (state_left_) return false;
        pins_ = sql::Leaves::Nothing;
        temporaries_.clear();
    }
    if (purpose == Purpose::Replay && wait_ == Wait::Settings) {
        wait_ = Wait::Nothing;
        if (!error.empty()) return refuse_link(error), false;
        if (phase_ == Phase::Starting) {
            continue_start();
        } else if (link_->replies.empty()) {
            tell_parameters();
        }
        return false;
    }
    if (purpose == Purpose::Replay) tell_parameters();
    if (!error.empty() && (purpose == Purpose::Replay || purpose == Purpose::Begin)) {
        // What followed ran without it: nothing on this connection can be trusted any more.
        internal_error_ = error;
        lose_link("a setting or BEGIN was refused on a reused connection");
        return false;
    }
    if (!link_->replies.owes_client()) {
        release_if_free();
    } else if (cancel_is_due_) {
        cancel_running();
    }
    return false;
}

void Session::finish_restore() {
    wait_ = Wait::Nothing;
    if (link_ != nullptr) tell_parameters();
    std::string frame;
    wire::append_ready_for_query(frame, wire::TransactionStatus::Idle);
    reply(frame);
    end_request(wire::TransactionStatus::Idle);
}

}  // namespace pgpool::exec
