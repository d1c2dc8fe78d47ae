// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/follower.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/markers/two_phase.h"
#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "proxy/exec/settings.h"
#include "proxy/sql/settings.h"

namespace pgpool::exec {

using namespace wire::backend;

namespace {

// Larger messages are passed over as they arrive; what matters is short.
constexpr std::size_t kMaxHeld = std::size_t{64} << 10U;

}  // namespace

void Follower::begin_step(Step step) {
    step.prepares = std::exchange(prepares_, false);
    step.begins = std::exchange(begins_, false);
    step.ends_branch = std::exchange(ends_branch_, false);
    steps_.push_back(std::move(step));
    if (awaits_begin_ && is_synced_) ++steps_held_;
}

void Follower::end_with_sync(std::string& out, Step step) {
    wire::append_sync(out);
    link->replies.push(Owed::Sync, Deliver::Swallow, Purpose::Copy);
    step.has_sync = true;
    begin_step(std::move(step));
    makes_sync_ = true;
}

// As any simple Query it destroys the unnamed statement (PG documentation 55.2.3).
void Follower::run(std::string& out, std::string_view sql) {
    wire::append_query(out, sql);
    link->statements.unnamed = {};
    link->replies.push(Owed::Query, Deliver::Swallow, Purpose::Copy);
    begin_step({.kind = Kind::Own, .expected = {}, .result = {}});
}

void Follower::begin(std::string& out, const PreparedPtr& begin) {
    execute(out, begin, kNoValues);
    begins_ = awaits_begin_ = true;
    is_synced_ = makes_sync_ = false;
}

void Follower::commit(std::string& out) {
    StepOutcome done;
    done.add_tag(branch_.is_prepared() ? "COMMIT PREPARED" : "COMMIT");
    repeat(out, {.sql = end_of_transaction("COMMIT"), .executions = {}}, done);
}

void Follower::undo(std::string& out) {
    run(out, end_of_transaction("ROLLBACK"));
}

// As the next step.
std::string Follower::end_of_transaction(std::string_view verb) {
    ends_branch_ = branch_.is_prepared();
    return ends_branch_ ? branch_.end(verb) : std::string(verb);
}

void Follower::roll_back(std::string& out, const PreparedPtr& settle, std::string_view settle_values) {
    awaits_begin_ = begin_failed_ = false;
    undo(out);
    if (std::exchange(has_lost_track_, false)) run(out, "DEALLOCATE ALL");
    execute(out, settle, settle_values);
    end_with_sync(out, {.kind = Kind::Own, .expected = {}, .settles = true, .result = {}});
    difference_.clear();
    held_.clear();
    ++begun_anew;
}

bool Follower::hold_back(std::string_view steps) {
    const bool holds = awaits_begin_ && is_synced_;
    if (holds) held_ += steps;
    if (begin_failed_) forget_held();
    is_synced_ |= std::exchange(makes_sync_, false);
    return holds;
}

std::string Follower::take_held() {
    if (!begin_failed_ && (awaits_begin_ || !difference_.empty())) return {};
    steps_held_ = 0;
    return std::exchange(held_, {});
}

bool Follower::forget_held() {
    if (held_.empty()) return false;
    held_.clear();
    for (; steps_held_ > 0; --steps_held_) {
        if (steps_.back().kind == Kind::Mark) branch_.not_sent();
        if (steps_.back().prepares) lose_track();
        steps_.pop_back();
        link->replies.pop();  // one is as good as another: all are swallowed
    }
    return true;
}

void Follower::repeat(std::string& out, const CopiedRequest& request, const StepOutcome& expected,
                      Next next) {
    if (!request.before.empty()) {
        prepares_ = true;
        run(out, request.before);
        prepares_ = true;
    }
    if (!request.sql.empty()) {
        wire::append_query(out, request.sql);
        link->statements.unnamed = {};
        link->replies.push(Owed::Query, Deliver::Swallow, Purpose::Copy);
        begin_step({.kind = Kind::Copy, .expected = expected, .result = {}});
        if (!request.after.empty()) run(out, request.after);
        return;
    }
    for (const auto& execution : request.executions) execute(out, execution.statement, execution.values);
    if (next == Next::Mark)
        shares_sync_ = expected;
    else
        end_with_sync(out, {.kind = Kind::Copy, .expected = expected, .result = {}});
}

void Follower::forget_names(std::string& out) {
    for (const std::string& name : link->statements.own_names.names())
        run(out, "DEALLOCATE " + sql::in_quotes(name));
    link->statements.own_names.clear();
}

void Follower::begin_copy(std::string& out, std::string_view sql) {
    wire::append_query(out, sql);
    link->statements.unnamed = {};
    link->replies.push(Owed::Query, Deliver::Swallow, Purpose::Copy);
    begin_step({.kind = Kind::Copy, .expected = {}, .is_open = true, .result = {}});
}

// Nothing is sent behind an open step before this: it is the last one, or has ended.
void Follower::expect(const StepOutcome& expected) {
    if (steps_.empty()) return;
    Step& step = steps_.back();
    step.expected = expected;
    step.is_open = false;
    if (!step.result) return;
    compare(step, *step.result);
    steps_.pop_back();
}

void Follower::mark(std::string& out, const PreparedPtr& constraints, const PreparedPtr& mark,
                    std::string_view mark_values, std::string_view answer, std::string_view gid) {
    marked_ = false;
    answer_ = answer;
    execute(out, constraints, kNoValues);
    execute(out, mark, mark_values);
    std::optional<StepOutcome> expected = std::exchange(shares_sync_, std::nullopt);
    if (expected) {
        expected->add_tag("SET CONSTRAINTS");
        expected->add_tag("SELECT 1");
        if (!gid.empty() && needs_reset) expected->add_tag("SET");
        if (!gid.empty()) expected->add_tag("PREPARE TRANSACTION");
    }
    if (!gid.empty()) prepare_transaction(out, gid);
    end_with_sync(out, {.kind = Kind::Mark, .expected = std::move(expected), .result = {}});
}

// In the same batch: the server skips it if there is no marker. What is prepared may be ended by the role
// that has prepared it, which must not be one that was set for the transaction alone.
void Follower::prepare_transaction(std::string& out, std::string_view gid) {
    if (needs_reset) execute_once(out, "SET ROLE NONE");
    execute_once(out, branch_.ask(gid));
}

void Follower::execute_once(std::string& out, std::string_view sql) {
    wire::append_parse(out, "", parse_body(sql));
    link->statements.unnamed = {};
    wire::FrameBuilder(out, wire::frontend::kBind).string("").string("").bytes(kNoValues);
    wire::FrameBuilder(out, wire::frontend::kExecute).string("").int32(0);
}

void Follower::ensure_prepared(std::string& out, const PreparedPtr& statement) {
    if (link->statements.has(*statement)) return;
    if (const PreparedPtr evicted = link->statements.evict()) {
        wire::append_close_statement(out, evicted->server_name);
    }
    wire::append_parse(out, statement->server_name, statement->sql_and_types);
    link->statements.add(statement);
    prepares_ = true;
}

void Follower::execute(std::string& out, const PreparedPtr& statement, std::string_view values) {
    ensure_prepared(out, statement);
    wire::FrameBuilder(out, wire::frontend::kBind).string("").string(statement->server_name).bytes(values);
    wire::FrameBuilder(out, wire::frontend::kExecute).string("").int32(0);
}

std::size_t Follower::on_bytes(ByteView bytes, NameValuesTable& names) {
    std::size_t at = 0;
    while (at < bytes.size()) {
        if (link->body_left > 0) {
            const std::size_t count = std::min<std::uint64_t>(link->body_left, bytes.size() - at);
            link->body_left -= count;
            at += count;
            continue;
        }
        const auto [frame, error] = wire::next_frame(bytes.substr(at));
        if (error == wire::FrameError::NeedMore) break;
        if (error == wire::FrameError::BadLength) {
            difference_ = "it sent a message with an impossible length";
            return bytes.size();
        }
        if (!frame.complete() && frame.size <= kMaxHeld) break;
        at += frame.bytes.size();
        if (!frame.complete()) link->body_left = frame.size - frame.bytes.size();
        on_frame(frame, names);
    }
    return at;
}

void Follower::on_frame(const wire::Frame& frame, NameValuesTable& names) {
    switch (frame.type) {
        case kCommandComplete:
            return on_tag(Cursor(frame.body).c_string());
        case kPortalSuspended:
            return outcome_.add_suspended();
        case kDataRow:
            return on_data_row(frame);
        case kErrorResponse:
            return on_error(frame.body);
        case kParameterStatus:
            if (const auto told = wire::read_parameter_status(frame.body)) {
                link->reported = names.with(link->reported, told->name, told->value);
            }
            return;
        case kReadyForQuery:
            link->status = static_cast<wire::TransactionStatus>(frame.body.empty() ? 'I' : frame.body[0]);
            return end_step();
        default:
            return;
    }
}

void Follower::on_tag(std::string_view tag) {
    if (awaits_begin_ && !steps_.empty() && steps_.front().begins)
        awaits_begin_ = false;
    else
        outcome_.add_tag(tag);
    branch_.on_tag(tag);
}

// The row of the marker, the last of its step.
void Follower::on_data_row(const wire::Frame& frame) {
    if (!steps_.empty() && steps_.front().kind == Kind::Mark)
        marked_ = wire::is_single_value(frame.body, answer_);
}

void Follower::on_error(ByteView body) {
    const wire::ErrorFields fields = wire::read_error_fields(body);
    const bool is_mark = !steps_.empty() && steps_.front().kind == Kind::Mark;
    if (is_mark && branch_.is_asked()) on_mark_error(body, fields.sqlstate);
    outcome_.add_error(fields.sqlstate);
    if (difference_.empty()) {  // else it is what the first one brings with it
        last_error_.assign(fields.message);
        last_state_.assign(fields.sqlstate);
    }
    needs_reset = true;  // what has failed may have left something of the session behind
    if (steps_.empty()) return;
    if (awaits_begin_ && steps_.front().begins) return on_begin_failed(std::string(fields.sqlstate));
    if (steps_.front().kind == Kind::Mark) marked_ = false;
    if (steps_.front().prepares) lose_track();
}

// Which statements came to be there is not known any more.
void Follower::lose_track() {
    link->statements.clear();
    needs_reset = has_lost_track_ = true;
}

// Not of the marker, but of what follows it: what the transaction did, or the server's settings, forbid it.
void Follower::on_mark_error(ByteView body, std::string_view sqlstate) {
    constexpr std::array<std::string_view, 3> kStates{"0A000", "55000", "53200"};
    const bool stays = std::find(kStates.begin(), kStates.end(), sqlstate) != kStates.end();
    if (marked_ && stays) unpreparable_.assign(body);
}

// Up to the next Sync the server answers nothing: if none was sent it gets one. What would follow is dropped.
void Follower::on_begin_failed(const std::string& error) {
    difference_ = fmt::format("!{} instead of BEGIN ({})", error, last_error_);
    differs_alike_ = false;
    lose_track();
    forget_held();
    for (; !steps_.empty() && !steps_.front().has_sync; steps_.pop_front()) link->replies.pop();
    if (steps_.empty()) end_with_sync(held_, {.kind = Kind::Own, .expected = {}, .result = {}});
    begin_failed_ = is_synced_ = true;
    steps_held_ = 0;
}

void Follower::end_step() {
    if (!link->replies.empty()) link->replies.pop();
    if (steps_.empty()) return;
    const StepOutcome result = std::exchange(outcome_, {});
    if (steps_.front().is_open) {
        steps_.front().result = result;
        return;
    }
    // A marker that was refused is no difference.
    const bool is_mark = steps_.front().kind == Kind::Mark;
    const bool is_refused =
        is_mark && branch_.is_asked() && result.failed_with(SqlState(markers::kNotMarked));
    if (!is_refused) compare(steps_.front(), result);
    if (is_mark) branch_.on_asked_end();
    const bool is_missing = result.failed_with(sqlstate::kUndefinedObject);  // somebody else has ended it
    if (steps_.front().ends_branch) branch_.on_end(!result.failed() || is_missing);
    steps_.pop_front();
}

std::string_view Follower::refusal() const {
    constexpr std::array<std::string_view, 2> kClasses{"0A", "42"};
    const bool is_lasting = differs_alike_ && std::find(kClasses.begin(), kClasses.end(),
                                                        differs_by_.substr(0, 2)) != kClasses.end();
    return is_lasting ? std::string_view(last_error_) : std::string_view();
}

void Follower::compare(const Step& step, const StepOutcome& result) {
    if (step.settles) {
        is_settled_ = !result.failed();
        return;
    }
    const bool differs = step.expected ? !result.equals(*step.expected) : result.failed();
    if (!differs || !difference_.empty()) return;
    const std::string state = result.failed() ? last_state_ : std::string();
    differs_alike_ = differs_alike_ && (begun_anew == 0 || (is_settled_ && state == differs_by_));
    differs_by_ = state;
    met_deadlock_ = result.failed_with(sqlstate::kDeadlockDetected);
    difference_ = step.expected ? fmt::format("{} instead of {}", result.text(), step.expected->text())
                                : std::string(result.text());
    if (result.failed()) difference_ += fmt::format(" ({})", last_error_);
}

}  // namespace pgpool::exec
