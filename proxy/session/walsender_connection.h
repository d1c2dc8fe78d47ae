// SPDX-License-Identifier: PostgreSQL
#pragma once

// WalsenderConnection: a connection to a walsender process at a node, for one ReplicationConnection and as
// long as that: it is in no pool.
//
// Owned by its client. Threads: one worker only.

#include "common/base/ids.h"
#include "proxy/session/replication_login.h"
#include "proxy/session/stream.h"

namespace pgpool::session {

class ReplicationConnection;

class WalsenderConnection final : public Stream, public net::TimerTarget {
public:
    WalsenderConnection(Worker& worker, ReplicationConnection& client, NodeId node,
                        const net::Address& address, UniqueFd fd, ReplicationLogin login);

    // Its client hears no more of it.
    void close();
    void give_up();  // ... and what it has sent need not arrive any more

    [[nodiscard]] NodeId node() const { return node_; }
    [[nodiscard]] bool logged_in() const { return is_ready_; }
    [[nodiscard]] CancelKey key() const { return login_.key_of_node(); }
    [[nodiscard]] TimePoint born() const { return born_; }

    void on_timer(net::Timer& timer) override;

protected:
    [[nodiscard]] std::size_t on_bytes(ByteView bytes) override;
    void on_closed(int error) override;
    void on_connected() override;
    void on_drained() override;
    void on_written() override;
    [[nodiscard]] bool may_read() const override;

private:
    [[nodiscard]] std::size_t log_in(ByteView bytes);

    ReplicationConnection* client_;
    NodeId node_;
    net::Address address_;
    TimePoint born_;
    ReplicationLogin login_;
    bool is_ready_ = false;
    net::Timer deadline_;  // of the login
};

}  // namespace pgpool::session
