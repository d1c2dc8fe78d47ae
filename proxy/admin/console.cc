// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/console.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "proxy/admin/cells.h"

namespace pgpool::admin {

namespace {

std::string_view mode_name(config::PoolMode mode) {
    switch (mode) {
        case config::PoolMode::Session:
            return "session";
        case config::PoolMode::Transaction:
            return "transaction";
        case config::PoolMode::Auto:
            break;
    }
    return "auto";
}

// A pool, a database or a user over all workers.
struct Sum {
    std::uint64_t clients = 0;
    std::uint64_t waiting = 0;
    Duration longest_wait{};
    std::uint64_t active = 0;
    std::uint64_t idle = 0;
    std::uint64_t tested = 0;
    std::uint64_t opening = 0;
    std::uint64_t being_cancelled = 0;
    exec::PoolStatistics total;
    struct {
        double transactions = 0;
        double queries = 0;
        double received = 0;
        double sent = 0;
        double transaction_micros = 0;
        double query_micros = 0;
        double wait_micros = 0;
    } per_second;

    void add(const PoolReport& part);
    [[nodiscard]] std::uint64_t servers() const { return active + idle + tested + opening; }

private:
    void add_period(const session::PoolHistory::Span& period);
};

void Sum::add(const PoolReport& part) {
    clients += part.clients;
    waiting += part.waiting;
    longest_wait = std::max(longest_wait, part.longest_wait);
    active += part.active;
    idle += part.idle;
    tested += part.tested;
    opening += part.opening;
    being_cancelled += part.being_cancelled;
    total += part.total;
    add_period(part.period);
}

void Sum::add_period(const session::PoolHistory::Span& period) {
    const double length = std::chrono::duration<double>(period.to.at - period.from.at).count();
    if (length <= 0) return;
    const exec::PoolStatistics& from = period.from.counted;
    const exec::PoolStatistics& to = period.to.counted;
    const auto rate = [length](std::uint64_t before, std::uint64_t after) {
        return static_cast<double>(after - before) / length;
    };
    const auto time_rate = [length](Duration before, Duration after) {
        return std::chrono::duration<double, std::micro>(after - before).count() / length;
    };
    per_second.transactions += rate(from.transactions, to.transactions);
    per_second.queries += rate(from.queries, to.queries);
    per_second.received += rate(from.received, to.received);
    per_second.sent += rate(from.sent, to.sent);
    per_second.transaction_micros += time_rate(from.transaction_time, to.transaction_time);
    per_second.query_micros += time_rate(from.query_time, to.query_time);
    per_second.wait_micros += time_rate(from.wait_time, to.wait_time);
}

Value rounded(double value) {
    return static_cast<std::int64_t>(std::llround(value));
}

Value average(double sum, double count) {
    return rounded(count > 0 ? sum / count : 0);
}

// The console's own sessions have no server and are no database.
std::map<std::string, Sum> by_database(const Context& context, const Reports& reports) {
    std::map<std::string, Sum> sums;
    for (const PoolReport& pool : reports.pools) {
        if (pool.database != context.config->admin.database) sums[pool.database].add(pool);
    }
    return sums;
}

Endpoint address_of(const Context& context, NodeId node) {
    const cluster::NodeStatus* status = context.topology->find(node);
    return status != nullptr ? Endpoint{status->host, status->port} : Endpoint{};
}

std::string_view node_name(const Context& context, NodeId node) {
    const cluster::NodeStatus* status = context.topology->find(node);
    return status != nullptr ? std::string_view(status->name) : "removed";
}

// How a row of SHOW CLIENTS and one of SHOW SERVERS name each other.
std::string client_name(const ClientReport& client) {
    return fmt::format("client/{}", client.pid);
}
std::string server_name(const Context& context, NodeId node, std::uint32_t pid) {
    return fmt::format("{}/{}", node_name(context, node), pid);
}

std::string_view state_of(const ServerReport& server) {
    switch (server.state) {
        case ServerState::Opening:
            return "login";
        case ServerState::Lent:
            return server.client && server.client->state == kReplicates ? kReplicates : "active";
        case ServerState::Idle:
            return "idle";
        case ServerState::Cleaning:
        case ServerState::Checking:
        case ServerState::Closed:
            break;
    }
    return "tested";
}

// The columns that SHOW CLIENTS and SHOW SERVERS share.
std::vector<wire::Column> connection_columns() {
    return {{"type"},
            {"user"},
            {"database"},
            {"state"},
            {"addr"},
            {"port", ColumnType::Int4},
            {"local_addr"},
            {"local_port", ColumnType::Int4},
            {"connect_time", ColumnType::Timestamptz},
            {"request_time", ColumnType::Timestamptz},
            {"wait", ColumnType::Int8},
            {"wait_us", ColumnType::Int8},
            {"close_needed", ColumnType::Int4},
            {"ptr"},
            {"link"},
            {"remote_pid", ColumnType::Int4}};
}

Row client_row(const Context& context, const ClientReport& client) {
    const auto& server = client.server;
    const Duration wait = client.waiting.value_or(Duration{});
    return {text("C"),
            client.user,
            client.database,
            text(client.state),
            client.from.host,
            number(client.from.port),
            client.to.host,
            number(client.to.port),
            client.connected,
            moment(client.request_began),
            whole_seconds(wait),
            rest_micros(wait),
            number(client.closing ? 1 : 0),
            client_name(client),
            server ? text(server_name(context, server->node, server->pid)) : Value(),
            server ? number(server->pid) : Value(),
            client.application_name,
            text_or_null(client.pinned == "-" ? "" : client.pinned),
            number(client.worker)};
}

Row server_row(const Context& context, const ServerReport& server) {
    const Endpoint address = address_of(context, server.node);
    return {text("S"),
            server.user,
            server.database,
            text(state_of(server)),
            text_or_null(address.host),
            number(address.port),
            server.from.host,
            number(server.from.port),
            server.connected,
            moment(server.lent),
            number(0),
            number(0),
            number(context.topology->find(server.node) == nullptr ? 1 : 0),
            server_name(context, server.node, server.pid),
            server.client ? text(client_name(*server.client)) : Value(),
            number(server.pid),
            server.client ? text(server.client->application_name) : Value(),
            text(node_name(context, server.node)),
            number(server.times_lent),
            number(server.worker)};
}

}  // namespace

OwnResult console_pools(const Context& context, const Reports& reports) {
    OwnResult result;
    result.columns = {{"database"},
                      {"user"},
                      {"cl_active", ColumnType::Int4},
                      {"cl_waiting", ColumnType::Int4},
                      {"sv_active", ColumnType::Int4},
                      {"sv_being_canceled", ColumnType::Int4},
                      {"sv_idle", ColumnType::Int4},
                      {"sv_tested", ColumnType::Int4},
                      {"sv_login", ColumnType::Int4},
                      {"maxwait", ColumnType::Int4},
                      {"maxwait_us", ColumnType::Int4},
                      {"pool_mode"}};
    std::map<std::pair<std::string, std::string>, Sum> sums;
    for (const PoolReport& pool : reports.pools) sums[{pool.database, pool.user}].add(pool);
    for (const auto& [key, sum] : sums) {
        const bool is_console = key.first == context.config->admin.database;
        result.rows.push_back({key.first, key.second,
                               number(sum.clients - std::min(sum.clients, sum.waiting)), number(sum.waiting),
                               number(sum.active), number(sum.being_cancelled), number(sum.idle),
                               number(sum.tested), number(sum.opening), whole_seconds(sum.longest_wait),
                               rest_micros(sum.longest_wait),
                               text(is_console ? "console" : mode_name(context.config->pool.mode))});
    }
    return result;
}

OwnResult console_clients(const Context& context, const Reports& reports) {
    OwnResult result;
    result.columns = connection_columns();
    result.columns.insert(result.columns.end(),
                          {{"application_name"}, {"pinned"}, {"worker", ColumnType::Int4}});
    for (const ClientReport& client : reports.clients) result.rows.push_back(client_row(context, client));
    return result;
}

OwnResult console_servers(const Context& context, const Reports& reports) {
    OwnResult result;
    result.columns = connection_columns();
    result.columns.insert(
        result.columns.end(),
        {{"application_name"}, {"node"}, {"times_lent", ColumnType::Int8}, {"worker", ColumnType::Int4}});
    for (const ServerReport& server : reports.servers) result.rows.push_back(server_row(context, server));
    return result;
}

OwnResult console_stats(const Context& context, const Reports& reports) {
    OwnResult result;
    result.columns = {{"database"}};
    for (const std::string_view name :
         {"total_xact_count", "total_query_count", "total_received", "total_sent", "total_xact_time",
          "total_query_time", "total_wait_time", "avg_xact_count", "avg_query_count", "avg_recv", "avg_sent",
          "avg_xact_time", "avg_query_time", "avg_wait_time"}) {
        result.columns.push_back({name, ColumnType::Int8});
    }
    for (const auto& [database, sum] : by_database(context, reports)) {
        const exec::PoolStatistics& total = sum.total;
        const auto& rate = sum.per_second;
        result.rows.push_back({database, number(total.transactions), number(total.queries),
                               number(total.received), number(total.sent), micros(total.transaction_time),
                               micros(total.query_time), micros(total.wait_time), rounded(rate.transactions),
                               rounded(rate.queries), rounded(rate.received), rounded(rate.sent),
                               average(rate.transaction_micros, rate.transactions),
                               average(rate.query_micros, rate.queries), rounded(rate.wait_micros)});
    }
    return result;
}

OwnResult console_databases(const Context& context, const Reports& reports) {
    OwnResult result;
    result.columns = {{"name"},
                      {"host"},
                      {"port", ColumnType::Int4},
                      {"database"},
                      {"pool_size", ColumnType::Int4},
                      {"min_pool_size", ColumnType::Int4},
                      {"pool_mode"},
                      {"max_connections", ColumnType::Int4},
                      {"current_connections", ColumnType::Int4},
                      {"current_clients", ColumnType::Int4}};
    const cluster::NodeStatus* primary = context.topology->primary_node();
    const config::Pool& pool = context.config->pool;
    for (const auto& [database, sum] : by_database(context, reports)) {
        result.rows.push_back({database, primary != nullptr ? Value(primary->host) : Value(),
                               primary != nullptr ? number(primary->port) : Value(), database,
                               number(pool.size), number(pool.min_size), text(mode_name(pool.mode)),
                               number(pool.max_database_connections), number(sum.servers()),
                               number(sum.clients)});
    }
    return result;
}

OwnResult console_users(const Context& context, const Reports& reports) {
    OwnResult result;
    result.columns = {{"name"},
                      {"pool_mode"},
                      {"max_user_connections", ColumnType::Int4},
                      {"current_connections", ColumnType::Int4},
                      {"current_clients", ColumnType::Int4},
                      {"is_admin", ColumnType::Bool}};
    std::map<std::string, Sum> users;
    const auto& admins = context.config->admin.users;
    for (const std::string& user : admins) users[user];
    for (const PoolReport& pool : reports.pools) users[pool.user].add(pool);
    for (const auto& [user, sum] : users) {
        const bool is_admin = std::find(admins.begin(), admins.end(), user) != admins.end();
        result.rows.push_back({user, text(mode_name(context.config->pool.mode)),
                               number(context.config->pool.max_user_connections), number(sum.servers()),
                               number(sum.clients), is_admin});
    }
    return result;
}

}  // namespace pgpool::admin
