// SPDX-License-Identifier: PostgreSQL
// Session: what is answered here: a BEGIN that is kept until its first statement, transactions that were lost
// with their node, and our own commands.
#include <fmt/core.h>

#include <algorithm>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {

using namespace wire::frontend;
using wire::TransactionStatus;

namespace {

OwnResult only_tag(std::string_view tag) {
    OwnResult result;
    result.tag = tag;
    return result;
}

// Whether a request does more than to ask what it would get.
Run run_of(ByteView bytes) {
    while (!bytes.empty()) {
        const wire::Frame frame = wire::next_frame(bytes).frame;
        if (frame.type == kQuery || frame.type == kExecute) return Run::Execute;
        bytes.remove_prefix(frame.bytes.size());
    }
    return Run::Describe;
}

constexpr SqlState kUndefinedStatement{"26000"};
constexpr SqlState kUndefinedPortal{"34000"};

}  // namespace

// Of a statement made by the extended protocol: empty if there is none of that name.
std::string_view Session::prepared_text(std::string_view name) const {
    const auto text_before_types = [](std::string_view body) { return body.substr(0, body.find('\0')); };
    if (name.empty()) return text_before_types(unnamed_.body);
    const PreparedPtr* known = statements_.find(name);
    const bool has_text = known != nullptr && !(*known)->by_sql;
    return has_text ? text_before_types((*known)->sql_and_types) : std::string_view();
}

// The text that a request executes: of its Query, its Parse, or of what its Bind names.
std::string_view Session::text_of(ByteView bytes) const {
    ByteView rest = bytes;
    while (const auto frame = wire::take_frame(rest)) {
        if (frame->type == kQuery) return wire::read_query(frame->body).value_or("");
        if (const auto parse = frame->type == kParse ? wire::read_parse(frame->body) : std::nullopt)
            return parse->sql;
        const auto bind = frame->type == kBind ? wire::read_bind(frame->body) : std::nullopt;
        if (!bind) continue;
        const std::string_view text = prepared_text(bind->statement);
        if (bind->statement.empty() || !text.empty()) return text;
    }
    return {};
}

// For log.statements. In a batch what is bound runs.
void Session::tell_statements(ByteView bytes, const ServerLink* at) {
    std::optional<wire::ParseMessage> parsed;
    ByteView rest = bytes;
    while (const auto frame = wire::take_frame(rest)) {
        if (frame->type == kQuery) effects_.statement(wire::read_query(frame->body).value_or(""), at);
        if (frame->type == kFunctionCall) effects_.statement("function call", at);
        if (frame->type == kParse) parsed = wire::read_parse(frame->body);
        const auto bind = frame->type == kBind ? wire::read_bind(frame->body) : std::nullopt;
        if (!bind) continue;
        const bool is_fresh = parsed && parsed->name == bind->statement;
        effects_.statement(is_fresh ? parsed->sql : prepared_text(bind->statement), at);
    }
}

void Session::say_ready() {
    std::string frame;
    wire::append_ready_for_query(frame, transaction_);
    reply(frame);
    if (!owes_client()) idle_or_in_transaction();
}

std::size_t Session::answer_locally(ByteView bytes, route::Local local) {
    const std::size_t size = bytes.size();
    switch (local.what) {
        case route::Local::What::Begin:
            begin_locally(bytes);
            break;
        case route::Local::What::EndUnsent: {
            const bool commits = request_.meaning.marks.commits;
            deferred_begin_.clear();
            transaction_ = TransactionStatus::Idle;
            end_transaction(true);
            ++statistics_.queries;
            ++statistics_.transactions;
            answer_messages(bytes, only_tag(commits ? "COMMIT" : "ROLLBACK"));
            break;
        }
        case route::Local::What::Own:
            if (!run_own_command(bytes)) return 0;
            break;
        case route::Local::What::EmptyQuery:
            answer_messages(bytes, {});
            break;
    }
    if (around_.config->log.statements) tell_statements(bytes, nullptr);
    request_ = {};
    idle_or_in_transaction();
    return size;
}

// Whether a request is a Query, or a batch as drivers send it for one statement, in which nothing can fail:
// Parse if there is one, Bind to it, Describe, one Execute, Sync.
bool Session::runs_one_statement(ByteView bytes) const {
    if (request_.form == Request::Form::Query) return true;
    if (!request_.synced) return false;
    std::string order;
    std::optional<std::string_view> parsed;
    std::string_view bound;
    std::optional<std::string_view> portal;
    ByteView rest = bytes;
    while (const auto frame = wire::take_frame(rest)) {
        order.push_back(frame->type);
        if (frame->type == kParse) {
            const auto parse = wire::read_parse(frame->body);
            if (!parse || statements_.find(parse->name) != nullptr) return false;
            parsed = parse->name;
        } else if (frame->type == kBind) {
            const auto bind = wire::read_bind(frame->body);
            const auto values = bind ? wire::read_bind_values(bind->rest) : std::nullopt;
            if (!values || values->parameters > 0) return false;
            bound = bind->statement;
            portal = bind->portal;
        } else if (frame->type == kDescribe) {
            const auto target = wire::read_target(frame->body);
            if (!target || target->name != (target->kind == 'P' ? portal : parsed.value_or(bound)))
                return false;  // or a portal before its Bind
        } else if (frame->type == kExecute) {
            const auto execute = wire::read_execute(frame->body);
            if (!execute || execute->portal != portal) return false;
        }
    }
    const bool usual =
        order == "PBES" || order == "PBDES" || order == "PDBES" || order == "BES" || order == "BDES";
    return usual && (!parsed || *parsed == bound);
}

// Whether nothing can be wrong with a BEGIN at a server: what follows it must not run without it. Other
// characters may be invalid in the client's encoding.
bool Session::can_be_deferred(ByteView bytes) const {
    const bool is_whole = request_.form == Request::Form::Query || request_.synced;
    if (!is_whole && around_.functions().is_replicated()) return false;
    const std::string_view text = text_of(bytes);
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= ' ' && c <= '~') || (c >= '\t' && c <= '\r'); });
}

void Session::begin_locally(ByteView bytes) {
    const sql::Statement& begin = request_.meaning.info->statements[0];
    deferred_begin_ = text_of(bytes);
    transaction_options_ = begin.transaction;
    transaction_ = TransactionStatus::InTransaction;
    ++statistics_.queries;
    effects_.disarm(TimerKind::Idle);
    answer_messages(bytes, only_tag(begin.transaction.start_word ? "START TRANSACTION" : "BEGIN"));
}

// A Parse and its Sync that can only succeed. A client that holds no connection gets none for it: pgbench,
// for one, waits for this answer while the clients that do hold one wait for pgbench.
// False: it is not one.
bool Session::answer_proven_parse(ByteView bytes) {
    const Meaning& meaning = request_.meaning;
    const bool is_only_parse = request_.form == Request::Form::Batch && request_.synced &&
                               meaning.statements == 1 && meaning.parsed && meaning.parse_at == 0;
    if (!is_only_parse || attempts_ > 0 || !is_meaning_known()) return false;
    const wire::Frame frame = wire::next_frame(bytes).frame;
    const auto parse = wire::read_parse(frame.body);
    if (!parse || parse->name.empty() || statements_.contains(parse->name)) return false;
    if (bytes.size() != frame.bytes.size() + wire::kFrameHeader) return false;
    PreparedPtr known = around_.prepared.find(parse->sql_and_types, statement_scope());
    if (known == nullptr || !known->is_proven) return false;
    statements_.set(parse->name, std::move(known));
    ++statistics_.queries;
    effects_.disarm(TimerKind::Idle);
    std::string frames;
    wire::append_frame(frames, wire::backend::kParseComplete, {});
    wire::append_ready_for_query(frames, transaction_);
    reply(frames);
    request_ = {};
    idle_or_in_transaction();
    return true;
}

// Answers the messages of a request one by one as a server would that executed one statement. Statements that
// are parsed on the way become known, so that they can be bound later.
void Session::answer_messages(ByteView bytes, const OwnResult& result) {
    std::string frames;
    LocalPortal portal;
    ByteView rest = bytes;
    while (const auto frame = wire::take_frame(rest)) {
        const auto answered = answer_message(frames, *frame, result, portal);
        if (answered) continue;
        refuse_locally(frames, answered.error());
        break;
    }
    reply(frames);
}

// A COMMIT that fails does so when it is executed: what stands before that is answered.
std::string Session::answers_before_failure(ByteView bytes) {
    std::string frames;
    const bool is_commit = request_.classified && request_.meaning.info->single(sql::Kind::Commit);
    if (!is_commit || request_.form != Request::Form::Batch || !runs_one_statement(bytes)) return frames;
    const OwnResult result = only_tag("COMMIT");
    LocalPortal portal;
    ByteView rest = bytes;
    while (const auto frame = wire::take_frame(rest)) {
        if (frame->type == kExecute || !answer_message(frames, *frame, result, portal)) break;
    }
    return frames;
}

// An error of ours ends the request: what is left of it is skipped, but for its Sync.
void Session::refuse_locally(std::string& frames, const Error& error) {
    wire::append_error(frames, {.sqlstate = error.sqlstate, .message = error.message, .hint = error.hint});
    if (request_.form == Request::Form::Query || request_.synced) {
        wire::append_ready_for_query(frames, transaction_);
    } else {
        skipping_to_sync_ = true;
    }
}

Result<void> Session::answer_message(std::string& frames, const wire::Frame& frame, const OwnResult& result,
                                     LocalPortal& portal) {
    const auto describe = [&] {
        if (result.columns.empty()) return wire::append_frame(frames, wire::backend::kNoData, {});
        append_row_description(frames, result, portal.formats);
    };
    const auto execute = [&] {
        if (result.tag.empty()) return wire::append_frame(frames, wire::backend::kEmptyQueryResponse, {});
        if (!result.notice.empty()) {
            wire::append_notice(frames, {.severity = wire::Severity::Notice,
                                         .sqlstate = SqlState("00000"),
                                         .message = result.notice});
        }
        for (const Row& row : result.rows) append_data_row(frames, result, row, portal.formats);
        wire::append_command_complete(frames, result.tag);
    };
    const auto check_portal = [&]() -> Result<void> {
        if (portal.is_open) return {};
        return fail(kUndefinedPortal, "portal does not exist");
    };
    switch (frame.type) {
        case kQuery:
            unnamed_.forget();  // a simple Query destroys the unnamed statement (PG documentation 55.2.3)
            portal.formats.assign(result.columns.size(), wire::Format::Text);
            if (!result.columns.empty()) describe();
            execute();
            wire::append_ready_for_query(frames, transaction_);
            break;
        case kParse:
            remember_parse(frame);
            wire::append_frame(frames, wire::backend::kParseComplete, {});
            break;
        case kBind:
            if (auto bound = bind_locally(frame.body, result, portal); !bound) return bound;
            wire::append_frame(frames, wire::backend::kBindComplete, {});
            break;
        case kDescribe: {
            const auto target = wire::read_target(frame.body);
            const bool of_statement = target && target->kind == 'S';
            auto known = of_statement ? check_statement(target->name) : check_portal();
            if (!known) return known;
            if (of_statement) {
                portal.formats.assign(result.columns.size(), wire::Format::Text);
                wire::FrameBuilder(frames, wire::backend::kParameterDescription).int16(0);
            }
            describe();
            break;
        }
        case kExecute:
            if (auto open = check_portal(); !open) return open;
            execute();
            break;
        case kClose:
            if (const auto target = wire::read_target(frame.body); target && target->kind == 'S') {
                statements_.set(target->name, nullptr);
            }
            wire::append_frame(frames, wire::backend::kCloseComplete, {});
            break;
        case kSync:
            wire::append_ready_for_query(frames, transaction_);
            break;
        default:
            break;
    }
    return {};
}

Result<void> Session::bind_locally(ByteView body, const OwnResult& result, LocalPortal& portal) const {
    const auto bind = wire::read_bind(body);
    const auto values = bind ? wire::read_bind_values(bind->rest) : std::nullopt;
    if (!values) return fail(sqlstate::kProtocolViolation, "invalid Bind message");
    if (auto known = check_statement(bind->statement); !known) return known;
    if (values->parameters > 0) {
        return fail(
            sqlstate::kProtocolViolation,
            fmt::format("bind message supplies {} parameters, but prepared statement \"{}\" requires 0",
                        values->parameters, bind->statement));
    }
    auto formats = formats_of(values->result_formats, result.columns.size());
    if (!formats) return tl::unexpected(formats.error());
    portal = {.is_open = true, .formats = std::move(*formats)};
    return {};
}

Result<void> Session::check_statement(std::string_view name) const {
    if (name.empty() && !unnamed_.info)
        return fail(kUndefinedStatement, "unnamed prepared statement does not exist");
    if (!name.empty() && statements_.find(name) == nullptr)
        return fail(kUndefinedStatement, fmt::format("prepared statement \"{}\" does not exist", name));
    return {};
}

void Session::remember_parse(const wire::Frame& frame) {
    const auto parse = wire::read_parse(frame.body);
    if (!parse) return;
    const sql::StatementInfoPtr info = around_.analyze_repeated(parse->sql, options_).info;
    if (!parse->name.empty()) {
        statements_.set(parse->name, around_.prepared.intern(parse->sql_and_types, statement_scope(), info));
        return;
    }
    unnamed_.body.assign(parse->sql_and_types);
    unnamed_.info = info;
    unnamed_.serial = ++last_serial_;
}

// False: the result is not there yet.
bool Session::run_own_command(ByteView bytes) {
    OwnAnswer answer = std::exchange(own_ready_, false)
                           ? OwnAnswer(effects_.own_result())
                           : effects_.own_command(request_.meaning.info->statements[0], run_of(bytes));
    if (const auto* patience = std::get_if<milliseconds>(&answer)) {
        wait_ = Wait::Own;
        effects_.disarm(TimerKind::Idle);
        effects_.arm(TimerKind::Wait, *patience);
        return false;
    }
    const auto& result = std::get<Result<OwnResult>>(answer);
    if (result) {
        answer_messages(bytes, *result);
        return true;
    }
    std::string frames;
    refuse_locally(frames, result.error());
    reply(frames);
    return true;
}

// Now, or when the time for it is over: pump() fetches it.
void Session::on_own_ready() {
    if (wait_ != Wait::Own) return;
    effects_.disarm(TimerKind::Wait);
    wait_ = Wait::Nothing;
    own_ready_ = true;
}

// The transaction is void and the node that had it is gone. The client hears 40001 once, then 25P02 like
// after any failed statement, until it ends the transaction.
std::size_t Session::answer_voided(ByteView bytes) {
    const sql::StatementInfo& info = *request_.meaning.info;
    const bool first = std::exchange(voided_, Voided::Told) == Voided::Untold;
    const bool rolls_back = info.single(sql::Kind::Rollback);
    const bool ends = rolls_back || info.single(sql::Kind::Commit);
    transaction_ = ends ? TransactionStatus::Idle : TransactionStatus::Failed;
    if (ends) {
        voided_ = Voided::No;
        end_transaction(false);
    }
    if (ends && (rolls_back || !first)) {
        voided_by_.clear();
        const std::size_t size = bytes.size();
        answer_messages(bytes, only_tag("ROLLBACK"));
        request_ = {};
        release_if_free();
        idle_or_in_transaction();
        return size;
    }
    if (request_.form == Request::Form::Batch && request_.meaning.statements == 0 &&
        request_.size == wire::kFrameHeader) {
        voided_ = first ? Voided::Untold : Voided::Told;
        if (request_.synced) say_ready();  // a lone Sync asks for nothing, a lone Flush not even for that
        request_ = {};
        return bytes.size();
    }
    std::string error = first ? std::exchange(voided_by_, {}) : std::string();
    if (!error.empty()) return fail_request(error);
    wire::append_error(
        error, first ? wire::Report{.sqlstate = sqlstate::kSerializationFailure,
                                    .message = "the node was lost, nothing of this transaction remains",
                                    .hint = "The transaction can be repeated."}
                     : wire::Report{.sqlstate = sqlstate::kInFailedTransaction,
                                    .message = "current transaction is aborted, commands ignored until "
                                               "end of transaction block"});
    return fail_request(error);
}

}  // namespace pgpool::exec
