// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. One transaction on all nodes: what the main node has executed the others execute
// too, and it commits everywhere or nowhere (Spread tells the rules).
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/markers/setup.h"
#include "common/wire/messages.h"
#include "proxy/exec/session.h"
#include "proxy/sql/lexer.h"

namespace pgpool::exec {

namespace {

using replication::WriteClass;
using sql::Kind;
using wire::TransactionStatus;
using At = Spread::Phase;

constexpr std::size_t kMaxRedo = std::size_t{64} << 10U;  // more costs more than a node that must be copied

StepOutcome only(std::string_view tag) {
    StepOutcome outcome;
    outcome.add_tag(tag);
    return outcome;
}

const CopiedRequest& commit_request() {
    static const CopiedRequest request{.sql = "COMMIT", .executions = {}};
    return request;
}

std::string begin_text(const sql::TransactionOptions& options) {
    if (options.isolation == sql::Isolation::RepeatableRead) return "BEGIN ISOLATION LEVEL REPEATABLE READ";
    return "BEGIN";
}

// To have the same effect everywhere; or it has none that is replicated.
bool is_proven(const replication::Classified& classified) {
    return classified.kind == WriteClass::Point || classified.kind == WriteClass::Ddl ||
           classified.kind == WriteClass::None;
}

// Whether the batch executes what it binds, and nothing else: a portal that lives on cannot be followed.
bool executes_what_it_binds(ByteView batch) {
    std::vector<std::string_view> open;
    ByteView rest = batch;
    while (const auto frame = wire::take_frame(rest)) {
        if (frame->type == wire::frontend::kBind) {
            const auto bind = wire::read_bind(frame->body);
            if (!bind) return true;  // the server refuses it
            open.push_back(bind->portal);
        } else if (frame->type == wire::frontend::kExecute) {
            const auto execute = wire::read_execute(frame->body);
            if (!execute) return true;
            const auto found = std::find(open.begin(), open.end(), execute->portal);
            if (found == open.end()) return false;
            open.erase(found);
        }
    }
    return open.empty();
}

std::size_t count_executes(ByteView batch) {
    std::size_t count = 0;
    ByteView rest = batch;
    while (const auto frame = wire::take_frame(rest)) {
        count += frame->type == wire::frontend::kExecute ? 1 : 0;
    }
    return count;
}

bool executes_anything(ByteView batch) {
    ByteView rest = batch;
    while (const auto frame = wire::take_frame(rest)) {
        if (frame->type == wire::frontend::kExecute || frame->type == wire::frontend::kBind) return true;
    }
    return false;
}

// A date or time by a word that means something else tomorrow.
bool has_moving_parameter(ByteView batch, const replication::Classified& classified) {
    if (classified.date_parameters.empty()) return false;
    ByteView rest = batch;
    while (const auto frame = wire::take_frame(rest)) {
        const auto bind = frame->type == wire::frontend::kBind ? wire::read_bind(frame->body) : std::nullopt;
        if (bind && sql::may_move(bind->rest)) return true;
    }
    return false;
}

// The same among the fields of a COPY, in the data of which `bytes` are next; `tail` is the field that has
// not ended. Longer fields are no dates.
bool has_moving_field(std::string& tail, ByteView bytes) {
    constexpr std::size_t kLongestDate = 40;
    constexpr std::string_view kEnds = "\t\n\r,;|\"";
    while (!bytes.empty()) {
        const std::size_t end = std::min(bytes.find_first_of(kEnds), bytes.size());
        if (tail.size() <= kLongestDate) tail += bytes.substr(0, std::min(end, kLongestDate + 1));
        if (end == bytes.size()) return false;
        if (tail.size() <= kLongestDate && sql::may_move(tail)) return true;
        tail.clear();
        bytes.remove_prefix(end + 1);
    }
    return false;
}

// By its tag, which ends with the count. An INSERT names its rows itself.
bool changed_several_rows(const StepOutcome& outcome) {
    const std::string& tag = outcome.text();
    const bool by_key = tag.starts_with("UPDATE ") || tag.starts_with("DELETE ");
    return by_key && tag.find(';') == std::string::npos && !tag.ends_with(" 0") && !tag.ends_with(" 1");
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
                        const std::string& redo) {
    std::string values;
    const auto int8 = [&values](std::uint64_t value) {
        append_be32(values, 8);
        append_be32(values, static_cast<std::uint32_t>(value >> 32U));
        append_be32(values, static_cast<std::uint32_t>(value));
    };
    append_be16(values, 1);
    append_be16(values, 1);
    append_be16(values, 4);
    append_be32(values, 4);
    append_be32(values, slot);
    int8(sequence);
    int8(epoch);
    append_be32(values, static_cast<std::uint32_t>(redo.size()));
    values += redo;
    append_be16(values, 0);
    return values;
}

}  // namespace

bool Session::is_spread() const {
    return spread_ != nullptr && spread_->is_joined;
}

// --- before a request is sent to main ---

// pgjdbc sends its BEGIN in one batch with the first statement of the transaction.
bool Session::begins_in_batch() const {
    const Meaning& meaning = request_.meaning;
    return request_.form == Request::Form::Batch && transaction_ == TransactionStatus::Idle &&
           meaning.marks.begins && !meaning.marks.commits && !meaning.marks.rolls_back;
}

// Why the request at the front cannot be replicated; empty: it can, or need not be.
std::string Session::why_not_replicated(ByteView bytes) const {
    const Meaning& meaning = request_.meaning;
    const auto& classified = meaning.verdict.replicated;
    const bool is_batch = request_.form == Request::Form::Batch;
    if (request_.form == Request::Form::FunctionCall) return "a function call by the fast path";
    const bool writes = classified && classified->kind != WriteClass::None;
    const bool is_mixed = meaning.steering.begins_or_ends && meaning.steering.statements > 1;
    const bool matters_mixed = writes || meaning.steering.any();
    const bool is_within = spread_ && transaction_ != TransactionStatus::Idle;
    if (is_mixed && (is_within || (matters_mixed && !begins_in_batch())))
        return "BEGIN, COMMIT or ROLLBACK together with other statements";
    if (spread_ && ends_transaction(bytes) && meaning.info->statements[0].transaction.chain)
        return "AND CHAIN";
    if (!classified && executes_unread(bytes)) return "a statement of this size";
    if (meaning.info->single(Kind::PrepareTransaction) || meaning.info->single(Kind::CommitPrepared))
        return "two-phase commit by the client";
    const bool matters = writes || meaning.steering.begins_or_ends || meaning.steering.any();
    if (is_batch && is_spread() && executes_open_portal(bytes)) return "a portal that outlives its batch";
    if (is_batch && matters && executes_anything(bytes) && !executes_what_it_binds(bytes))
        return "a portal that outlives its batch";
    if (!writes || (is_batch && !executes_anything(bytes))) return {};
    if (meaning.steering.names && meaning.steering.statements > 1)
        return "PREPARE, DEALLOCATE or DISCARD together with other statements";
    if (classified->outside_transaction && meaning.steering.statements != 1)
        return "several statements of which one runs only outside of a transaction block";
    if (!meaning.own_names.empty()) return "a statement made by SQL PREPARE";
    if (request_.oversize) return "a message of this size";
    const sql::Leaves left = pins_ | pending_pins_;
    if (sql::has(left, sql::Leaves::TempObject)) return "a write in a session that has temporary objects";
    if (sql::has(left, sql::Leaves::UnknownSetting | sql::Leaves::UnknownCode))
        return "a write in a session with settings that could not be read";
    if (meaning.copies_in && (is_batch || meaning.steering.statements != 1))
        return "COPY FROM STDIN that is not a Query of its own";
    if (is_batch && !request_.synced) return "a batch without its Sync";
    if (session_route().isolation == sql::Isolation::Serializable) return "SERIALIZABLE";
    if (are_facts_stale()) return "the schema has changed, and could not be read anew in time";
    if (ddl_ && classified->kind > WriteClass::Ddl) return "a write behind DDL in the same transaction";
    if (is_batch && has_moving_parameter(bytes, *classified)) return "a parameter like 'now' or 'today'";
    const bool is_refused = around_.config->replication.unsafe_statements == config::Unsafe::Refuse;
    const bool is_safe = is_proven(*classified) || row_images(bytes);
    return is_safe || !is_refused ? std::string() : replication::describe(*classified);
}

// Of an INSERT by itself that nodes would execute with other values.
std::optional<RowImages> Session::row_images(ByteView bytes) const {
    const auto& classified = request_.meaning.verdict.replicated;
    const bool is_one = request_.meaning.steering.statements == 1;
    if (!classified || classified->kind != WriteClass::NotDeterministic || !is_one) return std::nullopt;
    if (request_.form == Request::Form::Batch && count_executes(bytes) != 1) return std::nullopt;
    return RowImages::of(*request_.meaning.info, login_.database->facts.get());
}

// No connection to one of the nodes comes. False: none was awaited.
bool Session::fails_to_join(const wire::Report& report) {
    if (!spread_ || !std::exchange(spread_->awaits_follower, false)) return false;
    wait_ = Wait::Nothing;
    if (transaction_ == TransactionStatus::Idle) return fail_front(report), true;
    spread_->doom = std::string(report.message);
    wire::append_error(spread_->refusal, report);
    return true;
}

// What could not be read may be anything. Statements that do not exist are the server's business.
bool Session::executes_unread(ByteView bytes) const {
    if (request_.form != Request::Form::Batch)
        return request_.form == Request::Form::Query && request_.oversize;
    if (request_.oversize) return true;
    ByteView rest = bytes;
    while (const auto frame = wire::take_frame(rest)) {
        const auto bind = frame->type == wire::frontend::kBind ? wire::read_bind(frame->body) : std::nullopt;
        if (!bind) continue;
        const PreparedPtr* known = statements_.find(bind->statement);
        const bool is_unread = bind->statement.empty() ? link_->statements.unnamed == UnnamedStatement{id_, 0}
                                                       : known != nullptr && !(*known)->info;
        if (is_unread) return true;
    }
    return false;
}

// For SHOW ROUTE FOR.
std::string Session::explain_replication(const sql::StatementInfo& info) const {
    const sql::CatalogFacts* facts = login_.database->facts.get();
    const replication::Classified classified = replication::classify_write(info, facts);
    const bool travels = classified.kind == WriteClass::NotDeterministic && RowImages::of(info, facts);
    return replication::explain(classified, is_proven(classified) || travels,
                                around_.config->replication.unsafe_statements);
}

// As any error it ends the transaction that it is in.
std::size_t Session::refuse_to_replicate(ByteView bytes, const std::string& reason) {
    const std::string message = "this cannot be replicated: " + reason;
    const wire::Report report{.sqlstate = sqlstate::kFeatureNotSupported,
                              .message = message,
                              .hint =
                                  "SHOW ROUTE FOR tells how a statement is replicated; "
                                  "replication.unsafe_statements allows what is not proven."};
    if (transaction_ == TransactionStatus::Idle) return fail_front(report), dispatch(bytes);
    if (!spread_) spread_ = std::make_unique<Spread>();
    spread_->doom = reason;
    wire::append_error(spread_->refusal, report);
    return undo_for(bytes);
}

// The transaction began at a node that is not main, or is not any more.
std::size_t Session::leave_former_main(ByteView bytes) {
    if (transaction_options_.read_only.value_or(false))
        return refuse_to_replicate(bytes, "a write in a transaction that began as READ ONLY");
    if (!spread_) spread_ = std::make_unique<Spread>();
    spread_->doom = "the main node is another one by now";
    return undo_for(bytes);
}

// Of one that was bound before and does something to the transaction.
bool Session::executes_open_portal(ByteView batch) const {
    ByteView rest = batch;
    while (const auto frame = wire::take_frame(rest)) {
        if (frame->type == wire::frontend::kBind) return false;
        const auto execute =
            frame->type == wire::frontend::kExecute ? wire::read_execute(frame->body) : std::nullopt;
        if (!execute) continue;
        const auto found =
            portals_ ? portals_->find(execute->portal) : sql::NameMap<sql::StatementInfoPtr>::iterator();
        const sql::StatementInfoPtr info = execute->portal.empty()                ? unnamed_portal_
                                           : portals_ && found != portals_->end() ? found->second
                                                                                  : nullptr;
        if (info && !info->single(Kind::Select)) return true;
    }
    return false;
}

// Before the request at the front is dealt with.
std::size_t Session::undo_for(ByteView bytes) {
    undo_everywhere();
    return wait_ == Wait::Nothing ? dispatch(bytes) : 0;  // where nothing was sent it is done already
}

void Session::warn_of_unproven() {
    const auto& classified = request_.meaning.verdict.replicated;
    if (!classified || is_proven(*classified)) return;
    if (around_.config->replication.unsafe_statements != config::Unsafe::Warn) return;
    std::string notice;
    wire::append_notice(notice, {.severity = wire::Severity::Warning,
                                 .sqlstate = SqlState("01000"),
                                 .message = "nodes may come to differ by this statement: " +
                                            replication::describe(*classified)});
    effects_.reply(notice);
}

// Whether what main executes must be executed by the others, now or when the transaction first writes.
bool Session::needs_copy(ByteView bytes) const {
    const auto& classified = request_.meaning.verdict.replicated;
    if (request_.form == Request::Form::Batch && !executes_anything(bytes)) return false;
    if (classified && classified->kind != WriteClass::None) return true;
    const bool in_transaction = transaction_ != TransactionStatus::Idle || begins_in_batch();
    return in_transaction && request_.meaning.steering.any();
}

// What is to be done on the other nodes before main gets the request at the front. Nothing: it can be sent;
// else how many bytes were dealt with, 0 while something must be awaited.
std::optional<std::size_t> Session::before_main(ByteView bytes) {
    const auto& classified = request_.meaning.verdict.replicated;
    if (!spread_ && !around_.functions().is_replicated()) return std::nullopt;
    if (spread_ && !spread_->doom.empty()) return undo_for(bytes);
    const Meaning::Steering& steering = request_.meaning.steering;
    const bool is_ignored = transaction_ == TransactionStatus::Failed && !steering.begins_or_ends &&
                            !steering.rolls_to_savepoint;  // main says 25P02
    if (is_ignored) return std::nullopt;
    if (const std::string reason = why_not_replicated(bytes); !reason.empty())
        return refuse_to_replicate(bytes, reason);
    if (!on_primary()) {
        const bool writes = classified && classified->kind != WriteClass::None && needs_copy(bytes);
        return writes ? std::optional(leave_former_main(bytes)) : std::nullopt;
    }
    if (is_spread() && ends_transaction(bytes)) return end_spread(bytes);
    const bool copies = needs_copy(bytes);
    if (!copies && transaction_ == TransactionStatus::Idle) return std::nullopt;
    if (!spread_) spread_ = std::make_unique<Spread>();
    const bool has_slot = take_slot();
    if (!copies) return std::nullopt;
    if (!has_slot) return refuse_to_replicate(bytes, "all slots are in use (replication.slots)");
    Spread& spread = *spread_;
    if (classified && classified->kind != WriteClass::None && !join()) return 0;
    spread.images = row_images(bytes);
    if (!spread.images) warn_of_unproven();
    spread.copies = true;
    spread.copy = {};
    spread.outcome = {};
    spread.bound.clear();
    spread.sets = steering.sets || request_.meaning.verdict.leaves != sql::Leaves::Nothing;
    spread.depends_on_facts = classified && classified->kind > WriteClass::Ddl;
    spread.makes_savepoints = steering.savepoints;
    spread.statements = steering.statements;
    spread.is_alone = transaction_ == TransactionStatus::Idle && !begins_in_batch();
    spread.is_bare = spread.is_alone && classified && classified->outside_transaction;
    spread.is_point = classified && classified->kind == WriteClass::Point;
    spread.looks_for_dates = classified && classified->copy_has_dates;
    spread.copy_tail.clear();
    spread.may_differ = request_.meaning.info->single(Kind::Vacuum);
    spread.epoch = around_.topology->epoch;
    if (spread.is_bare) spread.phase = At::Committing;  // it is done on main once it is sent
    if (spread.is_alone && !spread.is_bare) deferred_begin_ = "BEGIN";
    return std::nullopt;
}

bool Session::ends_transaction(ByteView bytes) const {
    const sql::StatementInfo& info = *request_.meaning.info;
    if (request_.form == Request::Form::Batch && !executes_anything(bytes)) return false;
    return info.single(Kind::Commit) || info.single(Kind::Rollback);
}

// A COMMIT waits until all nodes have the marker; then it goes to main, as a ROLLBACK does at once.
std::optional<std::size_t> Session::end_spread(ByteView bytes) {
    Spread& spread = *spread_;
    const bool commits =
        request_.meaning.info->single(Kind::Commit) && transaction_ == TransactionStatus::InTransaction;
    if (commits && spread.phase == At::Open) {
        begin_marking();
        return wait_ == Wait::Nothing ? dispatch(bytes) : 0;
    }
    spread.phase = commits ? At::Committing : At::Undoing;
    spread.is_end = spread.holds = true;
    spread.outcome = {};
    return std::nullopt;
}

// Connections to all other nodes that are in. False: one is awaited.
bool Session::join() {
    Spread& spread = *spread_;
    for (const cluster::NodeStatus& node : around_.topology->nodes) {
        if (node.state != cluster::NodeState::Up || node.role != cluster::Role::Replica) continue;
        if (follower_at(node.id) != nullptr) continue;
        if (spread.is_joined && transaction_ != TransactionStatus::Idle) continue;  // found out at COMMIT
        ServerLink* link = effects_.acquire(route::Target::at(node.id));
        if (link == nullptr) {
            spread.awaits_follower = true;
            wait_for_link();
            return false;
        }
        add_follower(*link);
    }
    spread.is_joined = true;
    return true;
}

Follower* Session::follower_at(NodeId node) const {
    if (!spread_) return nullptr;
    for (const auto& follower : spread_->followers) {
        if (follower->link->node == node) return follower.get();
    }
    return nullptr;
}

void Session::add_follower(ServerLink& link) {
    spread_->awaits_follower = false;
    spread_->followers.push_back(std::make_unique<Follower>(link));
}

// The same session settings, the same transaction, and what it did before it wrote; once.
void Session::begin_at(Follower& follower) {
    if (std::exchange(follower.has_begun, true)) return;
    std::string out;
    settings_at(follower, out);
    follower.needs_reset |= settings_.is_open();
    follower.begin(out, spread_->is_alone ? "BEGIN" : begin_text(transaction_options_));
    effects_.send(*follower.link, out);
    for (const Spread::Done& done : spread_->prelude) {
        std::string steps;
        follower.repeat(steps, done.request, done.outcome);
        follower.needs_reset |= done.sets;
        send_to(follower, steps);
    }
}

// Nothing may run there outside of the transaction: what comes behind BEGIN waits until that has succeeded.
void Session::send_to(Follower& follower, std::string_view steps) {
    if (follower.hold_back(steps)) return;
    effects_.send(*follower.link, steps);
}

void Session::settings_at(Follower& follower, std::string& out) {
    ServerLink& link = *follower.link;
    const NameValuesPtr& settings = settings_.committed();  // what was set since comes with the transaction
    if (link.settings.current() == settings) return;
    const Replay difference = replay(*link.settings.current(), *settings);
    link.settings.replace(settings);
    if (!difference.encoding.empty()) follower.run(out, difference.encoding);
    if (!difference.sql.empty()) follower.run(out, difference.sql);
}

// --- the request on its way to main ---

bool Session::copies() const {
    return spread_ != nullptr && spread_->copies;
}

void Session::copy_bind(std::string_view portal, const PreparedPtr& statement, ByteView values) {
    auto& bound = spread_->bound;
    std::erase_if(bound, [&](const auto& entry) { return entry.first == portal; });
    bound.emplace_back(portal,
                       CopiedRequest::Execution{.statement = statement, .values = std::string(values)});
}

void Session::copy_execute(std::string_view portal) {
    for (auto& [name, execution] : spread_->bound) {
        const bool begins = execution.statement->info && execution.statement->info->single(Kind::Begin);
        if (name == portal && !begins) spread_->copy.executions.push_back(execution);
    }
}

// --- what main has answered ---

// The end of a request at main. True: the client hears of it now.
bool Session::main_answered(TransactionStatus status) {
    Spread& spread = *spread_;
    if (spread.is_end) {
        end_followers(spread.phase == At::Committing && spread.outcome.text().ends_with("COMMIT"));
        return false;
    }
    if (spread.is_joined && !spread.is_alone && status == TransactionStatus::Idle)
        return main_ended_alone(), false;
    if (!std::exchange(spread.copies, false)) return true;
    if (spread.is_bare) return bare_answered(), false;
    const bool copied_in = std::exchange(spread.copies_in, false);
    if (copied_in) copy_in_ended();
    if (status == TransactionStatus::InTransaction) {
        // A key was compared by another equality than its own.
        if (spread.is_point && changed_several_rows(spread.outcome))
            spread.doom = "more than one row has a key that is thought to be unique";
        if (spread.depends_on_facts && is_schema_newer()) spread.doom = "the schema has changed meanwhile";
        if (spread.images) follow_by_rows();
        if (!copied_in && !spread.images) follow(std::move(spread.copy));
        if (!spread.is_alone) return true;
        begin_marking();
        return false;
    }
    if (!spread.is_alone) {
        // Main may keep the savepoints of what came before the error.
        if (spread.makes_savepoints && spread.statements > 1)
            spread.doom = "it failed behind a savepoint of the same text";
        return true;
    }
    spread.doom = "failed on main";  // and told; the others have nothing of it
    undo_everywhere();
    return false;
}

// Something has ended the transaction on main that was not known to: what main holds now is not known either.
void Session::main_ended_alone() {
    node_failed(link_->node, "it ended a transaction by itself");
    fatal({.sqlstate = sqlstate::kOutcomeUnknown,
           .message = "the transaction ended on the main node alone: its outcome is unknown"});
}

// Main has done what runs outside of transactions; the others do it by themselves.
void Session::bare_answered() {
    Spread& spread = *spread_;
    spread.phase = At::Following;
    wait_for_nodes();
    // CREATE INDEX CONCURRENTLY leaves its invalid index behind.
    const bool leaves_something = spread.outcome.text().starts_with("!23");
    if (!spread.outcome.failed() || leaves_something) {
        for (const auto& follower : spread.followers) {
            std::string out;
            settings_at(*follower, out);
            follower->repeat(out, spread.copy, spread.outcome);
            effects_.send(*follower->link, out);
        }
    }
    nodes_stepped();
}

// Whether the client gets this only when the commit is certain: of a Query PostgreSQL itself tells the last
// command tag after it.
bool Session::hold_back(const wire::Frame& frame) {
    if (!spread_) return false;
    Spread& spread = *spread_;
    const bool is_last_tag = spread.is_alone && spread.copies && !spread.copy.sql.empty() &&
                             frame.type == wire::backend::kCommandComplete &&
                             statement_index_ == spread.statements;
    spread.holds |= is_last_tag;
    if (spread.holds) spread.held.append(frame.bytes);
    return spread.holds;
}

// The others do what main has done; if there are none yet, when they come in.
void Session::follow(CopiedRequest request) {
    Spread& spread = *spread_;
    add_to_redo(spread.redo, request);
    if (!spread.is_joined) {
        spread.prelude.push_back({std::move(request), spread.outcome, spread.sets});
        return;
    }
    for (const auto& follower : spread.followers) {
        std::string out;
        begin_at(*follower);
        follower->repeat(out, request, spread.outcome);
        follower->needs_reset |= spread.sets;
        send_to(*follower, out);
    }
}

// Main takes the data of a COPY FROM STDIN: from here on the others get what it gets.
void Session::copy_in_began() {
    Spread& spread = *spread_;
    spread.copies_in = spread.streams = true;
    spread.is_repairable = false;
    for (const auto& follower : spread.followers) {
        std::string out;
        begin_at(*follower);
        follower->begin_copy(out, spread.copy.sql);
        send_to(*follower, out);
    }
}

void Session::stream_to_followers(ByteView bytes) {
    if (spread_->looks_for_dates && spread_->doom.empty() && has_moving_field(spread_->copy_tail, bytes))
        spread_->doom = "COPY of a date like 'now' or 'today'";
    for (const auto& follower : spread_->followers) send_to(*follower, bytes);
}

// After an error main reads no more of it; which one the others come to does not matter then.
void Session::copy_in_ended() {
    Spread& spread = *spread_;
    if (spread.outcome.failed()) spread.outcome.add_suspended();
    std::string fail;
    if (std::exchange(spread.streams, false)) wire::FrameBuilder(fail, wire::frontend::kCopyFail).string("");
    for (const auto& follower : spread.followers) {
        if (!fail.empty()) send_to(*follower, fail);
        follower->expect(spread.outcome);
    }
}

// What main has inserted, as values. Nothing was inserted: there is nothing to do.
void Session::follow_by_rows() {
    Spread& spread = *spread_;
    spread.outcome = spread.images->outcome();
    CopiedRequest request = spread.images->request(around_.prepared);
    if (!request.empty()) follow(std::move(request));
}

bool Session::hides_images(const wire::Frame& frame) {
    if (!copies() || !spread_->images || link_->replies.empty()) return false;
    const Expected& head = link_->replies.head();
    if (head.purpose != Purpose::Client) return false;
    const bool runs = head.owed == Owed::Query || head.owed == Owed::Execute;
    spread_->is_described = head.owed == Owed::DescribePortal;
    if (frame.type == wire::backend::kDataRow) return runs;
    return frame.type == wire::backend::kRowDescription && (runs || spread_->is_described);
}

// In place of the client's Query.
void Session::emit_image_query() {
    const std::string sql = spread_->images->on_main(spread_->copy.sql);
    wire::append_query(out_, sql);
    send_made();
}

// In place of the client's statement.
PreparedPtr Session::image_statement(const PreparedPtr& known) {
    const ByteView body = known ? ByteView(known->sql_and_types) : ByteView(unnamed_.body);
    const std::string_view sql = Cursor(body).c_string();
    std::string made = spread_->images->on_main(sql);
    made.append(body.substr(sql.size()));
    return around_.prepared.intern(made, statement_scope(), nullptr);
}

// A message of main that shows the columns that were added: the client gets another in its place, or none.
void Session::hide_images(const wire::Frame& frame) {
    RowImages& images = *spread_->images;
    const bool is_row = frame.type == wire::backend::kDataRow;
    const auto shown = is_row ? images.take_row(frame.body) : images.description(frame.body);
    std::string made;
    if (shown)
        wire::append_frame(made, frame.type, *shown);
    else if (spread_->is_described)
        wire::append_frame(made, wire::backend::kNoData, {});
    if (!made.empty()) effects_.reply(made);
}

// --- commit ---

// All nodes are asked for the marker.
void Session::begin_marking() {
    spread_->phase = At::Marking;
    wait_for_nodes();
    try_marking();
}

// Nodes that are in but do not follow must be out first.
void Session::try_marking() {
    Spread& spread = *spread_;
    if (!spread.doom.empty()) return undo_everywhere();
    if (is_anybody_missing()) return effects_.await_news();
    spread.epoch = around_.topology->epoch;
    send_marker();
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
    if (around_.free_slots.empty()) return false;
    spread_->slot = around_.free_slots.back();
    around_.free_slots.pop_back();
    return true;
}

void Session::send_marker() {
    Spread& spread = *spread_;
    spread.redo.user = login_.user;
    spread.redo.settings.clear();
    const Replay settings = replay(*around_.names.empty(), *settings_.committed());
    if (!settings.sql.empty()) spread.redo.settings.push_back(settings.sql);
    std::string redo = spread.is_repairable ? markers::encode(spread.redo) : std::string();
    if (redo.empty() || redo.size() > kMaxRedo) redo = markers::kTooLarge;
    const PreparedPtr constraints =
        around_.prepared.intern(parse_body("SET CONSTRAINTS ALL IMMEDIATE", {}), "", nullptr);
    const PreparedPtr mark =
        around_.prepared.intern(parse_body(markers::kMark, {23, 20, 20, 17}), "", nullptr);
    const std::string values =
        mark_values(spread.slot, around_.next_sequence->fetch_add(1), spread.epoch, redo);
    mark_main(constraints, Follower::kNoValues);
    mark_main(mark, values);
    wire::append_sync(out_);
    link_->replies.push(Owed::Sync, Deliver::Swallow, Purpose::Mark);
    send_made();
    ++spread.main_owes;
    spread.main_marked = false;
    spread.is_marker_sent = true;
    for (const auto& follower : spread.followers) {
        begin_at(*follower);
        std::string out;
        follower->mark(out, constraints, mark, values);
        send_to(*follower, out);
    }
}

void Session::mark_main(const PreparedPtr& statement, std::string_view values) {
    ensure_prepared(statement);
    wire::FrameBuilder(out_, wire::frontend::kBind).string("").string(statement->server_name).bytes(values);
    wire::FrameBuilder(out_, wire::frontend::kExecute).string("").int32(0);
    link_->replies.push(Owed::Bind, Deliver::Swallow, Purpose::Mark);
    link_->replies.push(Owed::Execute, Deliver::Swallow, Purpose::Mark);
}

// Main has answered something of ours.
void Session::main_stepped(std::string error) {
    if (!spread_) return;
    Spread& spread = *spread_;
    --spread.main_owes;
    if (!error.empty() && spread.main_error.empty()) spread.main_error = std::move(error);
    nodes_stepped();
}

// A node has answered, is gone, or the membership is new: on with the protocol if all have.
void Session::nodes_stepped() {
    Spread& spread = *spread_;
    const bool owed =
        spread.main_owes > 0 || std::any_of(spread.followers.begin(), spread.followers.end(),
                                            [](const auto& follower) { return follower->owes(); });
    note_differences();
    if (owed || wait_ != Wait::Nodes) return;
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
        spread.doom = fmt::format("node \"{}\" came to another result: {}", name_of(follower->link->node),
                                  follower->difference());
    }
}

std::string Session::name_of(NodeId id) const {
    const cluster::NodeStatus* node = around_.topology->find(id);
    return node != nullptr ? node->name : std::to_string(id.value);
}

void Session::all_marked() {
    Spread& spread = *spread_;
    if (!spread.is_marker_sent) return try_marking();
    const bool all = spread.main_marked && std::all_of(spread.followers.begin(), spread.followers.end(),
                                                       [](const auto& f) { return f->marked(); });
    if (!spread.main_error.empty()) spread.doom = "failed on main";
    for (const auto& follower : spread.followers) {
        if (spread.doom.empty() && !reads_alike(*link_->reported, *follower->link->reported))
            spread.doom =
                fmt::format("sessions of node \"{}\" have other settings", name_of(follower->link->node));
    }
    if (spread.doom.empty() && !all) effects_.mark_refused(spread.epoch);
    if (spread.doom.empty() && (!all || is_anybody_missing()))
        spread.doom = "the membership of nodes changes";
    if (!spread.doom.empty()) return undo_everywhere();
    if (ddl_) effects_.ddl_seen();  // before others see it: who judges by older facts is told
    if (!spread.is_alone) {
        spread.phase = At::Marked;
        wait_ = Wait::Nothing;
        effects_.disarm(TimerKind::Wait);
        return;
    }
    spread.phase = At::Committing;
    ++spread.main_owes;
    send_own_query("COMMIT", Purpose::End);
}

// Main has committed, or has not.
void Session::end_followers(bool committed) {
    Spread& spread = *spread_;
    spread.phase = committed ? At::Following : At::Undoing;
    wait_for_nodes();
    for (const cluster::NodeStatus& node : around_.topology->nodes) {
        if (committed && spread.lost.contains(node.id)) node_failed(node.id, "lost while main committed");
    }
    for (const auto& follower : spread.followers) {
        if (!follower->has_begun) continue;
        std::string out;
        if (!committed) follower->forget_held();
        if (committed)
            follower->repeat(out, commit_request(), only("COMMIT"));
        else
            follower->run(out, "ROLLBACK");
        effects_.send(*follower->link, out);
    }
    nodes_stepped();
}

// A node that could not commit what main has committed is not equal any more.
void Session::all_followed() {
    Spread& spread = *spread_;
    for (const auto& follower : spread.followers) {
        if (!follower->difference().empty() && !spread.may_differ) {
            node_failed(follower->link->node,
                        "it did not commit what the main node had committed: " + follower->difference());
        }
    }
    spread.doom.clear();
    spread.phase = At::Evicting;
    finish_if_evicted();
}

void Session::node_failed(NodeId node, const std::string& reason) {
    if (spread_->failed.empty())
        spread_->evicting_until = around_.now + around_.config->health.failover_park_timeout;
    spread_->failed.add(node);
    effects_.node_failed(node, spread_->epoch, reason);
}

// A node that failed is out, or a later epoch is in force: then it was made equal again when that began.
void Session::finish_if_evicted() {
    const Spread& spread = *spread_;
    const auto& nodes = around_.topology->nodes;
    const bool awaits = around_.topology->epoch <= spread.epoch &&
                        std::any_of(nodes.begin(), nodes.end(), [&](const cluster::NodeStatus& node) {
                            return spread.failed.contains(node.id) && node.state != cluster::NodeState::Down;
                        });
    if (awaits) return effects_.await_news();
    if (spread.main_is_lost) return finish_without_main();
    finish(TransactionStatus::Idle);
}

// The client hears how its request ended.
void Session::finish(TransactionStatus status) {
    std::string held = std::move(spread_->held);
    leave_nodes();
    if (closed_) return on_client_gone();
    wire::append_ready_for_query(held, status);
    effects_.reply(held);
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
    if (link_ != nullptr && link_->status != TransactionStatus::Idle) {
        ++spread.main_owes;
        send_own_query("ROLLBACK", Purpose::End);
    }
    for (const auto& follower : spread.followers) {
        if (!follower->has_begun) continue;
        if (follower->owes() && !follower->forget_held()) {  // it may wait for a lock
            effects_.cancel(*follower->link);
            follower->is_cancelled = true;
        }
        std::string out;
        follower->run(out, "ROLLBACK");
        effects_.send(*follower->link, out);
    }
    nodes_stepped();
}

void Session::all_undone() {
    Spread& spread = *spread_;
    if (spread.is_end)
        return finish(TransactionStatus::Idle);  // as the client wished, or as main has told it
    const bool is_told = std::exchange(error_seen_, true);
    const bool is_alone = spread.is_alone;
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
    if (main_error.empty())
        wire::append_error(error, {.sqlstate = sqlstate::kSerializationFailure,
                                   .message = "could not replicate the transaction: " + doom,
                                   .hint = "The transaction can be repeated."});
    else
        wire::append_frame(error, wire::backend::kErrorResponse, main_error);
    if (is_alone) {
        if (is_told) error.clear();
        wire::append_ready_for_query(error, TransactionStatus::Idle);
        effects_.reply(error);
        return end_request(TransactionStatus::Idle);
    }
    error_seen_ = false;
    if (!request_.classified || !request_.meaning.info->single(Kind::Commit)) {
        voided_ = Voided::Untold;
        voided_by_ = std::move(error);
        return;
    }
    transaction_ = TransactionStatus::Idle;
    end_transaction(false);
    failure_ = std::move(error);
}

// The followers go back to their pools, the slot is free again.
void Session::leave_nodes() {
    if (!spread_) return;
    for (const auto& follower : spread_->followers) {
        ServerLink& link = *follower->link;
        const bool is_clean =
            !follower->owes() && !follower->is_cancelled && link.status == TransactionStatus::Idle;
        effects_.release(link, !is_clean               ? Disposal::Close
                               : follower->needs_reset ? Disposal::Reset
                                                       : Disposal::Keep);
    }
    if (spread_->slot != Spread::kNoSlot) around_.free_slots.push_back(spread_->slot);
    spread_.reset();
    if (wait_ != Wait::Nodes) return;
    wait_ = Wait::Nothing;
    effects_.disarm(TimerKind::Wait);
}

// --- losses ---

void Session::wait_for_nodes() {
    wait_ = Wait::Nodes;
    effects_.disarm(TimerKind::Idle);
    effects_.arm(TimerKind::Wait, around_.config->replication.stall_timeout);
}

std::size_t Session::on_follower_bytes(ServerLink& link, ByteView bytes) {
    Follower* follower = follower_at(link.node);
    const std::size_t used = follower->on_bytes(bytes, around_.names);
    if (const std::string held = follower->take_held(); !held.empty()) effects_.send(link, held);
    nodes_stepped();
    return used;
}

void Session::on_follower_lost(ServerLink& link, std::string_view reason) {
    Spread& spread = *spread_;
    const NodeId node = link.node;
    std::erase_if(spread.followers, [&](const auto& follower) { return follower->link == &link; });
    if (spread.phase == At::Following) {
        node_failed(node, fmt::format("lost while it committed: {}", reason));
    } else if (spread.phase == At::Committing) {
        spread.lost.add(node);
    } else if (spread.phase == At::Marked) {
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
    const bool is_unclear = spread.phase == At::Committing;
    const bool has_committed = spread.phase == At::Following || spread.phase == At::Evicting;
    const NodeId main = link_->node;
    if (!is_unclear && !has_committed) return end_without_main(reason);
    node_failed(main, fmt::format("lost while it committed: {}", reason));
    forget_link();
    spread.main_is_lost = is_unclear;
    if (!is_unclear) return nodes_stepped(), true;
    for (const auto& follower : spread.followers) effects_.release(*follower->link, Disposal::Close);
    spread.followers.clear();
    spread.phase = At::Evicting;
    wait_for_nodes();
    finish_if_evicted();
    return true;
}

// Nobody has committed. False: what the client is told is the same as in other modes.
bool Session::end_without_main(std::string_view reason) {
    const bool is_answered =
        spread_->is_alone && !spread_->copies;  // by main, which the client does not know
    leave_nodes();
    if (!is_answered) return false;
    std::string frames;
    if (!error_seen_) {
        wire::append_error(frames, {.sqlstate = sqlstate::kSerializationFailure,
                                    .message = fmt::format(
                                        "the node was lost, nothing of this transaction remains: {}", reason),
                                    .hint = "The transaction can be repeated."});
    }
    wire::append_ready_for_query(frames, TransactionStatus::Idle);
    effects_.reply(frames);
    forget_link();
    end_without_link(false);
    return true;
}

// Main may have committed, and nobody else has. Once it is out nothing of the transaction remains; if it is
// not, the others may have been made equal to it.
void Session::finish_without_main() {
    const auto& nodes = around_.topology->nodes;
    const bool is_out = std::all_of(nodes.begin(), nodes.end(), [this](const cluster::NodeStatus& node) {
        return !spread_->failed.contains(node.id) || node.state == cluster::NodeState::Down;
    });
    leave_nodes();
    if (closed_) return on_client_gone();
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
    effects_.reply(frames);
    forget_attempt();
    idle_or_in_transaction();
}

// The bound is over: who has not answered is cancelled, or out.
void Session::nodes_late() {
    Spread& spread = *spread_;
    wait_for_nodes();
    switch (spread.phase) {
        case At::Marking:
            if (spread.doom.empty())
                spread.doom = "a node did not answer in time (replication.stall_timeout)";
            return undo_everywhere();
        case At::Committing:
            return node_failed(link_->node, "it did not commit in time (replication.stall_timeout)");
        case At::Following:
            for (const auto& follower : spread.followers) {
                if (follower->owes() && !spread.is_bare)
                    node_failed(follower->link->node,
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

// Nobody has decided that the node is out: it may be the one that others ask next.
void Session::give_up_eviction() {
    if (around_.now < spread_->evicting_until) return effects_.await_news();
    spread_->slot = Spread::kNoSlot;  // given up: only the last transaction of a slot can be repaired
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
        std::erase_if(spread_->followers, [&](const auto& follower) { return follower->link == link; });
        effects_.release(*link, Disposal::Close);
    }
    if (spread_->main_owes > 0) return lose_link("it did not answer in time");
    nodes_stepped();
}

}  // namespace pgpool::exec
