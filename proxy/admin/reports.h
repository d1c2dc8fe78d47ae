// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a worker tells of its clients, server connections and pools at one moment, and what a command may know
// besides. Values: they are made on the worker's thread and read on that of the worker that was asked.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/cluster/topology.h"
#include "common/config/config.h"
#include "proxy/exec/own_result.h"
#include "proxy/member/watchdog_client.h"
#include "proxy/session/server_connection.h"
#include "proxy/session/statistics.h"

namespace pgpool::admin {

using ServerState = session::ServerConnection::State;

struct Endpoint {
    std::string host;  // "[local]": a UNIX socket
    std::uint16_t port = 0;
};

// The state of a client that replicates, and the reason why it keeps its server connection.
inline constexpr std::string_view kReplicates = "replication";

struct ClientReport {
    std::uint32_t worker = 0;
    std::uint32_t pid = 0;  // as told in BackendKeyData
    std::string user;
    std::string database;
    std::string application_name;
    std::string_view state;  // exec::Session::state(), or kReplicates
    Endpoint from;
    Endpoint to;
    WallTime connected;
    std::optional<WallTime> request_began;  // none: it has sent no request yet
    std::optional<Duration> waiting;        // for a server connection
    bool closing = false;
    std::string pinned;              // why it keeps its server connection; "-": it does not
    std::optional<NodeId> reads_at;  // where its reads go, if that is fixed

    struct Server {
        NodeId node;
        std::uint32_t pid = 0;
        WallTime connected;
        std::uint64_t times_lent = 0;
    };
    std::optional<Server> server;  // that it holds
};

struct ServerReport {
    std::uint32_t worker = 0;
    NodeId node;
    std::uint32_t pid = 0;
    std::string user;
    std::string database;
    ServerState state = ServerState::Idle;
    Endpoint from;
    WallTime connected;
    std::optional<WallTime> lent;        // the last time
    std::optional<WallTime> idle_since;  // if it is idle
    std::uint64_t times_lent = 0;
    std::optional<ClientReport> client;  // that has it
};

// The part of a pool that one worker has.
struct PoolReport {
    std::string user;
    std::string database;
    std::uint32_t clients = 0;
    std::uint32_t waiting = 0;
    Duration longest_wait{};
    std::uint32_t active = 0;  // server connections in use
    std::uint32_t idle = 0;
    std::uint32_t tested = 0;  // being checked or reset
    std::uint32_t opening = 0;
    std::uint32_t being_cancelled = 0;
    exec::PoolStatistics total;
    session::PoolHistory::Span period;
};

// Of all workers that have answered; what was not asked for is empty.
struct Reports {
    std::vector<ClientReport> clients;
    std::vector<ServerReport> servers;
    std::vector<PoolReport> pools;
};
void put_in_order(Reports& reports);  // clients by age; server connections by pool, node and age
enum class Wanted : std::uint8_t { Nothing, Clients, Servers, Pools };

struct Context {
    config::ConfigPtr config;
    cluster::TopologyPtr topology;
    const session::NodeTotals* statistics = nullptr;
    std::optional<member::WatchdogStatus> watchdog;  // none: watchdog.enabled is off
    std::string user;                                // who asks
    bool is_admin = false;
    std::optional<NodeId> reads_at;  // the node where the asker's reads go, if that is fixed
    TimePoint now;
    WallTime wall_now;

    [[nodiscard]] WallTime wall(TimePoint at) const {
        return wall_now + std::chrono::duration_cast<WallTime::duration>(at - now);
    }
};

}  // namespace pgpool::admin
