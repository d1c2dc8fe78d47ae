// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. What the main node has executed the others execute too (Spread tells the rules).
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"
#include "proxy/exec/tolerant_drop.h"
#include "proxy/replication/way_out.h"
#include "proxy/sql/lexer.h"
#include "proxy/sql/settings.h"

namespace pgpool::exec {

namespace {

using replication::WriteClass;
using sql::Kind;
using wire::TransactionStatus;
using At = Spread::Phase;

// Whatever the isolation on main, which alone reads: the others take what main has made of rows, and that is
// the last version of each. With a snapshot of their own they could miss what main has seen committed.
constexpr std::string_view kBegin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

constexpr std::string_view kAllowing =
    "SHOW ROUTE FOR tells how a statement is replicated; replication.unsafe_statements allows what is not "
    "proven.";

constexpr std::size_t kMostKept = std::size_t{16} << 20U;  // of what a transaction did

// That no row was there to be changed may be another matter on the others, at their time, or when it is
// repaired.
bool changed_nothing(std::string_view tag) {
    return tag == "UPDATE 0" || tag == "DELETE 0" || tag == "INSERT 0 0";
}

// By its tag, which ends with the count. An INSERT names its rows itself.
bool changed_several_rows(const StepOutcome& outcome) {
    const std::string& tag = outcome.text();
    const bool by_key = tag.starts_with("UPDATE ") || tag.starts_with("DELETE ");
    return by_key && tag.find(';') == std::string::npos && !tag.ends_with(" 0") && !tag.ends_with(" 1");
}

}  // namespace

bool Session::is_spread() const {
    return spread_ != nullptr && spread_->is_joined;
}

// --- before a request is sent to main ---

// What is to be done on the other nodes before main gets the request at the front. Nothing: it can be sent;
// else how many bytes were dealt with, 0 while something must be awaited.
std::optional<std::size_t> Session::before_main(ByteView bytes) {
    const auto& classified = request_.meaning.verdict.replicated;
    if (!spread_ && !around_.functions().is_replicated()) return std::nullopt;
    if (spread_ && !spread_->doom.empty()) return undo_for(bytes);
    if (request_.meaning.facts_version != facts_version()) return classify_anew(), dispatch(bytes);
    const Meaning::Steering& steering = request_.meaning.steering;
    const bool is_ignored = transaction_ == TransactionStatus::Failed && !steering.begins_or_ends &&
                            !steering.rolls_to_savepoint;  // main says 25P02
    if (is_ignored) return std::nullopt;
    note_large_objects(bytes);
    if (const auto report = why_no_savepoint(bytes)) return refuse_within(*report, bytes);
    const std::string reason = why_not_replicated(bytes);
    const bool is_trial = !reason.empty() && is_error_of_main();
    if (!reason.empty() && !is_trial) return refuse_to_replicate(bytes, reason);
    sql::Leaves& leaves = request_.meaning.verdict.leaves;
    if (is_trial) leaves = sql::without(leaves, sql::Leaves::UnknownCode);  // it does not run
    if (!on_primary()) {
        const bool writes = writes_everywhere() && needs_copy(bytes);
        return writes ? std::optional(leave_former_main(bytes)) : std::nullopt;
    }
    if (is_spread() && ends_transaction(bytes)) return end_spread(bytes);
    const bool copies = needs_copy(bytes);
    if (!copies && transaction_ == TransactionStatus::Idle) return std::nullopt;
    if (!spread_) spread_ = std::make_unique<Spread>();
    const bool has_slot = take_slot();
    if (!copies) return std::nullopt;
    if (!has_slot && awaits_slot()) return 0;
    if (!has_slot) return refuse_for_slots(bytes);
    Spread& spread = *spread_;
    const bool joins = !is_trial && writes_everywhere();
    if (joins && !spread.is_joined && !spread.keeps_all)
        return refuse_to_replicate(bytes, "too much came before the first write of its transaction");
    if (joins) {
        if (const auto dealt_with = await_ddl(bytes)) return dealt_with;
    }
    if (joins && !join()) return 0;
    if (joins) {
        if (const auto dealt_with = make_vacant(bytes)) return dealt_with;
    }
    if (!is_trial) warn_of_unproven();
    const bool changes_schema = request_.meaning.marks.is_ddl || steering.rolls_to_savepoint;
    if (changes_schema || request_.meaning.following.unproven) own_facts_.age();
    spread.copies = true;
    spread.trial = reason;
    plan_locks();
    if (is_trial) spread.locks.reset(), spread.locks_at_main.clear();
    spread.by_rows = !is_trial && (request_.meaning.following.by_rows || moves(bytes));
    spread.draws |= request_.meaning.following.draws;
    spread.copy = {};
    spread.parts.clear();
    spread.answered = 0;
    spread.outcome = {};
    spread.bound.clear();
    spread.sets = steering.sets || request_.meaning.verdict.leaves != sql::Leaves::Nothing;
    spread.judged = std::move(request_.meaning.following.judged);
    note_code_begun();
    spread.sent_at = around_.now;
    spread.makes_savepoints = steering.savepoints;
    spread.statements = steering.statements;
    spread.is_alone = transaction_ == TransactionStatus::Idle && !begins_in_batch();
    spread.is_bare = spread.is_alone && classified && classified->outside_transaction;
    spread.is_point = classified && classified->kind == WriteClass::Point;
    spread.looks_for_dates = classified && classified->copy_has_dates;
    spread.copy_dates.clear();
    fill_copy();
    spread.opens_for_writing |= request_.meaning.large_objects.opens_for_writing;
    spread.may_differ = request_.meaning.info->single(Kind::Vacuum);
    spread.index = request_.meaning.index;
    spread.indexed = request_.meaning.indexed;
    spread.epoch = around_.topology->epoch;
    if (spread.is_bare) spread.phase = At::Committing;  // it is done on main once it is sent
    if (joins) begin_to_watch();
    if (spread.is_alone && !spread.is_bare) deferred_begin_ = "BEGIN";
    return std::nullopt;
}

std::size_t Session::refuse_to_replicate(ByteView bytes, const std::string& reason) {
    const std::string message = "this cannot be replicated: " + reason;
    if (reason == kFactsAreLate)  // a retry helps
        return refuse_within({.sqlstate = sqlstate::kSerializationFailure, .message = message}, bytes);
    std::string hint(replication::way_out(reason));
    const route::ClassifiedPtr& unproven = request_.meaning.following.unproven;
    if (unproven && reason == replication::describe(*unproven))  // no other reason is allowed by it
        hint += (hint.empty() ? "" : " ") + std::string(kAllowing);
    return refuse_within({.sqlstate = sqlstate::kFeatureNotSupported, .message = message, .hint = hint},
                         bytes);
}

std::size_t Session::refuse_for_slots(ByteView bytes) {
    return refuse_within({.sqlstate = sqlstate::kTooManyConnections,
                          .message = "as many transactions as replication.slots allows are open already",
                          .hint = "Transactions that rest hold a slot too; repeat it, or raise "
                                  "replication.slots and run pgpool-ctl prepare-nodes."},
                         bytes);
}

std::size_t Session::refuse_within(const wire::Report& report, ByteView bytes) {
    if (transaction_ == TransactionStatus::Idle) return fail_front(report), dispatch(bytes);
    std::string error;
    wire::append_error(error, report);
    return fail_within(std::move(error), bytes);
}

// As any error it ends the transaction that it is in; in every mode.
std::size_t Session::fail_within(std::string error_frame, ByteView bytes) {
    if (!spread_) spread_ = std::make_unique<Spread>();
    spread_->doom = "one of its statements has failed";
    spread_->refusal = std::move(error_frame);
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

// Before the request at the front is dealt with.
std::size_t Session::undo_for(ByteView bytes) {
    undo_everywhere();
    return wait_ == Wait::Nothing ? dispatch(bytes) : 0;  // where nothing was sent it is done already
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
    if (commits) note_told();
    spread.is_end = spread.holds = true;
    spread.outcome = {};
    ++spread.main_owes;
    wait_for_nodes();
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
    if (!std::exchange(spread.is_joined, true)) spread.joined_under = around_.topology->epoch;
    return true;
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
void Session::begin_at(Follower& follower, Follower::Next next) {
    if (std::exchange(follower.has_begun, true)) return;
    std::string out;
    settings_at(follower, out);
    follower.forget_names(out);
    follower.needs_reset |= settings_.is_open();
    follower.begin(out, around_.prepared.intern(parse_body(kBegin), "", nullptr));
    effects_.send(*follower.link, out);
    for (const Spread::Done& done : spread_->done) {
        const bool is_last = &done == &spread_->done.back();
        repeat_at(follower, done, is_last ? next : Follower::Next::Anything);
    }
}

void Session::repeat_at(Follower& follower, const Spread::Done& done, Follower::Next next) {
    std::string steps;
    follower.repeat(steps, done.request, done.outcome, next);
    follower.needs_reset |= done.sets;
    send_to(follower, steps);
}

// Nothing may run there outside of the transaction: what a failed BEGIN would not keep from running waits.
void Session::send_to(Follower& follower, std::string_view steps) {
    if (follower.hold_back(steps)) return;
    effects_.send(*follower.link, steps);
}

// What was set since the transaction began comes with it. Time limits are main's to keep: a follower rests
// while others work, and what main has done must not fail on it.
NameValuesPtr Session::settings_of_followers() {
    NameValuesPtr settings = settings_.committed();
    const bool is_any = spread_->is_bare || (facts() != nullptr && facts()->limits_time) ||
                        std::any_of(sql::kTimeLimits.begin(), sql::kTimeLimits.end(),
                                    [&](std::string_view limit) { return settings->find(limit) != nullptr; });
    if (!is_any) return settings;
    for (const std::string_view limit : sql::kTimeLimits) settings = around_.names.with(settings, limit, "0");
    return settings;
}

void Session::settings_at(Follower& follower, std::string& out) {
    ServerLink& link = *follower.link;
    const NameValuesPtr settings = settings_of_followers();
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

// What a PREPARE has made is on main alone.
void Session::copy_query(ByteView bytes) {
    CopiedRequest& copy = spread_->copy;
    copy.sql = wire::read_query(wire::next_frame(bytes).frame.body).value_or("");
    if (request_.meaning.info->single(Kind::Ddl)) copy.sql = tolerant_drop(copy.sql);
    copy_call_in_query();
    if (!request_.meaning.info->single(Kind::Execute)) return;
    const std::string& name = request_.meaning.info->statements[0].name;
    const PreparedPtr* known = statements_.find(name);
    if (known == nullptr) return;  // it fails on main
    copy.before = (*known)->sql_and_types;
    copy.after = "DEALLOCATE " + sql::in_quotes(name);
}

void Session::copy_bind(std::string_view portal, Spread::Part part) {
    auto& bound = spread_->bound;
    std::erase_if(bound, [&](const auto& entry) { return entry.first == portal; });
    bound.emplace_back(portal, std::move(part));
}

// Returns whether main must return all of its rows.
bool Session::copy_execute(std::string_view portal) {
    for (auto& [name, part] : spread_->bound) {
        const auto& info = part.execution.statement->info;
        if (name != portal || (info && info->single(Kind::Begin))) continue;
        spread_->parts.push_back(part);
        if (part.large_object) lock_large_object();
        return part.rows || part.large_object;
    }
    return false;
}

// --- what main has answered ---

// The end of a request at main. True: the client hears of it now.
bool Session::main_answered(TransactionStatus status) {
    Spread& spread = *spread_;
    if (spread.is_end) {
        --spread.main_owes;
        end_followers(spread.phase == At::Committing && spread.outcome.text().ends_with("COMMIT"));
        return false;
    }
    if (spread.is_joined && !spread.is_alone && status == TransactionStatus::Idle) {
        const bool began = std::any_of(spread.followers.begin(), spread.followers.end(),
                                       [](const auto& follower) { return follower->has_begun; });
        if (began || !spread.outcome.failed()) return main_ended_alone(), false;
        return leave_nodes(), true;  // BEGIN has failed, and the client was told so
    }
    if (!std::exchange(spread.copies, false)) return true;
    spread.main_took += around_.now - spread.sent_at;
    spread.executed_at = effects_.clock();
    if (spread.is_bare) return bare_answered(), false;
    const bool copied_in = std::exchange(spread.copies_in, false);
    if (copied_in) copy_in_ended();
    if (spread.is_ending) {
        if (spread.is_alone) undo_everywhere();
        return !spread.is_alone;
    }
    if (status == TransactionStatus::InTransaction && !spread.trial.empty()) {
        spread.doom = spread.trial;
        if (spread.is_alone) undo_everywhere();
        return !spread.is_alone;
    }
    if (status == TransactionStatus::InTransaction) {
        // A key was compared by another equality than its own.
        if (spread.is_point && changed_several_rows(spread.outcome))
            spread.doom = "more than one row has a key that is thought to be unique";
        note_unsure();
        CopiedRequest done = what_main_did();
        const bool is_void = !copied_in && done.empty();
        if (!copied_in && !is_void) follow_locks(), follow(std::move(done));
        if (!spread.is_alone) return true;
        if (is_void && spread.marker && spread.doom.empty()) return end_void(), false;
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

// Main has marked what changed nothing: it must not be repeated when a node is repaired.
void Session::end_void() {
    spread_->is_end = true;
    undo_everywhere();
}

// Something has ended the transaction on main that was not known to: what main holds now is not known either.
void Session::main_ended_alone() {
    node_failed(link_->node, cluster::Sign::Unequal, "it ended a transaction by itself");
    fatal({.sqlstate = sqlstate::kOutcomeUnknown,
           .message = "the transaction ended on the main node alone: its outcome is unknown"});
}

// Whether the client gets this only when the commit is certain: of a Query PostgreSQL itself tells the last
// command tag after it.
bool Session::hold_back(const wire::Frame& frame) {
    if (!spread_) return false;
    Spread& spread = *spread_;
    const bool is_last_tag = !spread.copy.sql.empty() && frame.type == wire::backend::kCommandComplete &&
                             statement_index_ == spread.statements;
    const bool is_last = is_last_tag || frame.type == wire::backend::kFunctionCallResponse;
    spread.holds |= spread.is_alone && spread.copies && is_last;
    if (spread.holds) spread.held.append(frame.bytes);
    return spread.holds;
}

// The others do what main has done; if there are none yet, when they come in.
void Session::follow(CopiedRequest request) {
    Spread& spread = *spread_;
    if (closes_last_open()) return;
    spread.bytes += request.bytes();
    spread.keeps_all = spread.keeps_all && spread.bytes <= kMostKept;
    spread.done.push_back({std::move(request), spread.outcome, spread.sets, opened_by_request()});
    if (!spread.is_joined && !spread.keeps_all) spread.done.clear();  // it cannot write any more
    if (!spread.is_joined) return;
    note_asked();
    const Follower::Next next = marks_at_once() ? Follower::Next::Mark : Follower::Next::Anything;
    for (const auto& follower : spread.followers) {
        if (follower->has_begun)
            repeat_at(*follower, spread.done.back(), next);
        else
            begin_at(*follower, next);
    }
    if (!spread.keeps_all) spread.done.clear();
}

// Main takes the data of a COPY FROM STDIN: from here on the others get what it gets.
void Session::copy_in_began() {
    Spread& spread = *spread_;
    note_asked();
    spread.copies_in = spread.streams = true;
    spread.keeps_all = false;
    for (const auto& follower : spread.followers) {
        std::string out;
        begin_at(*follower);
        follower->begin_copy(out, copy_of_others());
        send_to(*follower, out);
    }
}

void Session::stream_to_followers(ByteView bytes) {
    if (spread_->looks_for_dates && spread_->doom.empty() && spread_->copy_dates.found_in(bytes))
        spread_->doom = "COPY of a date like 'now' or 'today'";
    if (spread_->filled) return spread_->filled->take(bytes);
    for (const auto& follower : spread_->followers) send_to(*follower, bytes);
}

// After an error main reads no more of it; which one the others come to does not matter then.
void Session::copy_in_ended() {
    Spread& spread = *spread_;
    if (spread.filled) end_filled_copy();
    if (spread.outcome.failed() || !spread.doom.empty()) spread.outcome.add_suspended();
    std::string fail;
    if (std::exchange(spread.streams, false)) wire::FrameBuilder(fail, wire::frontend::kCopyFail).string("");
    for (const auto& follower : spread.followers) {
        if (!fail.empty()) send_to(*follower, fail);
        follower->expect(spread.outcome);
    }
    spread.filled.reset();
}

// As the others are to do it. Empty: nothing was written.
CopiedRequest Session::what_main_did() {
    Spread& spread = *spread_;
    CopiedRequest request;
    for (const Spread::Part& part : spread.parts) {
        if (!part.rows && !part.execution.statement) continue;
        if (!part.rows) {
            request.executions.push_back(part.execution);
        } else if (std::string obstacle = part.rows->obstacle(); !obstacle.empty()) {
            doom_for_good(std::move(obstacle));
        } else {
            part.rows->add_to(request, around_.prepared, repeat_scope(), around_.topology->fence.token);
            note_moved(part.rows->plan().moved, part.rows->plan().set);
        }
    }
    const bool is_void = spread.is_proven && changed_nothing(spread.outcome.text());
    if (spread.parts.empty() && !is_void) return spread.copy;
    return request;
}

// What main tells of how its rows came to be.
void Session::note_flaw(const RowImages& rows) {
    if (!rows.misread().empty()) return doom_for_good("rows that travel, " + rows.misread());
    if (!rows.has_other_columns()) return;
    effects_.ddl_seen();
    if (spread_->doom.empty()) spread_->doom = "the schema was changed by others";
}

// However often it is repeated.
void Session::doom_for_good(std::string reason) {
    spread_->doom = std::move(reason);
    spread_->is_doomed_for_good = true;
}

void Session::note_moved(const std::vector<std::string>& sequences, const std::vector<std::string>& set) {
    auto& moved = spread_->moved;
    for (const std::string& name : sequences) {
        if (std::find(moved.begin(), moved.end(), name) == moved.end()) moved.push_back(name);
    }
    spread_->set.insert(set.begin(), set.end());
}

// The one that main's answers are about.
Spread::Part* Session::answered_part() {
    if (!copies() || spread_->answered >= spread_->parts.size()) return nullptr;
    return &spread_->parts[spread_->answered];
}

// Of a part, or of a statement of a text; `tag` is empty if there is none.
void Session::note_main_end(std::string_view tag) {
    Spread::Part* part = answered_part();
    if (part != nullptr && part->large_object) {
        call_ended(*part);
    } else if (part != nullptr && part->rows) {
        if (!part->rows->is_told_by(tag)) spread_->doom = "the main node did not show all rows";
        note_flaw(*part->rows);
        part->rows->add_to(spread_->outcome);
    } else if (part != nullptr && spread_->is_proven && changed_nothing(tag)) {
        part->execution = {};
    } else if (!tag.empty()) {
        spread_->outcome.add_tag(tag);
    }
    ++spread_->answered;
}

bool Session::hides_images(const wire::Frame& frame) {
    if (!copies() || !spread_->by_rows || link_->replies.empty()) return false;
    const Spread::Part* part = answered_part();
    if (part == nullptr || !part->rows) return false;
    const Expected& head = link_->replies.head();
    if (head.purpose != Purpose::Client) return false;
    const bool runs = head.owed == Owed::Query || head.owed == Owed::Execute;
    spread_->is_described = head.owed == Owed::DescribePortal;
    if (frame.type == wire::backend::kDataRow) return runs;
    return frame.type == wire::backend::kRowDescription && (runs || spread_->is_described);
}

// In place of the client's Query. What repeats the others get as it is.
void Session::emit_image_query() {
    std::string text;
    const auto& ways = request_.meaning.verdict.replicated->ways;
    const auto pieces = sql::between_semicolons(spread_->copy.sql);
    for (std::size_t i = 0; i < ways.size(); ++i) {
        const bool repeats = ways[i].repeats;
        const replication::ImagePlanPtr& images = ways[i].images;
        Spread::Part part;
        if (repeats)
            part.execution = {around_.prepared.intern(parse_body(pieces[i]), "", nullptr),
                              std::string(Follower::kNoValues)};
        else
            part.rows.emplace(images);
        text += repeats ? std::string(pieces[i]) : replication::with_returning(pieces[i], *images);
        text += ';';
        spread_->parts.push_back(std::move(part));
    }
    wire::append_query(out_, text);
    send_made();
}

// Of a Bind whose rows travel.
std::optional<RowImages> Session::images_of(const wire::BindMessage& bind, const PreparedPtr& known) {
    if (!copies() || !spread_->by_rows || (!known && !unnamed_.info)) return std::nullopt;
    const sql::StatementInfo& info = known ? *known->info : *unnamed_.info;
    const route::Verdict verdict =
        known ? judge(known->verdict, info) : route::classify(info, facts(), around_.functions());
    const route::ClassifiedPtr classified = beside_temporaries(info, verdict).replicated;
    if (!classified || classified->ways.size() != 1 || !classified->ways.front().images) return std::nullopt;
    const bool is_moving = !classified->date_parameters.empty() && sql::may_move(bind.rest);
    if (classified->ways.front().repeats && !is_moving) return std::nullopt;
    return RowImages(classified->ways.front().images);
}

// In place of the client's statement.
PreparedPtr Session::image_statement(const PreparedPtr& known, const replication::ImagePlan& plan,
                                     bool as_text) {
    const ByteView body = known ? ByteView(known->sql_and_types) : ByteView(unnamed_.body);
    const std::string_view sql = Cursor(body).c_string();
    std::string made = replication::with_returning(sql::between_semicolons(sql).front(), plan, as_text);
    made.append(body.substr(sql.size()));
    return around_.prepared.intern(made, statement_scope(), known ? known->info : unnamed_.info);
}

// A message of main that shows the columns that were added: the client gets another in its place, or none.
void Session::hide_images(const wire::Frame& frame) {
    RowImages& images = *answered_part()->rows;
    const bool is_row = frame.type == wire::backend::kDataRow;
    const auto shown = is_row ? images.take_row(frame.body) : images.description(frame.body);
    std::string made;
    if (shown)
        wire::append_frame(made, frame.type, *shown);
    else if (spread_->is_described)
        wire::append_frame(made, wire::backend::kNoData, {});
    if (!made.empty()) reply(made);
}

}  // namespace pgpool::exec
