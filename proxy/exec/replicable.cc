// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. What of the client's requests the other nodes must execute too, and what they
// cannot.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"
#include "proxy/sql/lexer.h"

namespace pgpool::exec {

namespace {

using replication::WriteClass;
using sql::Kind;
using wire::TransactionStatus;

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

}  // namespace

// Where the session has temporary tables, what writes is theirs alone: the verdict that others share does not
// know them.
route::Verdict Session::beside_temporaries(const sql::StatementInfo& info,
                                           const route::Verdict& verdict) const {
    if (!verdict.replicated) return verdict;
    const std::vector<std::string> names = temporaries_within(info);
    if (names.empty()) return verdict;
    route::Verdict own = verdict;
    const sql::CatalogFacts* facts = login_.database->facts.get();
    own.replicated =
        std::make_shared<const replication::Classified>(replication::classify_write(info, facts, names));
    return own;
}

// Those that are there, and those that the text makes for its later statements.
std::vector<std::string> Session::temporaries_within(const sql::StatementInfo& info) const {
    std::vector<std::string> names = temporaries_.names();
    if (info.statements.size() < 2) return names;
    for (const sql::Statement& statement : info.statements) {
        const bool is_temporary = sql::has(statement.leaves, sql::Leaves::TempObject);
        const sql::RelationRef* made = is_temporary ? created_by(statement) : nullptr;
        if (made != nullptr) names.push_back(made->name);
    }
    return names;
}

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
    if (const std::string reason = why_not_by_name(); !reason.empty()) return reason;
    if (request_.oversize) return "a message of this size";
    const sql::Leaves left = pins_ | pending_pins_;
    if (sql::has(left, sql::Leaves::TempObject) && temporaries_.is_opaque())
        return "a write in a session that has temporary objects other than plain tables";
    if (meaning.names_temporaries && meaning.steering.statements > 1)
        return "temporary tables and others in one request";
    if (sql::has(left, sql::Leaves::UnknownSetting | sql::Leaves::UnknownCode))
        return "a write in a session with settings that could not be read";
    if (meaning.copies_in && (is_batch || meaning.steering.statements != 1))
        return "COPY FROM STDIN that is not a Query of its own";
    if (is_batch && !request_.synced) return "a batch without its Sync";
    if (session_route().isolation == sql::Isolation::Serializable) return "SERIALIZABLE";
    if (are_facts_stale()) return "the schema has changed, and could not be read anew in time";
    const bool has_ddl = ddl_ || (meaning.marks.is_ddl && meaning.steering.statements > 1);
    if (has_ddl && classified->kind > WriteClass::Ddl) return "a write behind DDL in the same transaction";
    if (is_batch && has_moving_parameter(bytes, *classified)) return "a parameter like 'now' or 'today'";
    const bool is_refused = around_.config->replication.unsafe_statements == config::Unsafe::Refuse;
    const bool is_safe = is_proven(*classified) || row_images(bytes);
    return is_safe || !is_refused ? std::string() : replication::describe(*classified);
}

// EXECUTE: the others prepare the same, for this once.
std::string Session::why_not_by_name() const {
    const Meaning& meaning = request_.meaning;
    if (meaning.own_names.empty()) return {};
    const bool is_query = request_.form == Request::Form::Query && meaning.info->single(Kind::Execute);
    if (!is_query) return "EXECUTE that is not a Query of its own";
    if (meaning.info->statements[0].explained) return "EXPLAIN ANALYZE of a write";
    const PreparedPtr* known = statements_.find(meaning.info->statements[0].name);
    if (known == nullptr || !(*known)->by_sql) return "EXECUTE of what was not made by PREPARE";
    const bool reads_alike = !(*known)->scope.empty() && (*known)->scope == settings_scope();
    return reads_alike ? std::string() : "a statement that was prepared under other settings";
}

// Of an INSERT by itself that nodes would execute with other values.
std::optional<RowImages> Session::row_images(ByteView bytes) const {
    const auto& classified = request_.meaning.verdict.replicated;
    const bool is_one = request_.meaning.steering.statements == 1;
    if (!classified || classified->kind != WriteClass::NotDeterministic || !is_one) return std::nullopt;
    if (request_.form == Request::Form::Batch && count_executes(bytes) != 1) return std::nullopt;
    return RowImages::of(*request_.meaning.info, login_.database->facts.get());
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

// For SHOW ROUTE FOR.
std::string Session::explain_replication(const sql::StatementInfo& info) const {
    const sql::CatalogFacts* facts = login_.database->facts.get();
    const replication::Classified classified = replication::classify_write(info, facts);
    const bool travels = classified.kind == WriteClass::NotDeterministic && RowImages::of(info, facts);
    return replication::explain(classified, is_proven(classified) || travels,
                                around_.config->replication.unsafe_statements);
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
    reply(notice);
}

// Whether what main executes must be executed by the others, now or when the transaction first writes.
bool Session::needs_copy(ByteView bytes) const {
    const auto& classified = request_.meaning.verdict.replicated;
    if (request_.form == Request::Form::Batch && !executes_anything(bytes)) return false;
    if (classified && classified->kind != WriteClass::None) return true;
    const bool in_transaction = transaction_ != TransactionStatus::Idle || begins_in_batch();
    return in_transaction && request_.meaning.steering.any();
}

bool Session::ends_transaction(ByteView bytes) const {
    const sql::StatementInfo& info = *request_.meaning.info;
    if (request_.form == Request::Form::Batch && !executes_anything(bytes)) return false;
    return info.single(Kind::Commit) || info.single(Kind::Rollback);
}

}  // namespace pgpool::exec
