// SPDX-License-Identifier: PostgreSQL
#include "tests/support/fake_postgres.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/message.h"
#include "common/wire/messages.h"

namespace pgpool::support {

namespace {

namespace front = wire::frontend;
namespace back = wire::backend;

constexpr std::uint32_t kTextOid = 25;

// How many parameters a text has: its highest $n. Those of a PREPARE are of what it prepares.
std::uint16_t parameters_of(const SqlText& sql) {
    if (sql.is(0, "prepare")) return 0;
    int highest = 0;
    for (const Word& word : sql.words) {
        if (word.kind == Word::Kind::Name && word.text.starts_with('$')) {
            highest = std::max(highest, std::atoi(word.text.c_str() + 1));
        }
    }
    return static_cast<std::uint16_t>(std::clamp(highest, 0, 1000));
}

}  // namespace

FakePostgres::FakePostgres(FakeNode& node, FakeSql::Settings startup, std::string own_prefix)
    : sql_(node, std::move(startup)), own_prefix_(std::move(own_prefix)) {}

std::string FakePostgres::output() {
    return std::exchange(flushed_, {});
}

bool FakePostgres::busy() const {
    return mode_ != Mode::Normal || unsynced_ || skipping_ || !in_.empty() || !out_.empty() || !todo_.empty();
}

void FakePostgres::take(ByteView bytes) {
    in_.append(bytes);
    resume();
}

void FakePostgres::resume() {
    while (!closed_ && mode_ != Mode::Asleep) {
        const auto [frame, error] = wire::next_frame(in_);
        if (error == wire::FrameError::BadLength) {
            blame("a message with an impossible length");
            die("08P01");
        }
        if (error || !frame.complete()) return;
        const std::string bytes(frame.bytes);
        in_.erase(0, bytes.size());
        const wire::Frame copy = wire::next_frame(bytes).frame;
        if (mode_ == Mode::CopyIn) {
            on_copy_frame(copy);
        } else {
            on_frame(copy);
        }
    }
}

void FakePostgres::on_frame(const wire::Frame& frame) {
    if (skipping_ && frame.type != front::kSync && frame.type != front::kTerminate) return;
    Cursor cursor(frame.body);
    switch (frame.type) {
        case front::kQuery:
            return on_query(cursor.c_string());
        case front::kParse:
            return on_parse(frame);
        case front::kBind:
            return on_bind(frame);
        case front::kDescribe:
            return on_describe(frame);
        case front::kExecute:
            return on_execute(frame);
        case front::kClose:
            return on_close(frame);
        case front::kFunctionCall:
            return on_function_call();
        case front::kSync:
            skipping_ = unsynced_ = false;
            sql_.end_implicit();
            return ready();
        case front::kFlush:
            return flush();
        case front::kTerminate:
            closed_ = true;
            return;
        case front::kCopyData:
        case front::kCopyDone:
        case front::kCopyFail:
            return;  // of a COPY that failed
        default:
            blame(fmt::format("message of type {}", static_cast<int>(frame.type)));
            return die("08P01");
    }
}

void FakePostgres::on_query(std::string_view sql) {
    portals_.erase("");
    sql_.prepared().erase("");
    in_query_ = true;
    unsynced_ = false;
    const auto statements = read_sql(sql);
    todo_.assign(statements.begin(), statements.end());
    for (const SqlText& statement : statements) {
        if (const auto refusal = sql_.refuses(statement); refusal && refusal->sqlstate == "42601") {
            return fail(refusal->sqlstate, refusal->message);  // the whole text is parsed first
        }
    }
    if (todo_.empty()) answer(back::kEmptyQueryResponse);
    run_query();
}

void FakePostgres::run_query() {
    while (!todo_.empty()) {
        const SqlText sql = todo_.front();
        const Outcome outcome = sql_.run(sql, {});
        if (outcome.kind == Outcome::Kind::Sleeps) {
            mode_ = Mode::Asleep;
            return;
        }
        if (outcome.kind == Outcome::Kind::Failed) return fail(outcome.sqlstate, outcome.message);
        todo_.pop_front();
        if (!outcome.notice.empty()) notice(outcome.notice);
        if (outcome.kind == Outcome::Kind::CopyIn) {
            copy_tag_ = outcome.tag;
            mode_ = Mode::CopyIn;
            answer(back::kCopyInResponse, std::string(3, '\0'));
            return flush();
        }
        if (outcome.kind == Outcome::Kind::CopyOut) {
            answer(back::kCopyOutResponse, std::string(3, '\0'));
            for (const auto& line : outcome.rows) answer(back::kCopyData, line);
            answer(back::kCopyDone);
        } else if (outcome.has_rows) {
            describe_rows(true);
            for (const auto& value : outcome.rows) row(value);
        }
        complete(outcome.tag);
    }
    finish_query();
}

void FakePostgres::finish_query() {
    in_query_ = false;
    sql_.end_implicit();
    ready();
}

void FakePostgres::on_parse(const wire::Frame& frame) {
    unsynced_ = true;
    const auto parse = wire::read_parse(frame.body);
    if (!parse) return fail("08P01", "invalid message format");
    if (parse->name.empty()) sql_.prepared().erase("");
    const auto statements = read_sql(parse->sql);
    const SqlText sql = statements.empty() ? SqlText{} : statements.front();
    if (statements.size() > 1) {
        return fail("42601", "cannot insert multiple commands into a prepared statement");
    }
    if (const auto refusal = sql_.refuses(sql)) return fail(refusal->sqlstate, refusal->message);
    const std::string name(parse->name);
    if (sql_.prepared().contains(name)) {
        return fail("42P05", "prepared statement \"" + name + "\" already exists");
    }
    const bool has_rows = sql_.gives_rows(sql);
    sql_.prepared()[name] = {sql, parameters_of(sql), has_rows};
    answer(back::kParseComplete);
}

void FakePostgres::on_bind(const wire::Frame& frame) {
    unsynced_ = true;
    const auto bind = wire::read_bind(frame.body);
    if (!bind) return fail("08P01", "invalid message format");
    const auto prepared = sql_.prepared().find(std::string(bind->statement));
    if (prepared == sql_.prepared().end()) {
        if (is_ours(bind->statement)) blame(fmt::format("Bind of {}, which is not there", bind->statement));
        return fail("26000", bind->statement.empty()
                                 ? "unnamed prepared statement does not exist"
                                 : fmt::format("prepared statement \"{}\" does not exist", bind->statement));
    }
    if (const auto refusal = sql_.refuses(prepared->second.sql)) {
        return fail(refusal->sqlstate, refusal->message);
    }
    Portal portal{prepared->second.sql, {}, sql_.gives_rows(prepared->second.sql), false, false, {}, {}};
    Cursor cursor(bind->rest);
    cursor.bytes(std::size_t{cursor.u16()} * 2);
    for (std::uint16_t left = cursor.u16(); left > 0 && cursor.ok(); --left) {
        const std::int32_t size = cursor.i32();
        portal.parameters.emplace_back(size < 0 ? ByteView() : cursor.bytes(static_cast<std::size_t>(size)));
    }
    cursor.bytes(std::size_t{cursor.u16()} * 2);
    if (!cursor.at_end()) return fail("08P01", "invalid message format");
    if (portal.parameters.size() != prepared->second.parameters) {
        return fail("08P01", fmt::format("bind message supplies {} parameters, but prepared statement "
                                         "requires {}",
                                         portal.parameters.size(), prepared->second.parameters));
    }
    drop_old_portals();
    const std::string name(bind->portal);
    if (!name.empty() && portals_.contains(name)) {
        return fail("42P03", "cursor \"" + name + "\" already exists");
    }
    portals_.insert_or_assign(name, std::move(portal));
    answer(back::kBindComplete);
}

void FakePostgres::on_describe(const wire::Frame& frame) {
    unsynced_ = true;
    const auto target = wire::read_target(frame.body);
    if (!target) return fail("08P01", "invalid DESCRIBE message");
    const std::string name(target->name);
    if (target->kind == 'P') {
        drop_old_portals();
        const auto portal = portals_.find(name);
        if (portal == portals_.end()) return fail("34000", "portal \"" + name + "\" does not exist");
        return describe_rows(portal->second.gives_rows);
    }
    const auto prepared = sql_.prepared().find(name);
    if (prepared == sql_.prepared().end()) {
        if (is_ours(name)) blame("Describe of " + name + ", which is not there");
        return fail("26000", "prepared statement \"" + name + "\" does not exist");
    }
    if (sql_.status() == FakeSql::Status::Failed && prepared->second.gives_rows) {
        return fail("25P02", "current transaction is aborted");
    }
    std::string body;
    append_be16(body, prepared->second.parameters);
    for (std::uint16_t i = 0; i < prepared->second.parameters; ++i) append_be32(body, kTextOid);
    answer(back::kParameterDescription, body);
    describe_rows(prepared->second.gives_rows);
}

void FakePostgres::on_execute(const wire::Frame& frame) {
    unsynced_ = true;
    const auto execute = wire::read_execute(frame.body);
    if (!execute) return fail("08P01", "invalid message format");
    drop_old_portals();
    running_ = execute->portal;
    const auto portal = portals_.find(running_);
    if (portal == portals_.end()) return fail("34000", "portal \"" + running_ + "\" does not exist");
    if (const auto refusal = sql_.refuses(portal->second.sql)) {
        return fail(refusal->sqlstate, refusal->message);
    }
    limit_ = execute->max_rows > 0 ? static_cast<std::size_t>(execute->max_rows) : SIZE_MAX;
    run_portal();
}

void FakePostgres::run_portal() {
    Portal& portal = portals_.at(running_);
    if (portal.ended) {
        if (portal.tag.empty()) return fail("55000", "portal cannot be run");
        return complete(portal.tag);
    }
    if (portal.started) return show(portal);
    const Outcome outcome = sql_.run(SqlText(portal.sql), portal.parameters);
    if (outcome.kind == Outcome::Kind::Sleeps) {
        mode_ = Mode::Asleep;
        return;
    }
    if (outcome.kind == Outcome::Kind::Failed) return fail(outcome.sqlstate, outcome.message);
    if (!outcome.notice.empty()) notice(outcome.notice);
    if (outcome.kind == Outcome::Kind::Empty) return answer(back::kEmptyQueryResponse);
    portal.started = true;
    if (outcome.kind == Outcome::Kind::CopyIn) {
        copy_tag_ = outcome.tag;
        mode_ = Mode::CopyIn;
        answer(back::kCopyInResponse, std::string(3, '\0'));
        return flush();
    }
    if (outcome.kind == Outcome::Kind::CopyOut) {
        answer(back::kCopyOutResponse, std::string(3, '\0'));
        for (const auto& line : outcome.rows) answer(back::kCopyData, line);
        answer(back::kCopyDone);
        portal.ended = true;
        return complete(outcome.tag);
    }
    if (!outcome.has_rows || !portal.gives_rows) {
        portal.ended = true;
        return complete(outcome.tag);
    }
    portal.rows.assign(outcome.rows.begin(), outcome.rows.end());
    portal.tag = outcome.tag;
    show(portal);
}

// Rows of a portal up to the limit of its Execute.
void FakePostgres::show(Portal& portal) {
    std::size_t shown = 0;
    for (; shown < limit_ && !portal.rows.empty(); ++shown) {
        row(portal.rows.front());
        portal.rows.pop_front();
    }
    // A server notices the end only when it looks for a row more.
    if (shown == limit_) return answer(back::kPortalSuspended);
    const std::size_t count = portal.tag.rfind(' ');
    complete(count == std::string::npos ? portal.tag
                                        : fmt::format("{} {}", portal.tag.substr(0, count), shown));
}

void FakePostgres::on_close(const wire::Frame& frame) {
    unsynced_ = true;
    const auto target = wire::read_target(frame.body);
    if (!target) return fail("08P01", "invalid CLOSE message");
    if (target->kind == 'S') {
        sql_.prepared().erase(std::string(target->name));
    } else {
        portals_.erase(std::string(target->name));
    }
    answer(back::kCloseComplete);
}

void FakePostgres::on_function_call() {
    in_query_ = true;
    unsynced_ = false;
    if (sql_.status() == FakeSql::Status::Failed) return fail("25P02", "current transaction is aborted");
    std::string body;
    append_be32(body, 0xFFFFFFFFU);
    answer(back::kFunctionCallResponse, body);
    finish_query();
}

void FakePostgres::on_copy_frame(const wire::Frame& frame) {
    switch (frame.type) {
        case front::kCopyData:
        case front::kFlush:
        case front::kSync:
            return;
        case front::kCopyDone:
            return end_copy(true, {});
        case front::kCopyFail:
            return end_copy(false, "COPY from stdin failed");
        case front::kTerminate:
            closed_ = true;
            return;
        default:
            // The body of that message is not read, so the framing is lost.
            wire::append_error(out_, {.sqlstate = sqlstate::kProtocolViolation,
                                      .message = "unexpected message type during COPY from stdin"});
            return die("08P01");
    }
}

void FakePostgres::end_copy(bool copied, std::string_view reason) {
    mode_ = Mode::Normal;
    if (!copied) return fail("57014", std::string(reason));
    sql_.wrote("COPY");
    complete(copy_tag_);
    if (in_query_) return run_query();
    if (const auto portal = portals_.find(running_); portal != portals_.end()) portal->second.ended = true;
}

void FakePostgres::wake_up() {
    if (mode_ != Mode::Asleep) return;
    mode_ = Mode::Normal;
    sql_.woke_up();
    if (in_query_) {
        run_query();
    } else {
        run_portal();
    }
    resume();
}

void FakePostgres::cancel() {
    if (mode_ == Mode::Normal) return;
    mode_ = Mode::Normal;
    fail("57014", "canceling statement due to user request");
    resume();
}

void FakePostgres::die(std::string_view sqlstate) {
    wire::append_error(out_, {.severity = wire::Severity::Fatal,
                              .sqlstate = SqlState(sqlstate),
                              .message = "terminating connection"});
    flush();
    closed_ = true;
}

void FakePostgres::answer(char type, ByteView body) {
    wire::append_frame(out_, type, body);
}

void FakePostgres::complete(const std::string& tag) {
    wire::append_command_complete(out_, tag);
}

void FakePostgres::notice(const std::string& sqlstate) {
    wire::append_notice(out_, {.severity = wire::Severity::Warning,
                               .sqlstate = SqlState(sqlstate),
                               .message = "there is, or is no, transaction in progress"});
}

void FakePostgres::row(const std::string& value) {
    const std::array<std::optional<std::string>, 1> values{value};
    wire::append_data_row(out_, values);
}

void FakePostgres::describe_rows(bool gives_rows) {
    if (!gives_rows) return answer(back::kNoData);
    const std::array<wire::Column, 1> columns{{{"v", wire::ColumnType::Text}}};
    wire::append_row_description(out_, columns);
}

void FakePostgres::fail(const std::string& sqlstate, const std::string& message) {
    wire::FrameBuilder(out_, back::kErrorResponse)
        .byte1('S')
        .string("ERROR")
        .byte1('V')
        .string("ERROR")
        .byte1('C')
        .string(sqlstate)
        .byte1('M')
        .string(message)
        .byte1('P')
        .string("1")
        .byte1('\0');
    const bool has_failed_before = sql_.status() == FakeSql::Status::Failed;
    sql_.abort();
    drop_old_portals();
    for (auto& [name, portal] : portals_) {  // AtAbort_Portals(): none of them can be run any more
        if (has_failed_before) break;
        portal.ended = true;
        portal.tag.clear();
    }
    flush();
    if (!in_query_) {
        skipping_ = true;
        return;
    }
    todo_.clear();
    in_query_ = false;
    ready();
}

void FakePostgres::ready() {
    drop_old_portals();
    for (const auto& [name, value] : sql_.changed_reports()) wire::append_parameter_status(out_, name, value);
    wire::append_ready_for_query(out_, static_cast<wire::TransactionStatus>(sql_.status()));
    flush();
}

void FakePostgres::flush() {
    flushed_ += std::exchange(out_, {});
}

void FakePostgres::drop_old_portals() {
    if (std::exchange(transactions_, sql_.transactions()) != sql_.transactions()) portals_.clear();
}

}  // namespace pgpool::support
