// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. What of the client's requests the other nodes must execute too, and what they
// cannot.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"
#include "proxy/replication/schema_use.h"
#include "proxy/replication/value_text.h"
#include "proxy/sql/lexer.h"

namespace pgpool::exec {

namespace {

using replication::WriteClass;
using sql::Kind;
using wire::TransactionStatus;

constexpr SqlState kNoActiveTransaction{"25P01"};

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

// Each portal is bound, perhaps described, and executed before the next one is.
bool is_series(ByteView batch, bool with_limits) {
    std::string_view portal;
    bool is_open = false;
    ByteView rest = batch;
    while (const auto frame = wire::take_frame(rest)) {
        if (frame->type == wire::frontend::kBind) {
            const auto bind = wire::read_bind(frame->body);
            if (!bind || std::exchange(is_open, true)) return false;
            portal = bind->portal;
        } else if (frame->type == wire::frontend::kDescribe) {
            const auto target = wire::read_target(frame->body);
            if (!target || (target->kind == 'P' && (!is_open || portal != target->name))) return false;
        } else if (frame->type == wire::frontend::kExecute) {
            const auto execute = wire::read_execute(frame->body);
            if (!execute || !std::exchange(is_open, false) || portal != execute->portal) return false;
            if (execute->max_rows > 0 && !with_limits) return false;
        }
    }
    return true;
}

std::vector<std::string_view> split_query(ByteView query) {
    return sql::between_semicolons(wire::read_query(wire::next_frame(query).frame.body).value_or(""));
}

// What PostgreSQL says to it.
std::string_view outside_of_block(Kind kind) {
    switch (kind) {
        case Kind::Savepoint:
            return "SAVEPOINT can only be used in transaction blocks";
        case Kind::RollbackToSavepoint:
            return "ROLLBACK TO SAVEPOINT can only be used in transaction blocks";
        case Kind::ReleaseSavepoint:
            return "RELEASE SAVEPOINT can only be used in transaction blocks";
        default:
            return {};
    }
}

// A date or time by a word that means something else tomorrow.
bool has_moving_parameter(ByteView batch) {
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
    own.replicated =
        std::make_shared<const replication::Classified>(replication::classify_write(info, facts(), names));
    return own;
}

// Those that are there, and those that the text makes for its later statements. None is known where pg_temp
// need not be the first place to look: by the same name others may make a table any time.
std::vector<std::string> Session::temporaries_within(const sql::StatementInfo& info) const {
    std::vector<std::string> names = temporaries_.names();
    const std::string* path = settings_.current()->find("search_path");
    if (path != nullptr && path->find("pg_temp") != std::string::npos) return {};
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
    if (request_.form == Request::Form::FunctionCall && !classified)
        return "a function call by the fast path that may write";
    if (names_ours()) return "a prepared statement of a name that is the proxy's";
    if (transaction_ != TransactionStatus::Idle && changes_session_user())
        return "SET SESSION AUTHORIZATION in a transaction";
    if (std::string reason = why_not_large_objects(bytes); !reason.empty()) return reason;
    const bool writes = writes_everywhere();
    const bool is_cut_short = is_batch && !request_.synced;
    if (is_cut_short && executes_anything(bytes) &&
        (needs_copy(bytes) || (is_spread() && ends_transaction(bytes)) || meaning.marks.begins))
        return "a batch without its Sync";
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
    if (is_batch && !executes_anything(bytes)) return {};
    if (!ddl_ && are_facts_stale()) return std::string(kFactsAreLate);
    if (!writes) return {};
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
    if (sql::has(left, sql::Leaves::UnknownCode))
        return "a write in a session that has called code that could not be read";
    if (sql::has(left, sql::Leaves::UnknownSetting))
        return "a write in a session with settings that could not be read";
    if (meaning.copies_in && (is_batch || meaning.steering.statements != 1))
        return "COPY FROM STDIN that is not a Query of its own";
    if (std::string reason = why_not_filled(); !reason.empty()) return reason;
    if (meaning.following.refreshes && meaning.steering.statements != 1)
        return "REFRESH MATERIALIZED VIEW together with other statements";
    if (const std::string reason = why_not_behind_ddl(); !reason.empty()) return reason;
    if (are_facts_stale()) return std::string(kFactsAreLate);
    const bool is_moving = moves(bytes);
    if (is_moving && !meaning.following.rows_may) return "a parameter like 'now' or 'today'";
    if (meaning.following.by_rows || is_moving) {
        if (std::string reason = why_rows_cannot_travel(bytes); !reason.empty()) return reason;
    }
    const bool is_refused = around_.config->replication.unsafe_statements == config::Unsafe::Refuse;
    const route::ClassifiedPtr& unproven = meaning.following.unproven;
    return unproven && is_refused ? replication::describe(*unproven) : std::string();
}

// What names something that is not there, or cannot be read, fails on main, which says so as PostgreSQL does.
// Should it succeed all the same, the transaction is undone.
bool Session::is_error_of_main() const {
    const Meaning& meaning = request_.meaning;
    const auto& classified = meaning.verdict.replicated;
    const bool is_query = request_.form == Request::Form::Query && meaning.steering.statements == 1;
    if (!on_primary() || !classified || classified->outside_transaction || meaning.steering.begins_or_ends ||
        (meaning.copies_in && !is_query) || meaning.marks.is_ddl || request_.oversize)
        return false;
    const bool knows_own = !ddl_ || own_facts_.are_fresh();  // what it has made itself is there
    if (meaning.info->parsed) return classified->needs_facts && facts() != nullptr && knows_own;
    const std::string* version = link_->reported->find("server_version");
    return meaning.info->is_syntax_error && version != nullptr &&
           std::atoi(version->c_str()) <= sql::kParserVersion;
}

bool Session::moves(ByteView bytes) const {
    const bool is_batch = request_.form == Request::Form::Batch;
    return is_batch && request_.meaning.following.by_dates && has_moving_parameter(bytes);
}

// The marker is one: by SQL it could be replaced, and what it is given could be read.
bool Session::names_ours() const {
    const auto& names = request_.meaning.own_names;
    return std::any_of(names.begin(), names.end(), [this](const std::string& name) {
        return name.starts_with(around_.prepared.prefix());
    });
}

bool Session::changes_session_user() const {
    const auto& statements = request_.meaning.info->statements;
    return std::any_of(statements.begin(), statements.end(), [](const sql::Statement& statement) {
        return std::any_of(statement.settings.begin(), statement.settings.end(), [](const auto& change) {
            return change.name == "session_authorization" && change.act != sql::SettingChange::Act::ResetAll;
        });
    });
}

// Though the statements would allow it.
std::string Session::why_rows_cannot_travel(ByteView bytes) const {
    const bool is_batch = request_.form == Request::Form::Batch;
    if (is_batch && !is_series(bytes, !request_.meaning.following.returns))
        return "rows that travel, of portals that are not executed one by one and whole";
    if (!is_batch && split_query(bytes).size() != request_.meaning.verdict.replicated->ways.size())
        return "rows that travel, of a text that holds other semicolons";
    const std::string why = why_values_cannot_travel();
    return why.empty() ? why : "rows that travel, " + why;
}

// As far as the server reports by what it writes them; the rest it tells with them.
std::string Session::why_values_cannot_travel() const {
    replication::TextSettings settings;
    const auto take = [this](std::string_view name, std::string_view& to) {
        if (const std::string* value = link_->reported->find(name)) to = *value;
    };
    take("DateStyle", settings.date_style);
    take("client_encoding", settings.client_encoding);
    take("server_encoding", settings.server_encoding);
    return replication::why_read_otherwise(settings);
}

// Main does them one by one, in an order that the others can repeat.
std::string Session::why_not_large_objects(ByteView bytes) const {
    const Meaning& meaning = request_.meaning;
    if (!meaning.large_objects.is_called || !needs_copy(bytes)) return {};
    const bool is_batch = request_.form == Request::Form::Batch;
    if (request_.form == Request::Form::Query && meaning.steering.statements != 1)
        return "large objects in a text with other statements";
    if (!meaning.own_names.empty()) return "large objects by EXECUTE";
    if (request_.oversize) return "a message of this size";
    if (meaning.large_objects.is_unclear) return "a large object by other than plain values";
    return is_batch && !is_series(bytes, true) ? "large objects by portals that are not executed one by one"
                                               : std::string();
}

// By the schema of today: its tables cannot change any more, main has them locked, and it has met nothing
// that can change without. Of code that was replaced twice not all is seen.
bool Session::is_judged_alike(const Judged& judged, const sql::CatalogFacts* facts) const {
    if (replication::locks_needed(*judged.as))
        return false;  // another table may be meant by now, without lock
    if (!judged.by || facts == nullptr || judged.overtaken > 1 ||
        !replication::names_the_same(*judged.info, *judged.by, *facts))
        return false;
    const bool is_code_kept =
        judged.overtaken == 0 || (replication::uses_builtins_only(*judged.info, *judged.by) &&
                                  replication::uses_builtins_only(*judged.info, *facts));
    if (!is_code_kept) return false;
    const auto now = replication::classify_write(*judged.info, facts, temporaries_within(*judged.info));
    return std::equal(now.ways.begin(), now.ways.end(), judged.as->ways.begin(), judged.as->ways.end());
}

void Session::note_following(const sql::StatementInfoPtr& info, const route::Verdict& verdict) {
    const route::ClassifiedPtr& one = verdict.replicated;
    if (!one) return;
    Meaning::Following& all = request_.meaning.following;
    request_.meaning.large_objects.is_called |= one->calls_large_objects;
    request_.meaning.large_objects.by_search_path |= one->by_search_path;
    if (replication::depends_on_schema(*one))
        all.judged.push_back({.info = info,
                              .as = one,
                              .by = own_facts_.latest() ? own_facts_.latest() : login_.database->facts});
    if (!replication::can_follow(*one)) all.unproven = one;
    all.by_rows |= replication::rows_travel(*one);
    for (const auto& way : one->ways) {
        all.returns |= way.images && way.images->client_returns;
        all.draws |= (way.images && way.images->draws()) || (way.filling && !way.filling->moved.empty());
        if (way.locks) all.locks.push_back(way.locks);
        all.refreshes |= way.locks && !way.locks->refreshed.empty();
    }
    if (one->date_parameters.empty()) return;
    all.by_dates = true;
    all.rows_may &= one->ways.front().images != nullptr;
}

// EXECUTE: the others prepare the same, for this once.
std::string Session::why_not_by_name() const {
    const Meaning& meaning = request_.meaning;
    if (meaning.own_names.empty()) return {};
    const bool is_query = request_.form == Request::Form::Query && meaning.info->single(Kind::Execute);
    if (!is_query) return "EXECUTE that is not a Query of its own";
    if (meaning.info->statements[0].explained) return "EXPLAIN ANALYZE of a write";
    return why_not_execute(meaning.info->statements[0].name);
}

std::string Session::why_not_execute(std::string_view name) const {
    const PreparedPtr* known = statements_.find(name);
    if (known == nullptr || !(*known)->by_sql) return "EXECUTE of what was not made by PREPARE";
    const bool reads_alike = !(*known)->scope.empty() && (*known)->scope == settings_scope();
    return reads_alike ? std::string() : "a statement that was prepared under other settings";
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

// For SHOW ROUTE FOR: what it would be in this session.
std::string Session::explain_replication(const sql::StatementInfo& info,
                                         const route::Verdict& verdict) const {
    const config::Unsafe unsafe = around_.config->replication.unsafe_statements;
    if (!verdict.replicated) return replication::explain(replication::classify_write(info, facts()), unsafe);
    const bool executes = info.single(Kind::Execute) && verdict.replicated->kind != WriteClass::None;
    const std::string reason = executes ? why_not_execute(info.statements[0].name) : std::string();
    return reason.empty() ? replication::explain(*verdict.replicated, unsafe) : "refused: " + reason;
}

void Session::warn_of_unproven() {
    const route::ClassifiedPtr& unproven = request_.meaning.following.unproven;
    if (!unproven) return;
    if (around_.config->replication.unsafe_statements != config::Unsafe::Warn) return;
    std::string notice;
    wire::append_notice(notice, {.severity = wire::Severity::Warning,
                                 .sqlstate = SqlState("01000"),
                                 .message = "nodes may come to differ by this statement: " +
                                            replication::describe(*unproven)});
    reply(notice);
}

// Whether what main executes must be executed by the others, now or when the transaction first writes.
bool Session::needs_copy(ByteView bytes) const {
    if (request_.form == Request::Form::Batch && !executes_anything(bytes)) return false;
    if (writes_everywhere()) return true;
    const bool in_transaction = transaction_ != TransactionStatus::Idle || begins_in_batch();
    return in_transaction && (request_.meaning.steering.any() || moves_descriptors());
}

// Behind the BEGIN that we put in front of a write it would succeed.
std::optional<wire::Report> Session::why_no_savepoint(ByteView bytes) const {
    const Meaning::Steering& steering = request_.meaning.steering;
    const bool is_outside = transaction_ == TransactionStatus::Idle && !steering.begins_or_ends;
    if (!steering.savepoints || !is_outside || !needs_copy(bytes)) return std::nullopt;
    std::string_view message;
    for (const sql::Statement& statement : request_.meaning.info->statements) {
        if (message.empty()) message = outside_of_block(statement.kind);
    }
    if (message.empty()) message = outside_of_block(Kind::Savepoint);  // one of a batch
    return wire::Report{.sqlstate = kNoActiveTransaction, .message = message};
}

bool Session::ends_transaction(ByteView bytes) const {
    const sql::StatementInfo& info = *request_.meaning.info;
    if (request_.form == Request::Form::Batch && !executes_anything(bytes)) return false;
    return info.single(Kind::Commit) || info.single(Kind::Rollback);
}

}  // namespace pgpool::exec
