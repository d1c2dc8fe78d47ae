// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. Statements that are repeated on all nodes although they depend on what rows a
// node sees: locks before them make all see the same (docs/adr/0012-read-locks.md). Main has the locks before
// the statement takes its snapshot there, and the others before they repeat it.
#include <algorithm>
#include <utility>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {

// Of the request at the front, which the others are to follow.
void Session::plan_locks() {
    Spread& spread = *spread_;
    const auto& plans = request_.meaning.following.locks;
    spread.is_proven =
        !request_.meaning.following.unproven &&
        std::all_of(plans.begin(), plans.end(), [](const auto& plan) { return plan->is_counted; });
    spread.locks.reset();
    spread.are_locks_sent = false;
    if (std::all_of(plans.begin(), plans.end(), [](const auto& plan) { return plan->empty(); })) return;
    const replication::LockValues values = replication::lock_values(plans);
    spread.locks = {around_.prepared.intern(parse_body(replication::kLockTables), "", nullptr),
                    text_values({values.written, values.others})};
}

// Once, as messages in front of the request, without a Sync between them: if the locks are not to be had, the
// server skips the rest, and the client hears why. A portal of its own: the client may have an unnamed one.
void Session::emit_locks() {
    if (!copies() || !spread_->locks || std::exchange(spread_->are_locks_sent, true)) return;
    const auto& [statement, values] = *spread_->locks;
    const std::string portal = around_.prepared.prefix() + "1";
    const auto owe = [this](Owed owed) -> Expected& {
        return link_->replies.push(owed, Deliver::Swallow, Purpose::Lock);
    };
    flush_raw();
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
        .bytes(values);
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

bool Session::cannot_lock(const Expected& failed, const wire::ErrorFields& error) {
    return failed.purpose == Purpose::Lock && error.sqlstate == "42883";
}

wire::Report Session::locks_report() {
    return {
        .sqlstate = sqlstate::kFeatureNotSupported,
        .message =
            "this cannot be replicated: the nodes were prepared by an older version, which takes no locks",
        .hint = "pgpool-ctl prepare-nodes makes what is missing."};
}

}  // namespace pgpool::exec
