// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. Statements that are repeated on all nodes although they depend on what rows a
// node sees: locks before them make all see the same (docs/adr/0013-read-locks.md). Main has the locks before
// the statement takes its snapshot there, and the others before they repeat it.
#include <algorithm>
#include <utility>

#include "common/markers/setup.h"
#include "common/wire/messages.h"
#include "proxy/exec/session.h"
#include "proxy/sql/settings.h"

namespace pgpool::exec {

// Of the request at the front, which the others are to follow.
void Session::plan_locks() {
    Spread& spread = *spread_;
    const auto& plans = request_.meaning.following.locks;
    spread.is_proven =
        !request_.meaning.following.unproven &&
        std::all_of(plans.begin(), plans.end(), [](const auto& plan) { return plan->is_counted; });
    spread.locks.reset();
    spread.locks_at_main.clear();
    if (std::all_of(plans.begin(), plans.end(), [](const auto& plan) { return plan->empty(); })) return;
    const replication::LockPlan all = replication::merged(plans);
    const auto statement = [this](std::string_view sql) {
        return around_.prepared.intern(parse_body(sql), "", nullptr);
    };
    if (!all.refreshed.empty()) {
        spread.locks = {statement(markers::kLockSources),
                        text_values({std::to_string(around_.topology->fence.token),
                                     replication::array_of(all.refreshed)})};
        spread.refreshed.insert(spread.refreshed.end(), all.refreshed.begin(), all.refreshed.end());
        return spread.locks_at_main.push_back(*spread.locks);
    }
    spread.locks = {statement(markers::kLockTables),
                    text_values({std::to_string(around_.topology->fence.token),
                                 replication::array_of(all.written), replication::array_of(all.others)})};
    spread.locks_by_command = snapshot_waits();
    if (!spread.locks_by_command) return spread.locks_at_main.push_back(*spread.locks);
    for (const std::string& command : replication::lock_commands(all))
        spread.locks_at_main.push_back({statement(command), std::string(Follower::kNoValues)});
}

// One snapshot serves the whole transaction, and is not taken yet: LOCK TABLE takes none, any function does.
bool Session::snapshot_waits() const {
    const auto isolation = transaction_options_.isolation.value_or(sql::Isolation::ReadCommitted);
    return !deferred_begin_.empty() && isolation >= sql::Isolation::RepeatableRead;
}

// Once, as messages in front of the request, without a Sync between them: if the locks are not to be had, the
// server skips the rest, and the client hears why.
void Session::emit_locks() {
    if (!copies()) return;
    flush_raw();
    for (const CopiedRequest::Execution& lock : std::exchange(spread_->locks_at_main, {})) emit_lock(lock);
}

// By a portal of its own: the client may have an unnamed one.
void Session::emit_lock(const CopiedRequest::Execution& lock) {
    const PreparedPtr& statement = lock.statement;
    const std::string portal = around_.prepared.prefix() + "1";
    const auto owe = [this](Owed owed) -> Expected& {
        return link_->replies.push(owed, Deliver::Swallow, Purpose::Lock);
    };
    if (!link_->statements.has(*statement)) {
        make_room();
        wire::append_parse(out_, statement->server_name, statement->sql_and_types);
        owe(Owed::Parse).statement = statement;
        link_->statements.add(statement);
        names_change_ = true;
    }
    wire::FrameBuilder(out_, wire::frontend::kBind)
        .string(portal)
        .string(statement->server_name)
        .bytes(lock.values);
    wire::FrameBuilder(out_, wire::frontend::kExecute).string(portal).int32(0);
    wire::FrameBuilder(out_, wire::frontend::kClose).byte1('P').string(portal);
    owe(Owed::Bind);
    owe(Owed::Execute);
    owe(Owed::Close);
    send_made();
}

// The others take them too, before what main has done.
void Session::follow_locks() {
    if (!spread_->locks) return;
    StepOutcome locked;
    locked.add_tag("SELECT 1");
    StepOutcome of_request = std::exchange(spread_->outcome, std::move(locked));
    follow({.sql = {}, .executions = {*spread_->locks}});
    spread_->outcome = std::move(of_request);
}

// True: main is asked for what the materialized views hold that were refreshed, and for the names of what was
// made. It comes as positions do.
bool Session::asks_digests() {
    Spread& spread = *spread_;
    if (std::exchange(spread.are_digests_asked, true)) return compare_digests(), false;
    if (spread.refreshed.empty() && !spread.finds_names) return false;
    std::string text;
    for (const std::string& view : spread.refreshed)
        text += "SELECT pgpool_replication.digest(pg_catalog.to_regclass(" + sql::quote_literal(view) + "));";
    if (spread.finds_names) text += "SELECT pgpool_replication.names_made();";
    ++spread.main_owes;
    send_own_query(text, Purpose::Position);
    return true;
}

// The others say themselves if theirs differ, and so does a repair.
void Session::compare_digests() {
    Spread& spread = *spread_;
    auto digests = std::exchange(spread.positions, {});
    const auto views = std::exchange(spread.refreshed, {});
    if (digests.empty()) return;
    const auto statement = [this](std::string_view sql) {
        return around_.prepared.intern(parse_body(sql), "", nullptr);
    };
    CopiedRequest request;
    spread.outcome = {};
    if (std::exchange(spread.finds_names, false)) {
        request.executions.push_back(
            {statement("SELECT pgpool_replication.same_names_made($1)"), text_values({digests.back()})});
        spread.outcome.add_tag("SELECT 1");
        digests.pop_back();
    }
    const PreparedPtr compare =
        statement("SELECT pgpool_replication.same_rows(pg_catalog.to_regclass($1), $2)");
    for (std::size_t i = 0; i < std::min(views.size(), digests.size()); ++i) {
        if (digests[i].empty())
            return doom_for_good("materialized view " + views[i] + " is not found any more at the commit");
        request.executions.push_back({compare, text_values({views[i], digests[i]})});
        spread.outcome.add_tag("SELECT 1");
    }
    follow(std::move(request));
}

// Where the server's words would say nothing to the client.
std::optional<wire::Report> Session::why_no_locks(const Expected& failed,
                                                  const wire::ErrorFields& error) const {
    if (failed.purpose != Purpose::Lock) return std::nullopt;
    if (error.sqlstate == "42883")
        return wire::Report{.sqlstate = sqlstate::kFeatureNotSupported,
                            .message =
                                "this cannot be replicated: the nodes were prepared by an older version, "
                                "which takes no locks",
                            .hint = "pgpool-ctl prepare-nodes makes what is missing."};
    if (error.sqlstate == "42501" && spread_->locks_by_command)
        return wire::Report{.sqlstate = sqlstate::kFeatureNotSupported,
                            .message =
                                "this cannot be replicated: under this isolation level it takes the right "
                                "to LOCK the tables that it reads and writes",
                            .hint = "Under READ COMMITTED it needs no more rights than any statement."};
    return std::nullopt;
}

}  // namespace pgpool::exec
