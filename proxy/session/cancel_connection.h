// SPDX-License-Identifier: PostgreSQL
#pragma once

// CancelConnection: carries one CancelRequest to a node and waits for the node to close: only then has the
// signal been sent, and only then may the server connection that it aims at serve anybody else (PG
// documentation 55.2.8).
//
// Owned by the worker. Threads: one worker only.

#include <optional>

#include "proxy/session/cancel_registry.h"
#include "proxy/session/stream.h"

namespace pgpool::session {

class ServerConnection;

class CancelConnection final : public Stream, public net::TimerTarget {
public:
    // For what runs at `server`, which waits for the end of it.
    CancelConnection(Worker& worker, UniqueFd fd, ServerConnection& server);
    // For a server connection that will serve nobody else.
    CancelConnection(Worker& worker, UniqueFd fd, CancelKey key);

    void server_gone();
    [[nodiscard]] const ServerConnection* server() const { return server_; }
    void on_timer(net::Timer& timer) override;

protected:
    [[nodiscard]] std::size_t on_bytes(ByteView bytes) override { return bytes.size(); }
    void on_closed(int error) override;
    void on_connected() override;

private:
    std::optional<CancelKey> key_;        // of the node; none: there is nothing left to cancel
    ServerConnection* server_ = nullptr;  // that waits
    net::Timer deadline_;
};

}  // namespace pgpool::session
