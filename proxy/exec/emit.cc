// SPDX-License-Identifier: PostgreSQL
// Session: the messages of a request on their way to a server connection. Statement names become ours, what
// the connection lacks is put in front, and every message sent gets its entry in the reply queue.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"
#include "proxy/exec/tolerant_drop.h"

namespace pgpool::exec {

using namespace wire::frontend;

namespace {

// Settings that drivers and frameworks like to set, and that no analysis of a statement looks at.
bool matters_for_analysis(std::string_view name) {
    static constexpr std::array<std::string_view, 9> kOnlyAtRun{"application_name",
                                                                "bytea_output",
                                                                "client_min_messages",
                                                                "extra_float_digits",
                                                                "idle_in_transaction_session_timeout",
                                                                "lock_timeout",
                                                                "statement_timeout",
                                                                "synchronous_commit",
                                                                "work_mem"};
    return std::find(kOnlyAtRun.begin(), kOnlyAtRun.end(), name) == kOnlyAtRun.end();
}

bool drops_all_names(const sql::Statement& statement) {
    return (statement.kind == sql::Kind::Deallocate && statement.name.empty()) ||
           (statement.kind == sql::Kind::Discard && statement.name == "all");
}

}  // namespace

void Session::send_raw(ByteView bytes) {
    if (!raw_.empty() && raw_.data() + raw_.size() == bytes.data()) {
        raw_ = {raw_.data(), raw_.size() + bytes.size()};
        return;
    }
    flush_raw();
    raw_ = bytes;
}

void Session::flush_raw() {
    if (!raw_.empty()) effects_.send(*link_, raw_);
    raw_ = {};
}

void Session::send_made() {
    flush_raw();
    effects_.send(*link_, out_);
    out_.clear();
}

// As any simple Query it destroys the unnamed statement (PG documentation 55.2.3).
Expected& Session::send_own_query(std::string_view sql, Purpose purpose) {
    wire::append_query(out_, sql);
    link_->statements.unnamed = {};
    send_made();
    return link_->replies.push(Owed::Query, Deliver::Swallow, purpose);
}

// Text that we could not analyse counts too.
void Session::count_sent(const sql::StatementInfo* info) {
    NodeStatistics& statistics = around_.node_statistics;
    if (info == nullptr) return statistics.count(link_->node, Counted::Other);
    for (const sql::Statement& statement : info->statements) {
        statistics.count(link_->node, counted_as(statement));
    }
}

void Session::emit_begin() {
    count_sent(nullptr);
    if (around_.functions().is_replicated()) return emit_begin_with_request();
    send_own_query(deferred_begin_, Purpose::Begin);
    deferred_begin_.clear();
}

// As messages in front of the request, without a Sync between them: if BEGIN fails the server skips the rest.
// By itself what follows would run outside of a transaction, on main alone.
void Session::emit_begin_with_request() {
    const std::string text = std::exchange(deferred_begin_, {});
    const PreparedPtr begin = stand_in(text);
    const std::string portal = around_.prepared.prefix() + "0";
    const bool is_there = link_->statements.has(*begin);
    if (!is_there) {
        make_room();
        wire::append_parse(out_, begin->server_name, begin->sql_and_types);
        link_->statements.add(begin);
        push_for_own_name(Owed::Parse);
    }
    wire::FrameBuilder(out_, kBind).string(portal).string(begin->server_name).int16(0).int16(0).int16(0);
    wire::FrameBuilder(out_, kExecute).string(portal).int32(0);
    push_for_own_name(Owed::Bind);
    push_for_own_name(Owed::Execute);
    send_made();
}

void Session::emit_query(ByteView bytes) {
    if (copies()) copy_query(bytes);
    Expected& expected = link_->replies.push(Owed::Query);
    expected.info = request_.meaning.info;
    if (expected.info->single(sql::Kind::Execute))
        expected.executes = executed_by(expected.info->statements[0]);
    may_end_failed_ = true;
    count_sent(request_.oversize ? nullptr : request_.meaning.info.get());
    // A simple Query destroys the unnamed statement (PG documentation 55.2.3).
    replace_unnamed(expected);
    link_->statements.unnamed = {};
    end_unsynced();
    if (copies() && spread_->by_rows) return emit_image_query();
    if (copies() && spread_->filled) return emit_telling_copy();
    effects_.send(*link_, bytes);
    if (!marks_with_request()) return;
    mark_main_with_request();
    sync_marker();
}

UnnamedStatement Session::unnamed_wanted() const {
    return {unnamed_.serial != 0 ? id_ : 0, unnamed_.serial};
}

// From the message on that was just pushed the client has no unnamed statement, or another one. If the server
// may skip it, the one before it must not be forgotten; and if only we know that one, nothing may follow that
// counts on it.
void Session::replace_unnamed(Expected& expected) {
    expected.claims_unnamed = true;
    if (link_->replies.may_skip_last()) {
        names_change_ |= link_->statements.unnamed != unnamed_wanted();
        unnamed_may_stay_ = true;
        expected.unnamed_before = std::make_shared<ClientUnnamed>(std::exchange(unnamed_, {}));
    }
    unnamed_.forget();
}

// A Query ends with a ReadyForQuery as a Sync does, but an error of messages before it makes the server skip
// it.
void Session::end_unsynced() {
    may_be_skipped_ |= std::exchange(unsynced_, false);
}

void Session::emit_function_call(ByteView bytes) {
    if (copies()) copy_function_call(bytes);
    link_->replies.push(Owed::FunctionCall);
    end_unsynced();
    count_sent(nullptr);
    effects_.send(*link_, bytes);
}

void Session::emit_batch(ByteView bytes) {
    batch_ = bytes;
    ByteView rest = bytes;
    while (const auto frame = wire::take_frame(rest)) {
        unsynced_ |= frame->type != kFlush || !frame->body.empty();  // a body makes it an error
        emit_frame(*frame);
    }
    flush_raw();
}

void Session::emit_frame(const wire::Frame& frame) {
    switch (frame.type) {
        case kParse:
            return emit_parse(frame);
        case kBind:
            return emit_bind(frame);
        case kDescribe:
            return emit_describe(frame);
        case kExecute:
            return emit_execute(frame);
        case kClose:
            return emit_close(frame);
        case kSync:
            return emit_sync(frame);
        default:
            return send_raw(frame.bytes);  // Flush
    }
}

void Session::emit_sync(const wire::Frame& frame) {
    if (marks_with_request()) mark_main_with_request();
    link_->replies.push(Owed::Sync);
    unsynced_ = false;
    send_raw(frame.bytes);
}

void Session::emit_parse(const wire::Frame& frame) {
    const auto parse = wire::read_parse(frame.body);
    if (!parse) {  // malformed, or too large to be known: the unnamed statement is then the server's business
                   // alone
        Expected& expected = link_->replies.push(Owed::Parse);
        if (request_.oversize) {
            replace_unnamed(expected);
            link_->statements.unnamed = {id_, 0};
        }
        return send_raw(frame.bytes);
    }
    const bool known =
        request_.meaning.parsed && batch_.data() + request_.meaning.parse_at == frame.bytes.data();
    sql::StatementInfoPtr info =
        known ? std::move(request_.meaning.parsed) : around_.analyze_repeated(parse->sql, options_).info;
    if (!parse->name.empty()) return emit_named_parse(frame, parse->name, parse->sql_and_types, info);
    replace_unnamed(link_->replies.push(Owed::Parse));
    unnamed_.body.assign(parse->sql_and_types);
    unnamed_.info = std::move(info);
    unnamed_.serial = ++last_serial_;
    link_->statements.unnamed = unnamed_wanted();
    send_raw(frame.bytes);
}

// Whether SQL of this batch, or of what was sent of it before, means that name: the server must know it by
// it.
bool Session::may_sql_name(std::string_view name) const {
    const auto& named = request_.meaning.own_names;
    return (unsynced_ && names_change_) || std::find(named.begin(), named.end(), name) != named.end();
}

// In a failed transaction, with nothing on the way that may end it, the server runs no command but its end.
bool Session::surely_fails() const {
    return transaction_ == wire::TransactionStatus::Failed && !may_end_failed_;
}

// A statement of ours that means nothing to the client, for an error in the server's own words.
PreparedPtr Session::stand_in(std::string_view sql) {
    return around_.prepared.intern(parse_body(sql), "", around_.analyze_repeated(sql, options_).info);
}

// The name is taken: with a statement there, the server says so in its own words. One that is not there is
// represented by a ROLLBACK, which can be prepared at any time.
void Session::emit_taken_parse(std::string_view name, ByteView sql_and_types, const PreparedPtr& taken) {
    const PreparedPtr there = link_->statements.has(*taken) ? taken : stand_in("ROLLBACK");
    ensure_prepared(there);
    wire::append_parse(out_, there->server_name, sql_and_types);
    send_made();
    link_->replies.push(Owed::Parse).client_name = name;
}

// As it is: the server decides whether the name is free by then, and on_taken_parse() notes that.
void Session::emit_own_parse(const wire::Frame& frame, std::string_view name, ByteView sql_and_types,
                             const sql::StatementInfoPtr& info) {
    const PreparedPtr* known = statements_.find(name);
    const bool is_there = link_->statements.own_names.contains(name);
    undo_.push_back({std::string(name), known != nullptr ? *known : nullptr, is_there});
    Expected& expected = link_->replies.push(Owed::Parse);
    expected.undo_client = true;
    expected.statement = around_.prepared.intern(sql_and_types, statement_scope(), info);
    expected.under_own_name = true;
    expected.client_name = name;
    statements_.set(name, expected.statement);
    link_->statements.own_names.set(name, expected.statement);
    send_raw(frame.bytes);
}

void Session::emit_named_parse(const wire::Frame& frame, std::string_view name, ByteView sql_and_types,
                               const sql::StatementInfoPtr& info) {
    const PreparedPtr* taken = statements_.find(name);
    const bool is_own = taken != nullptr ? link_->statements.own_names.contains(name) : may_sql_name(name);
    if (names_go_ || is_own) return emit_own_parse(frame, name, sql_and_types, info);
    if (taken != nullptr) return emit_taken_parse(name, sql_and_types, *taken);
    PreparedPtr statement = around_.prepared.intern(sql_and_types, statement_scope(), info);
    statements_.set(name, statement);
    undo_.push_back({std::string(name), nullptr, false});
    const bool is_there = link_->statements.has(*statement);
    if (is_there && may_skip_parse()) {
        link_->replies.push(Owed::Parse, Deliver::Synthesize).undo_client = true;
        return;
    }
    if (is_there) {
        link_->statements.forget(statement->id);
        close_at_server(statement);
    }
    make_room();
    wire::append_parse(out_, statement->server_name, sql_and_types);
    send_made();
    Expected& expected = link_->replies.push(Owed::Parse);
    expected.undo_client = true;
    expected.statement = statement;
    link_->statements.add(std::move(statement));
}

// A Parse of what is prepared here needs no server if it can only succeed: no transaction, failed or about to
// fail, stands in its way. At a standby the last change of the schema may have come after it.
bool Session::may_skip_parse() const {
    return transaction_ != wire::TransactionStatus::Failed && link_->replies.answered() && on_primary();
}

// pg_prepared_statements shows a client its own statements, under its own names, and no others.
void Session::show_own_names() {
    if (request_.surely_fails) return;  // DEALLOCATE ALL too: nothing would be gone
    send_own_query("DEALLOCATE ALL", Purpose::Cleanup);
    link_->statements.clear();
    for (const std::string& name : statements_.names()) ensure_own_name(name);
}

// Two clients share what they prepared only where it means the same. Names are looked up by search path and
// role, literals are read by DateStyle, client_encoding and others when the statement is analysed: so all
// settings must be equal but those that only matter when it runs. What was analysed before the schema changed
// may have other columns than what is prepared after it.
std::string Session::statement_scope() {
    if (!is_meaning_known()) return fmt::format("{}/{}", id_, ++private_scopes_);
    return std::to_string(login_.database->marks->ddl_epoch()) + settings_scope();
}

// Of the settings alone; empty: some of them end with the transaction.
std::string Session::settings_scope() const {
    std::string scope;
    if (set_locally_) return scope;
    const auto add = [&scope](std::string_view part) {
        scope.push_back('\0');  // which no part holds
        scope += part;
    };
    add(login_.user);
    add(login_.database->name);
    for (const auto& [name, value] : settings_.current()->pairs()) {
        if (!matters_for_analysis(name)) continue;
        add(name);
        add(value);
    }
    return scope;
}

// Settings and schema are those that others see too, for what is sent now.
bool Session::is_meaning_known() const {
    constexpr auto kUnknown =
        sql::Leaves::TempObject | sql::Leaves::UnknownCode | sql::Leaves::UnknownSetting;
    sql::Leaves leaves = pins_ | pending_pins_ | request_.meaning.verdict.leaves;
    if (link_ != nullptr) leaves = leaves | link_->replies.leaves();
    const bool is_changed = set_locally_ || ddl_ || request_.meaning.marks.is_ddl ||
                            (link_ != nullptr && link_->replies.changes_meaning());
    return !is_changed && !sql::has(leaves, kUnknown);
}

void Session::make_room() {
    if (const PreparedPtr evicted = link_->statements.evict()) close_at_server(evicted);
}

void Session::close_at_server(const PreparedPtr& statement) {
    wire::append_close_statement(out_, statement->server_name);
    send_made();
    link_->replies.push(Owed::Close, Deliver::Swallow, Purpose::Cleanup).statement = statement;
    names_change_ = true;
}

void Session::ensure_prepared(const PreparedPtr& statement) {
    if (link_->statements.has(*statement)) return;
    make_room();
    wire::append_parse(out_, statement->server_name, statement->sql_and_types);
    send_made();
    Expected& expected = link_->replies.push(Owed::Parse, Deliver::Swallow, Purpose::Prepare);
    expected.statement = statement;
    link_->statements.add(statement);
    names_change_ = true;
}

// The unnamed statement that a Bind or Describe means must be this client's, and if it has none there must be
// none.
void Session::ensure_unnamed() {
    const UnnamedStatement wanted = unnamed_wanted();
    const UnnamedStatement not_known_here{id_, 0};  // its Parse was too large to be held
    if (link_->statements.unnamed == wanted) return;
    if (unnamed_.serial == 0 && link_->statements.unnamed == not_known_here) return;
    if (unnamed_.serial != 0) {
        wire::append_parse(out_, "", unnamed_.body);
        link_->replies.push(Owed::Parse, Deliver::Swallow, Purpose::Prepare).claims_unnamed = true;
    } else {
        wire::append_close_statement(out_, "");
        link_->replies.push(Owed::Close, Deliver::Swallow, Purpose::Cleanup).claims_unnamed = true;
    }
    send_made();
    link_->statements.unnamed = wanted;
    names_change_ = true;
}

// Makes the statement be there under the client's own name, for commands that name it in SQL.
void Session::ensure_own_name(std::string_view name) {
    const PreparedPtr* known = statements_.find(name);
    if (request_.surely_fails || names_go_ || known == nullptr) return;
    if (link_->statements.own_names.contains(name)) return;
    const PreparedPtr statement = *known;
    link_->statements.own_names.set(name, statement);
    names_change_ = true;
    Expected& expected = statement->by_sql ? prepare_by_sql(*statement) : prepare_by_parse(*statement, name);
    expected.statement = statement;
    expected.client_name = name;
    if (!unsynced_) {
        wire::append_sync(out_);
        link_->replies.push(Owed::Sync, Deliver::Swallow, Purpose::Prepare);
    }
    send_made();
}

Expected& Session::push_for_own_name(Owed owed) {
    Expected& expected = link_->replies.push(owed, Deliver::Swallow, Purpose::Prepare);
    expected.under_own_name = true;
    return expected;
}

Expected& Session::prepare_by_parse(const PreparedStatement& statement, std::string_view name) {
    wire::append_parse(out_, name, statement.sql_and_types);
    return push_for_own_name(Owed::Parse);
}

// The client may be within a batch, which a Query would end: PREPARE runs by messages of the extended
// protocol too. They take the place of the unnamed statement.
Expected& Session::prepare_by_sql(const PreparedStatement& statement) {
    const std::string portal = around_.prepared.prefix() + "0";
    wire::append_parse(out_, "", parse_body(statement.sql_and_types));
    wire::FrameBuilder(out_, kBind).string(portal).string("").int16(0).int16(0).int16(0);
    wire::FrameBuilder(out_, kExecute).string(portal).int32(0);
    wire::FrameBuilder(out_, kClose).byte1('P').string(portal);
    push_for_own_name(Owed::Parse).claims_unnamed = true;
    link_->statements.unnamed = UnnamedStatement::unknown();
    push_for_own_name(Owed::Bind);
    const std::size_t execute = link_->replies.size();
    push_for_own_name(Owed::Execute);
    push_for_own_name(Owed::Close);
    return link_->replies.at(execute);
}

// What the server knows by a name of ours, or must know; null: it has the client's statement under its own
// name, or it will have lost it. One made by SQL can neither be brought into a failed transaction nor run
// there.
PreparedPtr Session::under_our_name(const PreparedPtr& known, std::string_view name) {
    if (names_go_ || link_->statements.own_names.contains(name)) return nullptr;
    if (!known->by_sql) return as_prepared_now(known, name);
    return request_.surely_fails ? stand_in("SELECT") : nullptr;
}

// One that the server lacks is analysed by the settings of now: only who has the same may share it.
PreparedPtr Session::as_prepared_now(PreparedPtr known, std::string_view name) {
    // In mode replication all nodes must read it alike, and some have it not yet.
    if (link_->statements.has(*known) && !around_.functions().is_replicated()) return known;
    const std::string scope = statement_scope();
    if (scope == known->scope) return known;
    PreparedPtr anew = around_.prepared.intern(known->sql_and_types, scope, known->info);
    statements_.set(name, anew);
    return anew;
}

void Session::emit_bind(const wire::Frame& frame) {
    const auto bind = wire::read_bind(frame.body);
    const PreparedPtr* known = nullptr;
    sql::StatementInfoPtr info;
    if (bind && bind->statement.empty()) {
        ensure_unnamed();
        info = unnamed_.info;
    } else if (bind) {
        known = statements_.find(bind->statement);
        if (known != nullptr) info = (*known)->info;
    }
    if (!(info && info->single(sql::Kind::Begin))) emit_locks();
    if (bind && bind->portal.empty()) {
        unnamed_portal_ = std::move(info);
    } else if (bind) {
        if (!portals_) portals_ = std::make_unique<sql::NameMap<sql::StatementInfoPtr>>();
        portals_->insert_or_assign(std::string(bind->portal), std::move(info));
    }
    PreparedPtr statement = known != nullptr ? under_our_name(*known, bind->statement) : nullptr;
    std::string values;  // with images
    if (bind && copies()) {
        const PreparedPtr known_now = known != nullptr ? *statements_.find(bind->statement) : nullptr;
        if (auto images = bind->statement.empty() || known_now ? images_of(*bind, known_now) : std::nullopt) {
            statement = image_statement(known_now, images->plan(), images->is_binary(bind->rest));
            values = images->with_formats(bind->rest);
            copy_bind(bind->portal,
                      {.execution = {statement, values}, .rows = std::move(images), .large_object = {}});
        } else {
            copy_bind_as_it_is(*bind, known_now);
        }
    }
    if (!statement) {
        link_->replies.push(Owed::Bind);
        return send_raw(frame.bytes);
    }
    ensure_prepared(statement);
    flush_raw();
    const bool has_images = !values.empty();
    const ByteView rest = has_images ? ByteView(values) : bind->rest;
    out_.push_back(kBind);
    append_be32(out_, static_cast<std::uint32_t>(frame.size - 1 - bind->statement.size() - bind->rest.size() +
                                                 statement->server_name.size() + rest.size()));
    out_.append(bind->portal).push_back('\0');
    out_.append(statement->server_name).push_back('\0');
    if (has_images) out_.append(rest);
    send_made();
    link_->replies.push(Owed::Bind).client_name = bind->statement;
    if (!has_images) send_raw(bind->rest);
}

void Session::copy_bind_as_it_is(const wire::BindMessage& bind, const PreparedPtr& known) {
    const bool is_unnamed = bind.statement.empty() && unnamed_.info;
    const PreparedPtr given =
        is_unnamed ? around_.prepared.intern(unnamed_.body, statement_scope(), unnamed_.info) : known;
    if (!given) return;  // it fails on main
    std::string elsewhere =
        without_own_types(given->sql_and_types).value_or(std::string(given->sql_and_types));
    if (given->info && given->info->single(sql::Kind::Ddl)) {
        const std::string_view sql = Cursor(elsewhere).c_string();
        elsewhere = tolerant_drop(sql) + elsewhere.substr(sql.size());
    }
    const bool is_same = elsewhere == given->sql_and_types;
    const PreparedPtr copied =
        is_same ? given : around_.prepared.intern(elsewhere, given->scope, given->info);
    Spread::Part part{.execution = {copied, {}}, .rows = {}, .large_object = bound_step(bind, copied)};
    if (!part.large_object) part.execution.values = bind.rest;
    copy_bind(bind.portal, std::move(part));
}

void Session::emit_describe(const wire::Frame& frame) {
    const auto target = wire::read_target(frame.body);
    const bool of_portal = target && target->kind == 'P';
    const PreparedPtr* known = nullptr;
    if (target && !of_portal) {
        if (target->name.empty()) ensure_unnamed();
        known = statements_.find(target->name);
    }
    const PreparedPtr statement = known != nullptr ? under_our_name(*known, target->name) : nullptr;
    if (statement) {
        ensure_prepared(statement);
        wire::FrameBuilder(out_, kDescribe).byte1('S').string(statement->server_name);
        send_made();
    } else {
        send_raw(frame.bytes);
    }
    Expected& expected = link_->replies.push(of_portal ? Owed::DescribePortal : Owed::DescribeStatement);
    if (statement) expected.client_name = target->name;
}

void Session::emit_execute(const wire::Frame& frame) {
    const auto execute = wire::read_execute(frame.body);
    const bool returns_all = execute && copies() && copy_execute(execute->portal);
    Expected& expected = link_->replies.push(Owed::Execute);
    if (execute && execute->portal.empty()) {
        expected.info = unnamed_portal_;
    } else if (execute && portals_) {
        const auto at = portals_->find(execute->portal);
        if (at != portals_->end()) expected.info = at->second;
    }
    count_sent(expected.info.get());
    if (expected.info && !expected.info->statements.empty()) {
        expected.executes = executed_by(expected.info->statements[0]);
        const auto& run = expected.executes ? expected.executes : expected.info;
        if (drops_all_names(run->statements[0])) names_go_ = names_change_ = true;
    }
    may_end_failed_ = true;
    if (returns_all) {
        wire::FrameBuilder(out_, wire::frontend::kExecute).string(execute->portal).int32(0);
        send_made();
    } else {
        send_raw(frame.bytes);
    }
    if (!std::exchange(request_.surely_fails, false)) return;
    for (const std::string& name : request_.meaning.own_names) ensure_own_name(name);  // it may be a ROLLBACK
}

void Session::emit_close(const wire::Frame& frame) {
    const auto target = wire::read_target(frame.body);
    if (!target || target->kind == 'P') {
        const bool is_sure = target && link_->replies.answered();
        if (is_sure && portals_) portals_->erase(std::string(target->name));
        link_->replies.push(Owed::Close);
        return send_raw(frame.bytes);
    }
    const PreparedPtr* known = statements_.find(target->name);
    if (known == nullptr) {  // closing what is not there is no error
        Expected& expected = link_->replies.push(Owed::Close);
        if (target->name.empty()) {
            replace_unnamed(expected);
            link_->statements.unnamed = {};
        } else {
            expected.client_name = target->name;  // a PREPARE on the way may make it
        }
        return send_raw(frame.bytes);
    }
    const bool is_there = link_->statements.own_names.contains(target->name);
    link_->statements.own_names.set(target->name, nullptr);
    undo_.push_back({std::string(target->name), *known, is_there});
    statements_.set(target->name, nullptr);
    // Behind what may fail or copy the server must see it; there it is one of a name that is unknown.
    const bool sent = is_there || !link_->replies.answered();
    link_->replies.push(Owed::Close, sent ? Deliver::Forward : Deliver::Synthesize).undo_client = true;
    if (sent) send_raw(frame.bytes);
}

}  // namespace pgpool::exec
