// SPDX-License-Identifier: PostgreSQL
#pragma once

// Effects: what a session asks of the shell around it. The shell performs them and never looks into message
// bodies; tests put a recorder in its place.
//
// No call re-enters the session: what happens later (a connection is free, a timer fires) is told by the
// session's on_... functions from the event loop. Bytes handed over are copied or sent before the call
// returns.

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/cluster/decider.h"
#include "proxy/exec/own_result.h"
#include "proxy/exec/server_link.h"
#include "proxy/exec/vacancy.h"
#include "proxy/route/plan.h"

namespace pgpool::exec {

enum class TimerKind : std::uint8_t {
    Wait,   // for a server connection, a primary, or a standby to catch up
    Idle,   // client_idle_timeout, idle_transaction_timeout
    Query,  // query_timeout
};

enum class Disposal : std::uint8_t {
    Keep,   // clean: anybody may have it
    Reset,  // may hold session state: DISCARD ALL first
    Close,  // in an unknown state, or in a transaction
};

// What a request wants of a command of ours: its columns, or that it runs.
enum class Run : std::uint8_t { Describe, Execute };

// Its result; or that Session::on_own_ready() follows, and how long to wait for that at most.
using OwnAnswer = std::variant<Result<OwnResult>, milliseconds>;

class Effects {
public:
    virtual void reply(ByteView bytes) = 0;  // to the client
    // It has not read what it was sent: Session::pump follows when it has.
    [[nodiscard]] virtual bool client_is_behind() = 0;
    virtual void send(ServerLink& link, ByteView bytes) = 0;  // to the server
    // A connection for that target, now; or null, and Session::on_link or on_link_refused follows.
    [[nodiscard]] virtual ServerLink* acquire(const route::Target& target) = 0;
    virtual void withdraw() = 0;  // no longer waits for a connection
    virtual void release(ServerLink& link, Disposal disposal) = 0;
    // Somebody waits, and a connection given back would help.
    [[nodiscard]] virtual bool connection_wanted() = 0;
    virtual void cancel(ServerLink& link) = 0;  // asks the node to cancel what runs there
    virtual void await_news() = 0;              // Session::on_news follows when topology or facts are new
    virtual void arm(TimerKind timer, milliseconds after) = 0;
    virtual void disarm(TimerKind timer) = 0;
    virtual void login_refused(const Error& error) = 0;  // what the client is told, for the log
    virtual void close() = 0;                            // the client, once it was sent what was replied
    [[nodiscard]] virtual TimePoint clock() = 0;         // read now, not once per turn
    virtual void ddl_seen() = 0;  // catalog facts and prepared statements of the database may be stale
    // The session changes what logs roles in; ddl_seen() follows once that is committed.
    virtual void verifiers_change() {}
    virtual void facts_wanted() = 0;  // a verdict waits for newer catalog facts
    // log.statements: this text runs there now; null: it is answered here. Empty: too long to be known.
    virtual void statement(std::string_view sql, const ServerLink* at) = 0;
    virtual void node_suspect(NodeId node) = 0;  // something is wrong with it: probe it now
    // Mode replication: what was committed is not there, under this epoch: it must be taken out.
    virtual void node_failed(NodeId node, std::uint64_t epoch, cluster::Sign sign,
                             std::string_view reason) = 0;
    virtual void mark_refused(std::uint64_t epoch) = 0;  // by a node that has another epoch
    // What was begun under this epoch and did not commit may be left prepared on a node: it must be ended
    // there.
    virtual void prepared_left(std::uint64_t epoch) = 0;
    // The same: Session::on_news follows when its state is known.
    [[nodiscard]] virtual std::shared_ptr<Vacancy> vacate(const sql::DatabaseUse& use) = 0;
    [[nodiscard]] virtual OwnAnswer own_command(const sql::Statement& statement, Run run) = 0;
    // What there is by now of the result that own_command() has promised; the promise is over.
    [[nodiscard]] virtual Result<OwnResult> own_result() = 0;

protected:
    ~Effects() = default;
};

}  // namespace pgpool::exec
