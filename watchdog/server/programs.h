// SPDX-License-Identifier: PostgreSQL
#pragma once

// Programs: those of this member that are on the bus. Brings the topology and the lease to all of them, once
// when they come and then on every change, and orders about addresses to pgpool-vip.
// Threads: one; the hub's own thread only pushes events.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/bus/paging.h"
#include "common/ipc/hub.h"
#include "watchdog/server/event.h"

namespace pgpool::watchdog {

inline constexpr std::string_view kVip = "pgpool-vip";
inline constexpr std::string_view kProxy = "pgpool-proxy";

struct Program {
    ipc::ClientInfo info;
    WallTime since;
    bool wants_log = false;
};

class Programs {
public:
    // So many messages of one program may wait to be read; with more it is disconnected.
    static constexpr std::size_t kUnread = 1024;

    // Throws if the name is taken. The inbox outlives it.
    Programs(ipc::HubOptions options, Inbox& inbox);
    Programs(const Programs&) = delete;
    Programs& operator=(const Programs&) = delete;
    ~Programs();

    void came(const ipc::ClientInfo& info, WallTime now);
    void gone(ipc::ClientId client, const std::string& reason);
    [[nodiscard]] const Program* find(ipc::ClientId client) const;
    [[nodiscard]] std::vector<const Program*> all() const;
    [[nodiscard]] std::vector<ipc::ClientId> named(std::string_view program) const;

    // What does not differ from the last one is not sent.
    void publish(const bus::Topology& topology);
    void publish(const bus::LeaseView& view);
    void send(ipc::ClientId client, const bus::Message& message);
    void answer(ipc::ClientId client, std::uint64_t id, bool is_well, std::string json);
    void send_to(std::string_view program, const bus::Message& message);
    void follow_log(ipc::ClientId client);
    void log(const bus::Event& line);

private:
    class Handler;
    void send_pages(ipc::ClientId client, const bus::Topology& topology);

    std::unique_ptr<Handler> handler_;
    std::map<ipc::ClientId, Program> programs_;
    bus::Topology topology_;
    bus::LeaseView view_;
    std::unique_ptr<ipc::Hub> hub_;  // last: its thread calls the handler
};

}  // namespace pgpool::watchdog
