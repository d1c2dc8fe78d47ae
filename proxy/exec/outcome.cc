// SPDX-License-Identifier: PostgreSQL
// Session: what answers mean for its state, the end of requests and transactions, release of the connection.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "proxy/exec/session.h"

namespace pgpool::exec {

namespace {

using sql::Kind;
using sql::Leaves;

// What a rollback takes back. Advisory locks and what unknown code did stay.
constexpr Leaves kTransactional = Leaves::TempObject | Leaves::Listen | Leaves::HoldCursor;

// Asks whether any state of these kinds is there; empty if some of it cannot be asked for.
std::string pins_query(Leaves pins) {
    struct Question {
        Leaves leaves;
        std::string_view exists;
    };
    static constexpr std::array<Question, 4> kQuestions{{
        {Leaves::TempObject,
         "pg_depend WHERE refclassid = 'pg_catalog.pg_namespace'::regclass AND refobjid = "
         "pg_catalog.pg_my_temp_schema()"},
        {Leaves::Listen, "pg_listening_channels()"},
        {Leaves::HoldCursor, "pg_cursors WHERE is_holdable"},
        {Leaves::AdvisoryLock, "pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()"},
    }};
    std::string sql;
    for (const auto& [leaves, exists] : kQuestions) {
        if (!sql::has(pins, leaves)) continue;
        sql += fmt::format("{} EXISTS (SELECT FROM pg_catalog.{})", sql.empty() ? "SELECT" : " OR", exists);
        pins = without(pins, leaves);
    }
    return pins == Leaves::Nothing ? sql : std::string();
}

}  // namespace

// Holds from here on, whatever was cleared before in the same transaction.
void Session::pin(Leaves leaves) {
    pending_pins_ = pending_pins_ | leaves;
    pending_clears_ = without(pending_clears_, leaves);
}

// Only what has run clears anything: a Parse of DISCARD ALL does not.
void Session::unpin(const sql::Statement& done) {
    pending_pins_ = without(pending_pins_, done.clears);
    pending_clears_ = pending_clears_ | done.clears;
    pin(done.leaves);
}

// The `index`th statement of what was asked has succeeded.
void Session::on_command_complete(const Expected& asked, std::uint32_t index, std::string_view tag) {
    if (const auto executed = asked.executes) return apply_effects(executed->statements[0], tag);
    if (index < asked.info->statements.size()) apply_effects(asked.info->statements[index], tag);
}

// It has run in part, perhaps for ever: functions that change settings have been called.
void Session::on_portal_suspended(const Expected& asked) {
    if (asked.info->statements.empty()) return;
    apply_settings_told(asked.info->statements[0], {});
    const auto inner = asked.executes ? asked.executes : executed_by(asked.info->statements[0]);
    if (inner) apply_settings_told(inner->statements[0], {});
}

void Session::apply_settings(const sql::Statement& statement) {
    for (const sql::SettingChange& change : statement.settings) {
        if (!settings_.apply(change) || !link_->settings.apply(change)) pin(Leaves::UnknownSetting);
        set_locally_ |= change.scope != sql::Scope::Session;
    }
}

// Of what was looked for in pg_settings: whether that is PostgreSQL's own, and '=' too, only a search_path
// that the session itself has set tells, while it has no temporary objects.
void Session::apply_settings_told(const sql::Statement& statement, std::string_view tag) {
    if (!statement.sets_if_found) return apply_settings(statement);
    if (tag == "SELECT 0") return;
    const std::string* path = settings_.current()->find("search_path");
    const bool is_catalog = path != nullptr && to_lower_ascii(*path).find("pg_catalog") == std::string::npos;
    const bool has_temporaries = sql::has(pins_ | pending_pins_, Leaves::TempObject);
    if (tag != "SELECT 1" || !is_catalog || has_temporaries) pin(Leaves::UnknownSetting);
    apply_settings(statement);
}

void Session::apply_effects(const sql::Statement& statement, std::string_view tag) {
    if (statement.clears != Leaves::Nothing) {
        unpin(statement);
    } else if (sql::has(statement.leaves, kTransactional)) {
        pin(statement.leaves);  // once more: a rollback in the same request may have come before it
    }
    apply_settings_told(statement, tag);
    const bool are_facts_old = ddl_ && !own_facts_.are_fresh();
    if (around_.functions().is_replicated())
        temporaries_.apply(statement, tag, are_facts_old ? nullptr : facts());
    own_facts_.note_tag(tag);
    switch (statement.kind) {
        case Kind::Begin:
        case Kind::SetTransaction:
            if (statement.transaction.read_only)
                transaction_options_.read_only = statement.transaction.read_only;
            if (statement.transaction.isolation)
                transaction_options_.isolation = statement.transaction.isolation;
            break;
        case Kind::Commit:
        case Kind::PrepareTransaction:
            if (tag == "ROLLBACK") return roll_back();
            settings_.commit();
            link_->settings.commit();
            temporaries_.commit();
            keep_effects();  // COMMIT AND CHAIN: another transaction follows at once
            break;
        case Kind::Rollback:
            return roll_back();
        case Kind::Savepoint:
            settings_.savepoint(statement.name);
            link_->settings.savepoint(statement.name);
            temporaries_.savepoint(statement.name);
            break;
        case Kind::ReleaseSavepoint:
            settings_.release_savepoint(statement.name);
            link_->settings.release_savepoint(statement.name);
            temporaries_.release_savepoint(statement.name);
            break;
        case Kind::RollbackToSavepoint:
            settings_.rollback_to_savepoint(statement.name);
            link_->settings.rollback_to_savepoint(statement.name);
            temporaries_.rollback_to_savepoint(statement.name);
            break;
        default:
            apply_to_statements(statement, tag);
            break;
    }
}

// EXECUTE of what a Parse has prepared may be any command. One that executes another is not followed.
sql::StatementInfoPtr Session::executed_by(const sql::Statement& statement) const {
    const PreparedPtr* known = statement.kind == Kind::Execute ? statements_.find(statement.name) : nullptr;
    const sql::StatementInfoPtr info = known != nullptr ? (*known)->info : nullptr;
    const bool is_followed =
        info && info->statements.size() == 1 && info->statements[0].kind != Kind::Execute;
    return is_followed ? info : nullptr;
}

void Session::apply_to_statements(const sql::Statement& statement, std::string_view tag) {
    switch (statement.kind) {
        case Kind::Prepare:
            remember_prepare(statement);
            break;
        case Kind::Execute:
            if (const auto inner = executed_by(statement)) apply_effects(inner->statements[0], tag);
            break;
        case Kind::Deallocate:
            if (statement.name.empty())
                forget_names();
            else
                forget_name(statement.name);
            break;
        case Kind::Discard:
            if (statement.name != "all") break;
            settings_.replace(settings_.defaults());  // it commits at once
            link_->settings.replace(around_.names.empty());
            forget_names();
            break;
        default:
            break;
    }
}

// What was prepared behind it comes back with its ParseComplete, what was closed does not.
void Session::forget_names() {
    statements_.clear();
    link_->statements.clear();
    std::set<std::string_view> seen;
    for (std::size_t i = undo_done_; i < undo_.size(); ++i) {
        if (seen.insert(statement_key(undo_[i].name)).second) undo_[i].comes_from(nullptr);
    }
    forget_executed({});
}

// The oldest change of the name that is not confirmed: what it would bring back is what the name means now.
Session::Undo* Session::open_change(std::string_view name) {
    const auto first = undo_.begin() + static_cast<std::ptrdiff_t>(undo_done_);
    const auto found = std::find_if(first, undo_.end(), [&](const Undo& undo) {
        return statement_key(undo.name) == statement_key(name);
    });
    return found != undo_.end() ? &*found : nullptr;
}

// What an EXECUTE on the way was thought to run: the name means another statement, or none; empty: all names.
void Session::forget_executed(std::string_view name) {
    ReplyQueue& replies = link_->replies;
    for (std::size_t i = 0; i < replies.size(); ++i) {
        Expected& expected = replies.at(i);
        if (!expected.executes) continue;
        const std::string_view executed = expected.info->statements[0].name;
        if (name.empty() || statement_key(executed) == statement_key(name)) expected.executes.reset();
    }
}

void Session::forget_name(std::string_view name) {
    statements_.set(name, nullptr);
    link_->statements.own_names.set(name, nullptr);
    if (Undo* open = open_change(name)) open->comes_from(nullptr);
    forget_executed(name);
}

// SQL PREPARE: its text makes the statement again on another connection.
void Session::remember_prepare(const sql::Statement& statement) {
    const auto from = static_cast<std::size_t>(statement.location);
    const bool is_known = from < prepare_text_.size();
    if (!is_known) pin(Leaves::UnknownCode);  // without its text it cannot be made elsewhere
    const std::size_t length =
        statement.length > 0 ? static_cast<std::size_t>(statement.length) : std::string::npos;
    const auto text = is_known ? std::string_view(prepare_text_).substr(from, length) : std::string_view();
    auto inner = std::make_shared<sql::StatementInfo>();
    inner->parsed = true;
    if (statement.inner) inner->statements.push_back(*statement.inner);
    forget_executed(statement.name);
    PreparedPtr made = around_.prepared.by_sql(text, settings_scope(), inner);
    if (Undo* open = open_change(statement.name)) open->comes_from(made);
    link_->statements.own_names.set(statement.name, made);
    statements_.set(statement.name, std::move(made));
}

void Session::roll_back() {
    settings_.rollback();
    link_->settings.rollback();
    temporaries_.rollback();
    pending_pins_ = without(pending_pins_, kTransactional);
    pending_clears_ = Leaves::Nothing;
}

// A request of the client has got its ReadyForQuery.
void Session::end_request(wire::TransactionStatus status) {
    count_answered(status == wire::TransactionStatus::Idle);
    transaction_ = status;
    may_end_failed_ = status == wire::TransactionStatus::Failed && runs_something();
    if (status == wire::TransactionStatus::Idle) end_transaction(!error_seen_);
    done_ += std::exchange(retained_, 0);
    commits_ = false;
    forget_attempt();
    if (owes_client()) {
        if (transaction_began_ == TimePoint{}) transaction_began_ = around_.now;
        const auto timeout = around_.config->limits.query_timeout;
        if (timeout.count() > 0) effects_.arm(TimerKind::Query, timeout);  // for the next one
        return;
    }
    undo_.clear();
    undo_done_ = 0;
    names_change_ = names_go_ = unnamed_may_stay_ = may_be_skipped_ = may_copy_in_ = false;
    effects_.disarm(TimerKind::Query);
    release_if_free();
    idle_or_in_transaction();
    if (spread_ && spread_->is_ending) undo_deadlocked();
}

// For the client, by what is on the way.
bool Session::runs_something() const {
    return link_ != nullptr && link_->replies.find([](const Expected& expected) {
        const bool runs = expected.owed == Owed::Query || expected.owed == Owed::Execute;
        return runs && expected.deliver == Deliver::Forward;
    }) != nullptr;
}

// Of the request that is over: the next one begins with nothing seen and nothing to skip.
void Session::forget_attempt() {
    repeatable_ = error_seen_ = row_delivered_ = avoid_standby_ = learn_write_ = waited_for_replay_ = false;
    timed_out_ = cancel_is_due_ = false;
    frames_forwarded_ = frames_to_skip_ = statement_index_ = attempts_ = 0;
}

void Session::end_transaction(bool committed) {
    if (committed) {
        settings_.commit();
        if (link_ != nullptr) link_->settings.commit();
        temporaries_.commit();
        keep_effects();
    } else {
        settings_.rollback();
        if (link_ != nullptr) link_->settings.rollback();
        temporaries_.rollback();
        pins_ = pins_ | without(pending_pins_, kTransactional);
    }
    pending_pins_ = pending_clears_ = Leaves::Nothing;
    wrote_ = ddl_ = changes_logins_ = set_locally_ = false;
    own_facts_.clear();
    transaction_options_ = {};
    transaction_began_ = {};
    if (spread_ && !spread_->is_joined) leave_nodes();
    if (link_ != nullptr && (unsynced_ || !link_->replies.empty())) return;
    unnamed_portal_.reset();  // not before: those of a later request may be among them
    portals_.reset();
}

void Session::keep_effects() {
    pins_ = without(pins_, pending_clears_) | pending_pins_;
    pending_pins_ = pending_clears_ = Leaves::Nothing;
    if (wrote_) login_.database->marks->written_at(last_write_ = effects_.clock());
    if (ddl_) schema_changes();
    wrote_ = ddl_ = changes_logins_ = false;
}

void Session::schema_changes() {
    effects_.ddl_seen();
    if (changes_logins_ && around_.logins != nullptr) around_.logins->changed(effects_.clock());
}

// With several requests under way, the time of one begins where the one before it ends.
void Session::count_answered(bool transaction_over) {
    ++statistics_.queries;
    statistics_.query_time += around_.now - request_began_;
    request_began_ = around_.now;
    if (!transaction_over) return;
    ++statistics_.transactions;
    if (transaction_began_ != TimePoint{}) statistics_.transaction_time += around_.now - transaction_began_;
}

void Session::count_wait() {
    if (wait_ == Wait::Link) statistics_.wait_time += around_.now - wait_began_;
}

// Nothing is on the way on the connection that this session holds, no message is half sent, no transaction is
// open there.
bool Session::is_link_clean() const {
    return link_ != nullptr && link_->replies.empty() && !unsynced_ && !copying_in_ && stream_left_ == 0 &&
           link_->status == wire::TransactionStatus::Idle;
}

bool Session::is_quiet() const {
    return is_link_clean() && transaction_ == wire::TransactionStatus::Idle;
}

void Session::check_pins() {
    if (!is_quiet() || phase_ != Phase::Running || wait_ != Wait::Nothing) return;
    const std::string sql = pins_query(pins_);
    if (sql.empty()) return;
    state_left_ = true;
    send_own_query(sql, Purpose::Check);
}

void Session::release_if_free() {
    if (!is_quiet()) return;
    const auto mode = around_.config->pool.mode;
    if (phase_ == Phase::Running && mode == config::PoolMode::Session) return;
    Disposal disposal = Disposal::Keep;
    if (pins_ != Leaves::Nothing) {
        if (mode == config::PoolMode::Auto) {
            if (effects_.connection_wanted() || is_outdated(*link_)) check_pins();
            return;
        }
        disposal =
            Disposal::Reset;  // mode transaction: the state is lost, as its users expect, but never leaks
        pins_ = Leaves::Nothing;
        temporaries_.clear();
    }
    effects_.release(*std::exchange(link_, nullptr), disposal);
}

void Session::idle_or_in_transaction() {
    if (draining_ && transaction_ == wire::TransactionStatus::Idle) return on_drain();
    const auto& limits = around_.config->limits;
    const auto timeout = transaction_ == wire::TransactionStatus::Idle ? limits.client_idle_timeout
                                                                       : limits.idle_transaction_timeout;
    if (timeout.count() > 0) effects_.arm(TimerKind::Idle, timeout);
}

}  // namespace pgpool::exec
