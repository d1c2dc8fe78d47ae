// SPDX-License-Identifier: PostgreSQL
#pragma once

// ServerConnection: a connection to a node: its socket, its login, and between two sessions its housekeeping
// (DISCARD ALL, the wait for cancel requests to be over).
//
// Owned by the worker, lent to one client at a time. Threads: one worker only.

#include <optional>
#include <string>

#include "proxy/exec/effects.h"
#include "proxy/exec/server_link.h"
#include "proxy/pool/pool.h"
#include "proxy/session/server_login.h"
#include "proxy/session/stream.h"

namespace pgpool::session {

class ClientConnection;

class ServerConnection final : public Stream,
                               public exec::ServerLink,
                               public pool::Pooled,
                               public net::TimerTarget {
public:
    enum class State : std::uint8_t { Opening, Idle, Lent, Cleaning, Checking, Closed };

    ServerConnection(Worker& worker, pool::Pool& pool, NodeId at, const net::Address& address, UniqueFd fd,
                     ServerLogin login);
    ~ServerConnection() override;

    void lend(ClientConnection& client);
    void take_back(exec::Disposal disposal);  // from its client
    void
    retire();  // nobody holds it: it counts until the node has closed it, so that no limit is exceeded there
    [[nodiscard]] bool retires() const { return retires_; }
    void cancel_sent() { ++cancels_; }  // it is not lent again before that cancel request is over
    void cancel_over();
    void cancel_unanswered() { awaits_late_cancel_ = true; }  // never lent again
    void check();                                             // idle: is the node still there?
    void close(std::string_view reason);
    void input_wanted();  // its client can take bytes again

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] pool::Pool& pool() const { return *pool_; }
    [[nodiscard]] ClientConnection* client() const { return client_; }
    [[nodiscard]] std::uint64_t times_lent() const { return times_lent_; }
    [[nodiscard]] TimePoint lent_at() const { return lent_at_; }  // the last time; 0: never
    [[nodiscard]] bool being_cancelled() const { return cancels_ > 0; }

    void on_timer(net::Timer& timer) override;

protected:
    [[nodiscard]] std::size_t on_bytes(ByteView bytes) override;
    void on_closed(int error) override;
    void on_connected() override;
    void on_drained() override;
    [[nodiscard]] bool may_read() const override;

private:
    [[nodiscard]] std::size_t log_in(ByteView bytes);
    [[nodiscard]] std::size_t own_exchange(ByteView bytes);  // Cleaning, Checking, and what comes while Idle
    void logged_in();
    void finish_return();
    void run_own(std::string_view sql, State state);

    pool::Pool* pool_;
    net::Address address_;
    State state_ = State::Opening;
    std::optional<ServerLogin> login_;
    ClientConnection* client_ = nullptr;
    std::uint32_t cancels_ = 0;
    bool awaits_late_cancel_ = false;
    bool retires_ = false;
    std::uint64_t times_lent_ = 0;
    TimePoint lent_at_;
    net::Timer deadline_;  // of a login, a check, a reset
};

}  // namespace pgpool::session
