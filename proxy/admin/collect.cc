// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/collect.h"

#include <algorithm>
#include <unordered_map>

namespace pgpool::admin {

namespace {

using session::ClientConnection;
using session::ReplicationConnection;
using session::ServerConnection;
using session::Worker;

Endpoint endpoint_of(const net::Address& address) {
    return {address.host(), address.port()};
}

// Time points of the event loop as times of the day.
struct Clock {
    TimePoint now;
    WallTime wall_now = std::chrono::system_clock::now();

    [[nodiscard]] WallTime wall(TimePoint at) const {
        return wall_now + std::chrono::duration_cast<WallTime::duration>(at - now);
    }
    [[nodiscard]] std::optional<WallTime> wall_if(TimePoint at) const {
        return at == TimePoint{} ? std::nullopt : std::optional(wall(at));
    }
};

ClientReport report_of(const Worker& worker, const ClientConnection& client, const Clock& clock) {
    const exec::Session& session = *client.session();
    ClientReport report;
    report.worker = worker.index();
    report.pid = session.login().pid;
    report.user = session.login().user;
    report.database = session.login().database->name;
    report.application_name = session.application_name();
    report.state = session.state();
    report.from = endpoint_of(client.peer_address());
    report.to = endpoint_of(client.local_address());
    report.connected = client.connected_at();
    report.request_began = clock.wall_if(session.request_began());
    if (session.awaits_link()) report.waiting = clock.now - session.waits_since();
    report.closing = client.closing() || worker.draining();
    report.pinned = sql::to_string(session.pins());
    report.reads_at = session.reads_at();
    if (const auto* server = static_cast<const ServerConnection*>(session.link())) {
        report.server = {server->node, server->pid, clock.wall(server->born()), server->times_lent()};
    }
    return report;
}

ServerReport report_of(const Worker& worker, const ServerConnection& server, const Clock& clock) {
    ServerReport report;
    report.worker = worker.index();
    report.node = server.node;
    report.pid = server.pid;
    report.user = server.pool().user();
    report.database = server.pool().database();
    report.state = server.state();
    report.from = endpoint_of(server.local_address());
    report.connected = clock.wall(server.born());
    report.lent = clock.wall_if(server.lent_at());
    if (server.state() == ServerState::Idle) report.idle_since = clock.wall(server.idle_since());
    report.times_lent = server.times_lent();
    const ClientConnection* client = server.client();
    if (client != nullptr && client->session() != nullptr) report.client = report_of(worker, *client, clock);
    return report;
}

ClientReport report_of(const Worker& worker, const ReplicationConnection& client, const Clock& clock) {
    ClientReport report;
    report.worker = worker.index();
    report.pid = client.pid();
    report.user = client.user();
    report.database = client.database();
    report.application_name = client.application_name();
    const bool is_seeking = client.state() == ReplicationConnection::State::Seeking;
    report.state = is_seeking ? "waiting" : kReplicates;
    report.from = endpoint_of(client.peer_address());
    report.to = endpoint_of(client.local_address());
    report.connected = client.origin().connected_at;
    if (is_seeking) report.waiting = clock.now - client.began();
    report.closing = worker.draining();
    report.pinned = is_seeking ? "-" : kReplicates;
    if (const auto* walsender = client.walsender()) {
        report.server = {walsender->node(), walsender->key().pid, clock.wall(walsender->born()), 1};
    }
    return report;
}

ServerReport report_of(const Worker& worker, const ReplicationConnection& client,
                       const session::WalsenderConnection& walsender, const Clock& clock) {
    ServerReport report;
    report.worker = worker.index();
    report.node = walsender.node();
    report.pid = walsender.key().pid;
    report.user = client.user();
    report.database = client.database();
    report.state = walsender.logged_in() ? ServerState::Lent : ServerState::Opening;
    report.from = endpoint_of(walsender.local_address());
    report.connected = clock.wall(walsender.born());
    report.lent = report.connected;
    report.times_lent = 1;
    report.client = report_of(worker, client, clock);
    return report;
}

void count_server(PoolReport& report, const ServerConnection& server) {
    switch (server.state()) {
        case ServerState::Opening:
            ++report.opening;
            break;
        case ServerState::Idle:
            ++report.idle;
            break;
        case ServerState::Lent:
            ++report.active;
            break;
        case ServerState::Cleaning:
        case ServerState::Checking:
            ++report.tested;
            break;
        case ServerState::Closed:
            break;
    }
    if (server.being_cancelled()) ++report.being_cancelled;
}

std::vector<PoolReport> pool_reports(const Worker& worker, const Clock& clock) {
    std::unordered_map<const pool::Pool*, PoolReport> by_pool;
    for (const auto& [key, pool] : worker.pools()) {
        PoolReport& report = by_pool[pool.get()];
        report.user = pool->user();
        report.database = pool->database();
        report.waiting = pool->waiting();
        if (const pool::Waiter* first = pool->longest_waiting())
            report.longest_wait = clock.now - first->since();
        report.total = pool->history.total;
        report.period = pool->history.last_period(clock.now);
    }
    for (const auto& [id, client] : worker.clients()) {
        if (client->pool() != nullptr) ++by_pool[client->pool()].clients;
    }
    for (const auto& server : worker.servers()) count_server(by_pool[&server->pool()], *server);
    std::vector<PoolReport> reports;
    for (auto& [pool, report] : by_pool) reports.push_back(std::move(report));
    return reports;
}

}  // namespace

Reports collect(const Worker& worker, Wanted wanted) {
    const Clock clock{worker.now()};
    Reports reports;
    if (wanted == Wanted::Pools) reports.pools = pool_reports(worker, clock);
    if (wanted == Wanted::Servers) {
        for (const auto& server : worker.servers())
            reports.servers.push_back(report_of(worker, *server, clock));
        for (const auto& [id, client] : worker.replications()) {
            if (client->walsender() != nullptr)
                reports.servers.push_back(report_of(worker, *client, *client->walsender(), clock));
        }
    }
    if (wanted == Wanted::Clients) {
        for (const auto& [id, client] : worker.clients()) {
            if (client->session() != nullptr) reports.clients.push_back(report_of(worker, *client, clock));
        }
        for (const auto& [id, client] : worker.replications())
            reports.clients.push_back(report_of(worker, *client, clock));
    }
    return reports;
}

Context context_of(const Worker& worker, const ClientConnection& asker) {
    const exec::Session& session = *asker.session();
    Context context;
    context.config = worker.surroundings().config;
    context.topology = worker.surroundings().topology;
    context.statistics = &worker.shared().node_statistics;
    if (worker.shared().watchdog) context.watchdog = worker.shared().watchdog->status();
    context.user = session.login().user;
    const auto& admins = context.config->admin.users;
    context.is_admin = std::find(admins.begin(), admins.end(), context.user) != admins.end();
    context.reads_at = session.reads_at();
    context.now = worker.now();
    context.wall_now = std::chrono::system_clock::now();
    return context;
}

}  // namespace pgpool::admin
