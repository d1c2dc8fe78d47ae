// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. Calls for large objects: what they make of their request, and the lock that main
// takes before them (replication/large_objects.h tells the rules).
#include <algorithm>
#include <utility>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {

namespace {

using replication::LargeObjectCall;
using replication::NoCall;
using replication::Reach;
using replication::ReadCall;
using replication::WriteClass;
using wire::TransactionStatus;

bool is_call(const sql::StatementInfoPtr& info) {
    return info && info->statements.size() == 1 && replication::calls_large_object(info->statements[0]);
}

bool gives_binary(ByteView bind_rest) {
    const auto values = wire::read_bind_values(bind_rest);
    return values && !values->result_formats.empty() &&
           values->result_formats.front() == wire::Format::Binary;
}

// The last two bytes of a FunctionCall.
bool wants_binary(ByteView body) {
    return body.size() >= 2 && load_be16(body.data() + body.size() - 2) == 1;
}

ByteView function_call_body(ByteView bytes) {
    return wire::next_frame(bytes).frame.body;
}

}  // namespace

// A FunctionCall, by the OID of its function. Mode replication: `replicated` stays null where nothing is
// proven of it.
void Session::classify_function_call(ByteView body) {
    constexpr std::uint32_t kFirstNormalOid = 16384;  // FirstNormalObjectId: functions below are built in
    const std::uint32_t oid = body.size() >= 4 ? load_be32(body.data()) : kFirstNormalOid;
    classify_unknown(oid < kFirstNormalOid);
    if (!around_.functions().is_replicated()) return;
    Meaning::LargeObjects& large_objects = request_.meaning.large_objects;
    large_objects.is_called = replication::large_object_function(oid).has_value();
    const sql::CatalogFacts* facts = login_.database->facts.get();
    const bool reads = facts != nullptr && oid < kFirstNormalOid && facts->is_stable_builtin(oid);
    if (!large_objects.is_called && !reads) return;
    request_.meaning.verdict.replicated =
        std::make_shared<const replication::Classified>(replication::Classified{
            .kind = large_objects.is_called ? WriteClass::LargeObject : WriteClass::None,
            .reason = "a function call by the fast path",
            .calls_large_objects = large_objects.is_called,
            .date_parameters = {},
            .ways = {{.repeats = true, .images = nullptr, .locks = nullptr, .filling = nullptr}}});
}

// How far the calls of the request at the front reach; once.
void Session::note_large_objects(ByteView bytes) {
    Meaning::LargeObjects& noted = request_.meaning.large_objects;
    if (!noted.is_called || std::exchange(noted.is_noted, true)) return;
    if (request_.form == Request::Form::FunctionCall)
        return note_call(replication::read_function_call(function_call_body(bytes)));
    if (request_.form == Request::Form::Query) return note_call(replication::read_call(text_of(bytes), {}));
    sql::NameMap<std::string_view> parsed;  // by this batch
    ByteView rest = bytes;
    while (const auto frame = wire::take_frame(rest)) {
        if (const auto parse =
                frame->type == wire::frontend::kParse ? wire::read_parse(frame->body) : std::nullopt)
            parsed.insert_or_assign(std::string(parse->name), parse->sql);
        const auto bind = frame->type == wire::frontend::kBind ? wire::read_bind(frame->body) : std::nullopt;
        if (!bind) continue;
        const auto at = parsed.find(bind->statement);
        const std::string_view sql = at != parsed.end() ? at->second : prepared_text(bind->statement);
        if (is_call(around_.analyze_repeated(sql, options_).info))
            note_call(replication::read_call(sql, bind->rest));
    }
}

void Session::note_call(const ReadCall& read) {
    Meaning::LargeObjects& noted = request_.meaning.large_objects;
    const auto* call = std::get_if<LargeObjectCall>(&read);
    noted.is_unclear |= call == nullptr;
    noted.reach = std::max(noted.reach, call != nullptr ? call->reach() : Reach::Contents);
    noted.opens_for_writing |= call != nullptr && call->opens_for_writing();
}

// Whether the request at the front writes what all nodes have.
bool Session::writes_everywhere() const {
    const auto& classified = request_.meaning.verdict.replicated;
    if (!classified || classified->kind == WriteClass::None) return false;
    return classified->kind != WriteClass::LargeObject ||
           request_.meaning.large_objects.reach == Reach::Contents;
}

// It writes nothing, but what the transaction writes later may depend on it.
bool Session::moves_descriptors() const {
    return follows(request_.meaning.large_objects.reach);
}

bool Session::follows(Reach reach) const {
    if (reach == Reach::Position) return spread_ && spread_->opens_for_writing;
    return reach != Reach::Main;
}

std::optional<LargeObjectStep> Session::large_object_step(ReadCall read, bool is_binary) const {
    auto* call = std::get_if<LargeObjectCall>(&read);
    if (call == nullptr) return std::nullopt;
    const bool is_repeated = follows(call->reach());
    return LargeObjectStep(std::move(*call), is_binary, is_repeated);
}

std::optional<LargeObjectStep> Session::bound_step(const wire::BindMessage& bind,
                                                   const PreparedPtr& copied) const {
    if (!request_.meaning.large_objects.is_called || !is_call(copied->info)) return std::nullopt;
    const std::string_view sql = Cursor(copied->sql_and_types).c_string();
    return large_object_step(replication::read_call(sql, bind.rest), gives_binary(bind.rest));
}

void Session::copy_call_in_query() {
    if (!request_.meaning.large_objects.is_called) return;
    add_call(large_object_step(replication::read_call(spread_->copy.sql, {}), false));
}

void Session::copy_function_call(ByteView bytes) {
    const ByteView body = function_call_body(bytes);
    add_call(large_object_step(replication::read_function_call(body), wants_binary(body)));
}

void Session::add_call(std::optional<LargeObjectStep> step) {
    spread_->parts.push_back({.execution = {}, .rows = {}, .large_object = std::move(step)});
    lock_large_object();
}

// What the part that was added last changes is locked on main before main is told to do it.
void Session::lock_large_object() {
    const auto& step = spread_->parts.back().large_object;
    const auto object = step ? step->call().locked() : std::nullopt;
    if (!object) return;
    const auto lock = replication::lock_of(*object);
    const bool in_batch = request_.form == Request::Form::Batch;
    const PreparedPtr statement =
        in_batch ? around_.prepared.intern(parse_body(lock.sql), "", nullptr) : nullptr;
    const std::string portal = around_.prepared.prefix() + "1";  // that of BEGIN is still open
    if (in_batch) {
        ensure_prepared(statement);
    } else {  // in the place of the unnamed statement, so that nobody counts on it should BEGIN have failed
        wire::append_parse(out_, "", parse_body(lock.sql));
        push_for_own_name(Owed::Parse).claims_unnamed = true;
        link_->statements.unnamed = UnnamedStatement::unknown();
    }
    wire::FrameBuilder(out_, wire::frontend::kBind)
        .string(portal)
        .string(in_batch ? statement->server_name : "")
        .bytes(lock.values);
    wire::FrameBuilder(out_, wire::frontend::kExecute).string(portal).int32(0);
    wire::FrameBuilder(out_, wire::frontend::kClose).byte1('P').string(portal);
    for (const Owed owed : {Owed::Bind, Owed::Execute, Owed::Close}) push_for_own_name(owed);
    send_made();
}

// Main has answered a call: what the others are to come to is known.
void Session::call_ended(Spread::Part& part) {
    const LargeObjectStep& step = *part.large_object;
    part.execution = {};
    if (!step.is_repeated()) return;
    if (!step.is_answered()) spread_->doom = "the main node did not show a result";
    part.execution = step.execution(around_.prepared);
    spread_->outcome.add_tag("SELECT 1");
}

void Session::note_call_row(const wire::Frame& row) {
    Spread::Part* part = answered_part();
    if (part != nullptr && part->large_object) part->large_object->take_row(row.body);
}

void Session::function_answered(const wire::Frame& response) {
    Spread::Part* part = answered_part();
    if (part == nullptr) return;
    if (part->large_object) part->large_object->take_response(response.body);
    note_main_end({});
}

std::optional<std::int64_t> Session::opened_by_request() const {
    const bool is_one = spread_->parts.size() == 1 && spread_->parts[0].large_object;
    return is_one ? spread_->parts[0].large_object->opened() : std::nullopt;
}

// Of a transaction that has only read so far: what it opened last and closes now has done nothing.
bool Session::closes_last_open() {
    Spread& spread = *spread_;
    const bool is_one = spread.parts.size() == 1 && spread.parts[0].large_object;
    if (spread.is_joined || !is_one || spread.done.empty()) return false;
    const auto closed = spread.parts[0].large_object->call().closed();
    if (!closed || spread.done.back().opened != closed) return false;
    spread.bytes -= spread.done.back().request.bytes();
    spread.done.pop_back();
    return true;
}

}  // namespace pgpool::exec
