// SPDX-License-Identifier: PostgreSQL
#pragma once

// Service: the hub's dealings with libqb. Private to common/ipc; see hub.h for the contract. One thread,
// which made it.
//
// Ownership: a Peer is libqb's connection as we see it. It begins in accept() and ends in
// connection_destroyed(), which libqb calls once for each, refused ones included.

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/ipc/guard.h"
#include "common/ipc/hub.h"
#include "common/ipc/qb_loop.h"
#include "common/ipc/send_queue.h"

struct qb_ipcs_connection;
struct qb_ipcs_service;

namespace pgpool::ipc {

class Service final : private QbLoop::Owner {
public:
    Service(const HubOptions& options, HubHandler& handler, HubCounters& counters);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    ~Service() override;

    void run() { loop_.run(); }
    void post(std::function<void()> task) { loop_.post(std::move(task)); }  // any thread

    void stop() { loop_.stop(); }
    void send(ClientId client, const Frame& frame);
    void broadcast(const Frame& frame);
    void disconnect(ClientId client, const std::string& reason);

private:
    struct Peer;
    struct Callbacks;  // libqb's

    Guard* on_watch(int fd, void* data) override;
    void on_alarm() override;

    int accept(qb_ipcs_connection* connection, uid_t uid, gid_t gid);
    void on_bytes(Peer& peer, ByteView frame);
    void on_message(Peer& peer, bus::Message message);
    void greet(Peer& peer, bus::Hello hello);
    void on_closed(Peer& peer);
    [[nodiscard]] Peer* find(ClientId client);
    void send(Peer& peer, const Frame& frame);
    void flush(Peer& peer);
    void leave(Peer& peer, std::string reason);

    const HubOptions& options_;
    HubHandler& handler_;
    HubCounters& counters_;
    QbLoop loop_;
    std::unordered_map<qb_ipcs_connection*, std::unique_ptr<Peer>> peers_;
    std::uint64_t last_id_ = 0;
    qb_ipcs_service* service_ = nullptr;
};

}  // namespace pgpool::ipc
