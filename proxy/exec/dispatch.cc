// SPDX-License-Identifier: PostgreSQL
// Session: Request -> plan -> server connection, or an answer of our own.
#include <algorithm>
#include <array>
#include <utility>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"
#include "proxy/sql/settings.h"

namespace pgpool::exec {

namespace {

constexpr std::size_t kMaxRetained = std::size_t{16} << 10U;  // a longer read is not kept for a repetition
constexpr milliseconds kFactsPatience{500};
constexpr milliseconds kReplicationPatience{12000};  // without them a write is refused; a load takes ten
constexpr std::uint32_t kMaxFactsWaits = 20;         // of these at most each
constexpr std::uint32_t kMaxPipelined = 1000;        // requests on the way before the client must wait

// Parameters that tell about the server at hand, not about the session: the client keeps what it heard at its
// login.
constexpr std::array<std::string_view, 2> kOfTheServer{"in_hot_standby", "server_version"};

const sql::StatementInfo& no_statement() {
    static const sql::StatementInfo none{.parsed = true, .node_hint = {}, .statements = {}};
    return none;
}

// By which texts are read before anything of them is understood.
bool sets_reading(const sql::SettingChange& change) {
    return change.name == "client_encoding" || change.name == "standard_conforming_strings";
}

// Whether a setting of those makes another text of it: by backslashes or by characters beyond ASCII.
bool depends_on_reading(std::string_view sql) {
    return std::any_of(sql.begin(), sql.end(),
                       [](char c) { return c == '\\' || (static_cast<unsigned char>(c) & 0x80U) != 0; });
}

// What the client's next messages mean depends on what this makes of its settings.
bool sets_anew(const sql::Statement& statement) {
    return statement.kind == sql::Kind::Discard ||
           std::any_of(statement.settings.begin(), statement.settings.end(), [](const auto& change) {
               return change.act != sql::SettingChange::Act::Set || sets_reading(change);
           });
}

// The EXECUTE that a statement is or, as CREATE TABLE AS and EXPLAIN may, holds.
const sql::Statement* executes(const sql::Statement& statement) {
    if (statement.kind == sql::Kind::Execute) return &statement;
    const bool holds = statement.inner && statement.inner->kind == sql::Kind::Execute;
    return holds ? statement.inner.get() : nullptr;
}

// Of what is executed within another statement, where its settings are not followed.
sql::Leaves left_by_settings(const sql::StatementInfo& info) {
    const bool sets = std::any_of(info.statements.begin(), info.statements.end(),
                                  [](const auto& statement) { return !statement.settings.empty(); });
    return sets ? sql::Leaves::UnknownSetting : sql::Leaves::Nothing;
}

// By itself, or by what it takes back.
bool changes_settings(const sql::Statement& statement) {
    using sql::Kind;
    static constexpr std::array kKinds{Kind::Discard, Kind::Commit, Kind::PrepareTransaction, Kind::Rollback,
                                       Kind::RollbackToSavepoint};
    return !statement.settings.empty() ||
           std::find(kKinds.begin(), kKinds.end(), statement.kind) != kKinds.end();
}

// Mode replication: of a temporary table.
bool is_of_main_only(const route::Verdict& verdict) {
    return verdict.replicated && verdict.replicated->kind == replication::WriteClass::None;
}

// As SQL: in the schema of the statement's table.
std::string in_schema(const sql::Statement& statement, std::string_view name) {
    const std::string& schema = statement.relations.front().schema;
    return (schema.empty() ? std::string() : sql::in_quotes(schema) + ".") + sql::in_quotes(name);
}

// As SQL. Empty: the server gives it one.
std::string index_name(const sql::Statement& statement) {
    return statement.index->empty() ? std::string() : in_schema(statement, *statement.index);
}

bool is_own(const sql::StatementInfo& info) {
    return info.single(sql::Kind::Pgpool);
}

}  // namespace

std::size_t Session::dispatch(ByteView bytes) {
    if (!failure_.empty() && request_.flushed && request_.size == wire::kFrameHeader) {
        request_ = {};  // a lone Flush is not answered, not even with an error
        return bytes.size();
    }
    if (!failure_.empty()) {
        std::string error = std::exchange(failure_, {});
        const bool is_within = transaction_ == wire::TransactionStatus::InTransaction;
        if (is_within && !owes_client() && !unsynced_) return fail_within(std::move(error), bytes);
        return fail_request(answers_before_failure(bytes) + error);
    }
    if (wait_ != Wait::Nothing) return 0;
    if (!request_.classified) classify(bytes);
    if (awaits_facts()) return 0;
    if (owes_client() && !may_pipeline()) {
        if (are_names_open() || around_.functions().is_replicated()) classify_anew();
        return 0;
    }
    if (voided_ != Voided::No) return answer_voided(bytes);
    if (begin_script(bytes)) return bytes.size();
    if (awaits_own_facts()) return 0;
    if (owes_client() && must_park()) return 0;  // first the answers
    if (link_ != nullptr && (owes_client() || unsynced_)) {
        if (const auto dealt_with = before_main(bytes)) return *dealt_with;
        return send_request(bytes);
    }
    if (link_ == nullptr && answer_proven_parse(bytes)) return bytes.size();

    route::Target target = route::Target::primary();
    if (link_ == nullptr || !request_.planned) {
        if (const auto answered = follow_plan(bytes, target)) return *answered;
        request_.planned = true;
    }
    if (must_park()) {
        release_if_free();
        if (link_ != nullptr) return park();
        target = route::Target::primary();  // the next one
    }
    if (link_ == nullptr && !take_link(target)) return 0;
    if (!prepare_link()) return 0;
    if (const auto dealt_with = before_main(bytes)) return *dealt_with;
    return send_request(bytes);
}

// Mode replication: a text that steers transactions, or changes the schema within one, and does more runs
// part by part. Where the parts begin is known of the text itself only, not of one like it.
bool Session::begin_script(ByteView bytes) {
    const Meaning::Steering& steering = request_.meaning.steering;
    const bool is_mixed = steering.begins_or_ends && steering.statements > 1;
    if (!(is_mixed || mixes_ddl()) || request_.form != Request::Form::Query ||
        !around_.functions().is_replicated())
        return false;
    if (script_ || owes_client() || unsynced_ || login_.database->is_admin) return false;
    const std::string_view text = wire::read_query(wire::next_frame(bytes).frame.body).value_or("");
    const sql::StatementInfoPtr info = sql::Analyzer(Surroundings::kMaxAnalyzedText).analyze(text, options_);
    auto script = Script::of(text, *info, transaction_ != wire::TransactionStatus::Idle);
    if (!script) return false;
    script_ = std::make_unique<Script>(std::move(*script));
    request_ = {};
    return true;
}

// The first clients of a database wait a moment for its catalog facts: without them a call of a user's
// function would pin its client.
bool Session::awaits_facts() {
    if (voided_ != Voided::No) return false;  // it does not run
    const bool first = request_.meaning.verdict.needs_facts && !login_.database->facts && !waited_for_facts_;
    if (!first && !awaits_newer_facts()) return false;
    wait_ = Wait::Facts;
    facts_seen_ = facts_version();
    if (waits_for_facts_ == 0) facts_wanted_at_ = around_.now;
    classify_anew();
    const bool is_too_early = login_.database->marks->is_ddl_committing();
    if (!first && !is_too_early) effects_.facts_wanted();
    effects_.await_news();
    effects_.arm(TimerKind::Wait, around_.functions().is_replicated() && !is_too_early ? kReplicationPatience
                                                                                       : kFactsPatience);
    return true;
}

// Mode replication: how a write comes to the other nodes must not be judged by a schema that has changed.
bool Session::awaits_newer_facts() const {
    const auto& classified = request_.meaning.verdict.replicated;
    if (!classified || !login_.database->facts || ddl_ || waits_for_facts_ > kMaxFactsWaits) return false;
    const bool makes_name = sql::has(request_.meaning.verdict.leaves, sql::Leaves::TempObject);
    if (are_facts_stale() || (makes_name && is_schema_newer())) return true;  // is the name free?
    // A load that had begun before it was asked for may not know what is there since.
    const bool is_older = login_.database->facts->as_of < facts_wanted_at_ &&
                          around_.now - facts_wanted_at_ < kReplicationPatience;
    return classified->needs_facts && (waits_for_facts_ == 0 || is_older);
}

bool Session::are_facts_stale() const {
    const auto& classified = request_.meaning.verdict.replicated;
    if (!classified || !is_schema_newer()) return false;
    const bool reads = classified->kind == replication::WriteClass::None && classified->by_facts;
    return reads || replication::depends_on_schema(*classified);
}

// Than the facts, or about to be.
bool Session::is_schema_newer() const {
    return is_schema_newer(facts());
}

bool Session::is_schema_newer(const sql::CatalogFacts* facts) const {
    const DatabaseMarks& marks = *login_.database->marks;
    return facts != nullptr && (marks.is_ddl_committing() || facts->as_of <= marks.last_ddl());
}

std::uint64_t Session::facts_version() const {
    return facts() != nullptr ? facts()->version : 0;
}

// While answers are owed the next request may follow at once if it can be served where the others are,
// whatever becomes of them: on the primary, with nothing that is answered here and nothing whose effect on
// settings or statement names is open.
bool Session::may_pipeline() const {
    if (copying_in_) return false;
    if (around_.functions().is_replicated() && (spread_ || !request_.meaning.verdict.replicated ||
                                                request_.meaning.verdict.kind != route::Class::Read))
        return unsynced_ && !copies();
    if (unsynced_) return true;  // PostgreSQL holds answers back until Sync: no waiting for them
    if (may_be_skipped_ || names_change_ || may_copy_in_ || request_.meaning.lists_names) return false;
    if (unnamed_may_stay_ && request_.meaning.binds_unnamed) return false;
    if (!on_primary() || link_->replies.size() > kMaxPipelined) return false;
    if (request_.meaning.verdict.kind == route::Class::Own || voided_ != Voided::No) return false;
    return undo_.size() == undo_done_ && !needs_own_names();
}

// What the names of statements mean depends on what is on the way.
bool Session::are_names_open() const {
    return names_change_ || unnamed_may_stay_ || undo_.size() > undo_done_;
}

// What we prepare may come to a transaction that has failed, which only the answers will tell.
bool Session::needs_own_names() const {
    const auto& names = request_.meaning.own_names;
    return std::any_of(names.begin(), names.end(), [this](const std::string& name) {
        return statements_.contains(name) && !link_->statements.own_names.contains(name);
    });
}

// Before it is sent: what it rests on is about to change.
void Session::classify_anew() {
    request_.meaning = {};
    request_.classified = false;
}

void Session::classify(ByteView bytes) {
    if (request_.form == Request::Form::Query) classify_query(bytes);
    if (request_.form == Request::Form::Batch) classify_batch(bytes);
    if (request_.form == Request::Form::FunctionCall)
        classify_function_call(wire::next_frame(bytes).frame.body);
    request_.meaning.facts_version = facts_version();
    if (!request_.meaning.info) request_.meaning.info = {std::shared_ptr<void>(), &no_statement()};
    if (request_.meaning.verdict.needs_facts && !ddl_) effects_.facts_wanted();
    const route::Verdict& verdict = request_.meaning.verdict;
    request_.meaning.marks.writes = verdict.kind == route::Class::Write;
    request_.meaning.marks.is_ddl =
        verdict.is_ddl && !sql::has(verdict.leaves, sql::Leaves::TempObject) && !is_of_main_only(verdict);
    request_.meaning.marks.changes_logins = verdict.changes_logins;
    if (verdict.changes_verifiers) effects_.verifiers_change();
    request_.classified = true;
}

void Session::classify_unknown(bool harmless) {
    request_.meaning.verdict = {};
    request_.meaning.verdict.leaves = harmless ? sql::Leaves::Nothing : sql::Leaves::UnknownCode;
}

void Session::classify_query(ByteView bytes) {
    const auto text = wire::read_query(wire::next_frame(bytes).frame.body);
    if (request_.oversize || !text) return classify_unknown(!request_.oversize);
    const auto analysed = around_.analyze(*text, options_);
    learn(*analysed.slot);
    request_.meaning.info = analysed.info;
    note_statements(*analysed.info);
    const sql::StatementInfo& info = *analysed.info;
    request_.meaning.verdict = with_prepared(info, beside_temporaries(info, judge(*analysed.slot, info)));
    note_following(analysed.info, request_.meaning.verdict);
}

// EXECUTE does what was prepared under that name.
route::Verdict Session::with_prepared(const sql::StatementInfo& info, const route::Verdict& verdict) const {
    const sql::CatalogFacts* known = facts();
    route::Verdict all = verdict;
    for (const sql::Statement& statement : info.statements) {
        const sql::Statement* execute = executes(statement);
        if (execute == nullptr) continue;
        const PreparedPtr* prepared = statements_.find(execute->name);
        if (prepared != nullptr && (*prepared)->info) {
            const auto inner = beside_temporaries(
                *(*prepared)->info, route::classify(*(*prepared)->info, known, around_.functions()));
            all.leaves = all.leaves | inner.leaves;
            if (execute != &statement) all.leaves = all.leaves | left_by_settings(*(*prepared)->info);
            if (info.single(sql::Kind::Execute))
                all = route::classify_execute(info, inner, known, around_.functions());
        }
        // What a PREPARE of the same request makes is not known yet.
        if (request_.meaning.prepares) all.leaves = all.leaves | sql::Leaves::UnknownCode;
    }
    return all;
}

// What matters of a request beyond its verdict: whether it opens or ends a transaction, and the names it uses
// in SQL.
void Session::note_statements(const sql::StatementInfo& info) {
    for (const sql::Statement& statement : info.statements) {
        note_steering(statement);
        request_.meaning.names_temporaries |= temporaries_.is_named_by(statement);
        if (statement.database.by != sql::DatabaseUse::By::Nothing)
            request_.meaning.databases.push_back(statement.database);
        if (statement.index) {
            request_.meaning.index = index_name(statement);
            request_.meaning.indexed = in_schema(statement, statement.relations.front().name);
        }
        note_schema(statement);
        note_ddl(statement);
        request_.meaning.marks.begins |= statement.kind == sql::Kind::Begin;
        request_.meaning.marks.commits |=
            statement.kind == sql::Kind::Commit || statement.kind == sql::Kind::PrepareTransaction;
        request_.meaning.marks.rolls_back |= statement.kind == sql::Kind::Rollback;
        request_.meaning.prepares |= statement.kind == sql::Kind::Prepare;
        request_.meaning.copies_in |= statement.kind == sql::Kind::CopyFrom;
        for (const sql::RelationRef& relation : statement.relations) {
            request_.meaning.lists_names |= relation.name == "pg_prepared_statements";
        }
        for (const sql::FunctionRef& function : statement.functions) {
            request_.meaning.lists_names |= function.name == "pg_prepared_statement";
        }
        if (statement.kind == sql::Kind::Execute) note_executed(statement.name);
        request_.meaning.changes_names |= statement.kind == sql::Kind::Execute && info.statements.size() > 1;
        note_names(statement);
        if (statement.kind != sql::Kind::Execute && executes(statement) != nullptr) {
            request_.meaning.own_names.push_back(statement.inner->name);
        }
    }
}

void Session::note_steering(const sql::Statement& statement) {
    using sql::Kind;
    const auto is_any_of = [&](std::initializer_list<Kind> kinds) {
        return std::find(kinds.begin(), kinds.end(), statement.kind) != kinds.end();
    };
    Meaning::Steering& steering = request_.meaning.steering;
    steering.begins_or_ends |= is_any_of({Kind::Begin, Kind::Commit, Kind::Rollback, Kind::PrepareTransaction,
                                          Kind::CommitPrepared, Kind::RollbackPrepared});
    steering.rolls_to_savepoint |= statement.kind == Kind::RollbackToSavepoint;
    steering.savepoints |= is_any_of({Kind::Savepoint, Kind::ReleaseSavepoint, Kind::RollbackToSavepoint});
    const auto is_limit = [](const sql::SettingChange& change) {
        return change.act != sql::SettingChange::Act::ResetAll && sql::is_time_limit(change.name);
    };
    steering.sets |= !std::all_of(statement.settings.begin(), statement.settings.end(), is_limit) ||
                     std::any_of(statement.functions.begin(), statement.functions.end(),
                                 [](const auto& function) { return function.name == "set_config"; });
    steering.names |= is_any_of({Kind::Prepare, Kind::Deallocate, Kind::Discard});
    ++steering.statements;
}

// What an EXECUTE runs may itself name statements, or drop them.
void Session::note_executed(std::string_view name) {
    const PreparedPtr* known = statements_.find(name);
    if (known == nullptr || !(*known)->info) return;
    const std::uint32_t before = request_.meaning.steering.statements;
    for (const sql::Statement& statement : (*known)->info->statements) {
        note_names(statement);
        note_steering(statement);
        note_schema(statement);
        request_.meaning.names_temporaries |= temporaries_.is_named_by(statement);
    }
    Meaning::Steering& steering = request_.meaning.steering;
    if (!steering.begins_or_ends) steering.statements = before;  // it is one command
}

void Session::note_names(const sql::Statement& statement) {
    const bool changes = statement.kind == sql::Kind::Prepare || statement.kind == sql::Kind::Deallocate;
    request_.meaning.changes_names |= changes || sets_anew(statement) || takes_back_settings(statement);
    request_.meaning.marks.changes_settings |= changes_settings(statement);
    const bool by_name = changes || statement.kind == sql::Kind::Execute;
    if (by_name && !statement.name.empty()) request_.meaning.own_names.push_back(statement.name);
}

bool Session::takes_back_settings(const sql::Statement& statement) const {
    using sql::Kind;
    const bool commits = statement.kind == Kind::Commit || statement.kind == Kind::PrepareTransaction;
    const bool rolls_back = statement.kind == Kind::Rollback || statement.kind == Kind::RollbackToSavepoint;
    return (rolls_back && settings_.is_open()) || ((rolls_back || commits) && set_locally_);
}

// A standby has refused this text as one that writes: so it is one from now on.
void Session::learn(route::CachedVerdict& slot) {
    if (!learn_write_) return;
    slot.learned_write = true;
    slot.valid = false;
}

void Session::classify_batch(ByteView bytes) {
    request_.meaning.verdict.kind = route::Class::Session;
    request_.meaning.verdict.reason = route::Reason::SessionCommand;
    request_.meaning.verdict.leaves = sql::Leaves::Nothing;
    std::string_view parsed_name;     // the statement that this batch parsed last
    sql::StatementInfoPtr described;  // a command of ours: no server knows it
    for (std::size_t at = 0; at < bytes.size();) {
        const wire::Frame& frame = wire::next_frame(bytes.substr(at)).frame;
        const std::size_t frame_at = std::exchange(at, at + frame.bytes.size());
        if (frame.type == wire::frontend::kParse) {
            if (const auto name = classify_parse(frame, frame_at)) parsed_name = *name;
        } else if (frame.type == wire::frontend::kBind) {
            classify_bind(frame, parsed_name);
        } else if (frame.type == wire::frontend::kDescribe) {
            if (auto own = classify_describe(frame)) described = std::move(own);
        }
    }
    if (request_.meaning.statements == 0 && described) {
        add_to_verdict(described, route::classify(*described, facts(), around_.functions()));
    }
}

// The name of the statement.
std::optional<std::string_view> Session::classify_parse(const wire::Frame& frame, std::size_t frame_at) {
    const auto parse = wire::read_parse(frame.body);
    if (!parse) {
        if (request_.oversize) classify_unknown(false);
        return std::nullopt;
    }
    const auto analysed = around_.analyze_repeated(parse->sql, options_);
    learn(*analysed.slot);
    const bool may_read_otherwise = request_.meaning.changes_names || (unsynced_ && names_change_);
    add_to_verdict(analysed.info, beside_temporaries(*analysed.info, judge(*analysed.slot, *analysed.info)));
    if (may_read_otherwise && depends_on_reading(parse->sql)) {
        request_.meaning.verdict.leaves = request_.meaning.verdict.leaves | sql::Leaves::UnknownCode;
    }
    request_.meaning.parse_at = frame_at;
    request_.meaning.parsed = analysed.info;
    return parse->name;
}

void Session::classify_bind(const wire::Frame& frame, std::string_view parsed_name) {
    const auto bind = wire::read_bind(frame.body);
    if (!bind || (request_.meaning.parsed && bind->statement == parsed_name)) return;
    if (bind->statement.empty()) {
        request_.meaning.binds_unnamed = true;
        if (unnamed_.info)
            add_to_verdict(unnamed_.info,
                           beside_temporaries(*unnamed_.info,
                                              route::classify(*unnamed_.info, facts(), around_.functions())));
        return;
    }
    const PreparedPtr* known = statements_.find(bind->statement);
    if (known == nullptr || !(*known)->info) return;
    if ((*known)->by_sql) request_.meaning.own_names.emplace_back(bind->statement);
    const sql::StatementInfoPtr& info = (*known)->info;
    add_to_verdict(info, beside_temporaries(*info, judge((*known)->verdict, *info)));
}

// The command of ours that is described; null: something else is.
sql::StatementInfoPtr Session::classify_describe(const wire::Frame& frame) {
    const auto target = wire::read_target(frame.body);
    if (!target || target->kind != 'S') return nullptr;
    const PreparedPtr* known = statements_.find(target->name);
    if (known != nullptr && (*known)->by_sql) request_.meaning.own_names.emplace_back(target->name);
    const sql::StatementInfoPtr& info = known != nullptr ? (*known)->info : unnamed_.info;
    if (info && info->single(sql::Kind::Execute)) note_names(info->statements[0]);
    const bool is_there = known != nullptr || target->name.empty();
    return is_there && info && is_own(*info) ? info : nullptr;
}

// The whole batch has one destination: what its most demanding statement needs.
void Session::add_to_verdict(const sql::StatementInfoPtr& info, const route::Verdict& alone) {
    note_statements(*info);
    const bool runs_prepared = std::any_of(info->statements.begin(), info->statements.end(),
                                           [](const auto& one) { return executes(one) != nullptr; });
    const route::Verdict with_inner = runs_prepared ? with_prepared(*info, alone) : route::Verdict();
    const route::Verdict& verdict = runs_prepared ? with_inner : alone;
    note_following(info, verdict);
    if (request_.meaning.statements++ == 0) {
        request_.meaning.info = info;
        request_.meaning.verdict = verdict;
        return;
    }
    request_.meaning.info = {std::shared_ptr<void>(), &no_statement()};
    route::Verdict& all = request_.meaning.verdict;
    const bool both_read = all.kind == route::Class::Read && verdict.kind == route::Class::Read;
    if (!both_read) {
        all.kind = route::Class::Write;
        all.reason = route::Reason::MixedBatch;
    }
    all.leaves = all.leaves | verdict.leaves;
    all.retryable_read = all.retryable_read && verdict.retryable_read;
    all.is_ddl = all.is_ddl || verdict.is_ddl;
    all.changes_logins = all.changes_logins || verdict.changes_logins;
    all.changes_verifiers = all.changes_verifiers || verdict.changes_verifiers;
    all.needs_facts = all.needs_facts || verdict.needs_facts;
    all.primary_only = all.primary_only || verdict.primary_only;
    all.replicated = route::more_demanding(all.replicated, verdict.replicated);
}

// Only SERIALIZABLE matters: a standby cannot serve it.
sql::Isolation Session::default_isolation() const {
    const std::string* set = settings_.current()->find("default_transaction_isolation");
    const bool serializable =
        set != nullptr && to_lower_ascii(*set).find("serializable") != std::string::npos;
    return serializable ? sql::Isolation::Serializable : sql::Isolation::ReadCommitted;
}

route::SessionRoute Session::session_route() const {
    route::SessionRoute route;
    route.in_transaction = transaction_ != wire::TransactionStatus::Idle;
    route.read_only = transaction_options_.read_only.value_or(false);
    route.isolation = transaction_options_.isolation.value_or(default_isolation());
    if (link_ != nullptr)
        route.bound = on_primary() ? route::Target::primary() : route::Target::at(link_->node);
    route.chosen = chosen_;
    const auto consistency = around_.config->routing.consistency;
    if (consistency == config::Consistency::Session) route.must_see = around_.position_after(last_write_);
    if (consistency == config::Consistency::Global) {
        route.must_see = around_.position_after(login_.database->marks->last_write());
    }
    route.waited = waited_for_replay_;
    route.primary_only = around_.config->pool.mode == config::PoolMode::Session;
    route.user = login_.user;
    route.database = login_.database->name;
    if (around_.config->routing.rules.empty()) return route;
    if (const std::string* name = reported_->find("application_name")) route.application_name = *name;
    return route;
}

// Where the request goes (`target`, and nothing returned), or how much of the client's bytes was dealt with
// here.
std::optional<std::size_t> Session::follow_plan(ByteView bytes, route::Target& target) {
    if (request_.form == Request::Form::Batch && request_.meaning.statements == 0 &&
        request_.size == wire::kFrameHeader && (request_.synced || request_.flushed) &&
        (link_ == nullptr || request_.flushed)) {
        if (request_.synced) say_ready();  // a lone Sync; a lone Flush asks for nothing
        request_ = {};
        return wire::kFrameHeader;
    }
    if (login_.database->is_admin && !is_own(*request_.meaning.info)) {
        const bool asks_nothing = request_.meaning.statements <= 1 &&
                                  request_.meaning.info->statements.empty() &&
                                  request_.form != Request::Form::FunctionCall && !request_.oversize;
        if (asks_nothing) return answer_locally(bytes, {route::Local::What::EmptyQuery});
        fail_front(
            {.sqlstate = sqlstate::kFeatureNotSupported,
             .message = "only SHOW and PGPOOL commands exist on the admin database; SHOW HELP lists them"});
        return dispatch(bytes);
    }
    route::SessionRoute session = session_route();
    const bool before_sync = request_.form == Request::Form::Batch && !request_.synced;
    session.primary_only |= avoid_standby_ || before_sync;
    const route::ExecutionPlan plan =
        route::plan(request_.meaning.verdict, *request_.meaning.info, session, *around_.topology,
                    around_.config->routing, around_.random());
    if (const auto* forward = std::get_if<route::Forward>(&plan)) {
        target = forward->target;
        if (forward->stick == route::Stick::Session) chosen_ = forward->target;
        return std::nullopt;
    }
    if (const auto* wait = std::get_if<route::WaitForReplay>(&plan)) {
        wait_ = Wait::Replay;
        effects_.await_news();
        effects_.arm(TimerKind::Wait, wait->at_most);
        return 0;
    }
    if (const auto* local = std::get_if<route::Local>(&plan)) {
        const bool is_end = local->what == route::Local::What::EndUnsent;
        if (local->what == route::Local::What::Own ||
            (local->what == route::Local::What::Begin && runs_one_statement(bytes) &&
             can_be_deferred(bytes)) ||
            (is_end && !deferred_begin_.empty() && runs_one_statement(bytes))) {
            return answer_locally(bytes, *local);
        }
        return std::nullopt;
    }
    if (transaction_ == wire::TransactionStatus::Failed && link_ != nullptr) return std::nullopt;  // 25P02
    const auto& refuse = std::get<route::Refuse>(plan);
    fail_front({.sqlstate = refuse.sqlstate, .message = refuse.message});
    return dispatch(bytes);
}

bool Session::take_link(const route::Target& target) {
    link_ = effects_.acquire(target);
    if (link_ != nullptr) return true;
    wait_for_link();
    return false;
}

void Session::wait_for_link() {
    wait_ = Wait::Link;
    wait_began_ = around_.now;
    const auto& pool = around_.config->pool;
    effects_.arm(TimerKind::Wait, pool.queue_notice.count() > 0
                                      ? std::min(pool.queue_notice, pool.wait_timeout)
                                      : pool.wait_timeout);
    waited_ = milliseconds(0);
}

// Makes the connection look as if this client had used it all the time. False: something must be answered
// first.
bool Session::prepare_link() {
    clean_own_names();
    if (transaction_ != wire::TransactionStatus::Idle && deferred_begin_.empty()) return true;
    if (!replay_settings()) return false;
    if (link_->replies.empty() && phase_ == Phase::Running) tell_parameters();
    return true;
}

// Statements under a client's own name go when another client comes, or when theirs has dropped that name
// meanwhile at another connection.
void Session::clean_own_names() {
    const bool is_mine = std::exchange(link_->last_session, id_) == id_;
    if (is_mine && link_->status != wire::TransactionStatus::Idle) return;
    NamedStatements& there = link_->statements.own_names;
    ReplyQueue& replies = link_->replies;
    for (const std::string& name : there.names()) {
        const PreparedPtr* known = statements_.find(name);
        if (is_mine && known != nullptr && *known == *there.find(name)) continue;
        wire::append_close_statement(out_, name);
        replies.push(Owed::Close, Deliver::Swallow, Purpose::Cleanup);
        there.set(name, nullptr);
    }
    if (out_.empty()) return;
    wire::append_sync(out_);
    replies.push(Owed::Sync, Deliver::Swallow, Purpose::Cleanup);
    send_made();
}

// Settings that cannot fail go together with the request; others are awaited, as the request must not run
// without them.
bool Session::replay_settings() {
    if (link_->settings.current() == settings_.current()) return true;
    const Replay difference = replay(*link_->settings.current(), *settings_.current());
    link_->settings.replace(settings_.current());
    if (!difference.encoding.empty()) send_own_query(difference.encoding, Purpose::Cleanup);
    if (difference.sql.empty()) return true;
    send_own_query(difference.sql, Purpose::Replay);
    if (difference.cannot_fail && phase_ == Phase::Running) return true;
    wait_ = Wait::Settings;
    return false;
}

void Session::tell_parameters() {
    if (link_->reported == reported_) return;
    std::string frames;
    for (const auto& [name, value] : link_->reported->pairs()) {
        if (std::find(kOfTheServer.begin(), kOfTheServer.end(), name) != kOfTheServer.end()) continue;
        const std::string* known = reported_->find(name);
        if (known != nullptr && *known == value) continue;
        wire::append_parameter_status(frames, name, value);
        reported_ = around_.names.with(reported_, name, value);
    }
    if (frames.empty()) return;
    reply(frames);
    note_parameters();
}

void Session::note_parameters() {
    const std::string* encoding = reported_->find("client_encoding");
    const std::string* conforming = reported_->find("standard_conforming_strings");
    options_.ascii_safe_encoding = encoding == nullptr || sql::is_ascii_safe_encoding(*encoding);
    options_.standard_conforming_strings = conforming == nullptr || *conforming == "on";
}

std::size_t Session::send_request(ByteView bytes) {
    begin_attempt(bytes);
    if (around_.config->log.statements) tell_statements(bytes, link_);
    ReplyQueue& replies = link_->replies;
    const std::size_t first_reply = replies.size();
    replies.mark(request_.meaning.marks);  // what it may do goes with the answers that it waits for
    // In mode replication a Sync behind BEGIN would let what follows run without it, should it fail.
    const bool names_first = around_.functions().is_replicated();
    if (names_first) emit_names(bytes);
    if (!deferred_begin_.empty()) emit_begin();
    if (!begins_in_batch()) emit_locks();
    if (!names_first) emit_names(bytes);
    emit_request(bytes);
    replies.mark({});
    if (replies.size() > first_reply) replies.leave(replies.at(first_reply), request_.meaning.verdict.leaves);
    names_change_ |= request_.meaning.changes_names;
    may_copy_in_ |= request_.meaning.copies_in;
    emit_synthesized();
    stream_left_ = request_.beyond;
    stream_dropped_ = false;
    effects_.disarm(TimerKind::Idle);
    request_ = {};
    waits_for_facts_ = 0;
    own_facts_.next_statement();
    if (!repeatable_) return bytes.size();
    retained_ = static_cast<std::uint32_t>(bytes.size());
    return 0;
}

void Session::begin_attempt(ByteView bytes) {
    done_ +=
        std::exchange(retained_, 0);  // an earlier read can no longer be repeated once another follows it
    const bool alone = !owes_client() && !unsynced_;
    const bool is_whole = request_.synced || request_.form == Request::Form::Query;
    repeatable_ = alone && !script_ && transaction_ == wire::TransactionStatus::Idle &&
                  request_.meaning.verdict.retryable_read && !request_.oversize &&
                  bytes.size() <= kMaxRetained && is_whole;
    if (!alone) return;
    row_delivered_ = error_seen_ = false;
    frames_forwarded_ = statement_index_ = 0;
    request_began_ = around_.now;
    if (transaction_began_ == TimePoint{}) transaction_began_ = around_.now;
    const auto timeout = around_.config->limits.query_timeout;
    if (timeout.count() > 0) effects_.arm(TimerKind::Query, timeout);
}

// The statements that the request names in SQL.
void Session::emit_names(ByteView bytes) {
    request_.surely_fails = surely_fails();
    for (const std::string& name : request_.meaning.own_names) ensure_own_name(name);
    if (request_.meaning.lists_names) show_own_names();
    if (!request_.meaning.prepares) return;
    // One that is not the only one on its way cannot be told from the others.
    const bool is_one_of_many = request_.meaning.statements > 1 || names_change_;
    prepare_text_ = is_one_of_many ? std::string_view() : text_of(bytes);
}

void Session::emit_request(ByteView bytes) {
    switch (request_.form) {
        case Request::Form::Query:
            return emit_query(bytes);
        case Request::Form::FunctionCall:
            return emit_function_call(bytes);
        default:
            return emit_batch(bytes);
    }
}

}  // namespace pgpool::exec
