// SPDX-License-Identifier: PostgreSQL
#pragma once

// ClientConnection: a client's socket around its exec::Session: it performs the session's Effects, and never
// looks into a message.
//
// Owned by the worker. Threads: one worker only.

#include <memory>
#include <optional>

#include "common/bus/messages.h"
#include "proxy/exec/session.h"
#include "proxy/health/auth_lookup.h"
#include "proxy/pool/pool.h"
#include "proxy/session/cancel_registry.h"
#include "proxy/session/client_login.h"
#include "proxy/session/ledger.h"
#include "proxy/session/server_connection.h"
#include "proxy/session/statistics.h"
#include "proxy/session/stream.h"

namespace pgpool::session {

class PendingAnswer;

class ClientConnection final : public Stream,
                               public exec::Effects,
                               public pool::Waiter,
                               public net::TimerTarget {
public:
    ClientConnection(Worker& worker, UniqueFd fd, auth::PeerAddress peer, std::uint64_t id);
    ~ClientConnection() override;

    void begin();  // its login, if there is room for one more

    // From the worker and from the server connection.
    [[nodiscard]] std::size_t on_server_bytes(ServerConnection& server, ByteView bytes);
    void on_server_lost(ServerConnection& server, std::string_view reason);
    void on_server_free(ServerConnection& server);  // the end of the wait for one
    void on_server_refused(ByteView error_body);
    void on_target_lost();
    void check_pins() { session_->check_pins(); }
    void on_news();
    void on_own_ready(const PendingAnswer& pending);
    void on_cancel();
    void on_deadlock(const replication::TransactionId& victim);  // of which it is the session
    void on_drain();
    void on_verifier(const health::AuthLookup::Answer& answer);
    void server_drained();
    void kill();  // FATAL 57P01, whatever it is at

    [[nodiscard]] std::uint64_t id() const { return id_; }
    [[nodiscard]] const exec::Session* session() const { return session_.get(); }
    [[nodiscard]] const auth::PeerAddress& peer() const { return peer_; }
    [[nodiscard]] const CountedPool* pool() const { return pool_; }  // null: not logged in yet
    [[nodiscard]] bool takes_answers() const { return gone_ || !congested(); }
    [[nodiscard]] bool closing() const { return closing_ || half_closed_; }
    [[nodiscard]] WallTime connected_at() const { return connected_at_; }
    [[nodiscard]] const bus::Connection& ends() const;  // asks the kernel once

    void on_timer(net::Timer& timer) override;

    // exec::Effects
    void reply(ByteView bytes) override;
    bool client_is_behind() override { return congested(); }
    void send(exec::ServerLink& link, ByteView bytes) override;
    exec::ServerLink* acquire(const route::Target& target) override;
    void withdraw() override;
    void release(exec::ServerLink& link, exec::Disposal disposal) override;
    bool connection_wanted() override;
    void cancel(exec::ServerLink& link) override;
    void await_news() override;
    void arm(exec::TimerKind timer, milliseconds after) override;
    void disarm(exec::TimerKind timer) override;
    void login_refused(const Error& error) override;
    void close() override;
    TimePoint clock() override { return SteadyClock::now(); }
    void ddl_seen() override;
    void verifiers_change() override { changes_verifiers_ = true; }
    void facts_wanted() override;
    void statement(std::string_view sql, const exec::ServerLink* at) override;
    void node_suspect(NodeId node) override;
    void node_failed(NodeId node, std::uint64_t epoch, cluster::Sign sign, std::string_view reason) override;
    void mark_refused(std::uint64_t epoch) override;
    void prepared_left(std::uint64_t epoch) override;
    std::shared_ptr<exec::Vacancy> vacate(const sql::DatabaseUse& use) override;
    exec::OwnAnswer own_command(const sql::Statement& statement, exec::Run run) override;
    Result<exec::OwnResult> own_result() override;

protected:
    [[nodiscard]] std::size_t on_bytes(ByteView bytes) override;
    void on_closed(int error) override;
    void on_drained() override;
    void on_written() override;
    [[nodiscard]] bool may_read() const override;

private:
    [[nodiscard]] std::size_t log_in(ByteView bytes);
    void proceed(ClientLogin::Step step);
    void look_up();
    void authenticated();
    void refuse(const Error& error);
    void pump();  // after an event: the session may go on with bytes that wait
    void end();
    void leave();
    [[nodiscard]] net::Timer& timer(exec::TimerKind kind);

    std::uint64_t id_;
    auth::PeerAddress peer_;
    WallTime connected_at_;
    mutable std::optional<bus::Connection> ends_;
    std::unique_ptr<ClientLogin>
        login_;  // until authenticated; without it and a session: about to be handed over
    Ledger::LoginPlace login_place_;  // the same
    std::unique_ptr<exec::Session> session_;
    CountedPool* pool_ = nullptr;
    std::shared_ptr<PendingAnswer> pending_;  // the command of ours that was asked last
    CancelKey key_;
    bool admitted_ = false;
    bool is_looked_up_ = false;       // its verifier: by auth_query
    bool changes_verifiers_ = false;  // it has changed roles: what it commits may be of them
    bool closing_ = false;            // once everything is written
    bool gone_ = false;         // its socket is closed; a commit of its is still on its way to the nodes
    bool half_closed_ = false;  // it sends no more; ends when nothing runs for it
    net::Timer wait_timer_;
    milliseconds more_patience_{};  // for pending_, when wait_timer_ fires
    net::Timer idle_timer_;
    net::Timer query_timer_;
};

}  // namespace pgpool::session
