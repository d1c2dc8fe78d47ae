// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/show_pools.h"

#include "proxy/admin/cells.h"

namespace pgpool::admin {

namespace {

constexpr std::int64_t kProtocolMajor = 3;
constexpr std::int64_t kProtocolMinor = 0;

// pgpool-II's words for what a process is at.
std::string_view status_of_client(const ClientReport& client) {
    if (client.state == "active") return "Execute command";
    if (client.state == kReplicates) return "Replication";
    if (client.state == "idle in transaction") return "Idle in transaction";
    return client.state == "waiting" ? "Wait for connection" : "Idle";
}

std::string_view status_of_server(const ServerReport& server) {
    if (server.client) return status_of_client(*server.client);
    switch (server.state) {
        case ServerState::Opening:
            return "Connecting";
        case ServerState::Cleaning:
        case ServerState::Checking:
            return "Resetting";
        default:
            return "Idle";
    }
}

Row pool_row(const Context& context, const ServerReport& server) {
    const bool has_client = server.client.has_value();
    const bool may_see = has_client && (context.is_admin || server.client->user == context.user);
    const bool reads_here = has_client && server.client->reads_at == server.node;
    const Value idle_for =
        server.idle_since
            ? whole_seconds(std::chrono::duration_cast<Duration>(context.wall_now - *server.idle_since))
            : number(0);
    return {has_client ? number(server.client->pid) : Value(),
            has_client ? Value(server.client->connected) : Value(),
            number(has_client ? 1 : 0),
            number(server.worker),
            number(server.node.value),
            server.database,
            server.user,
            server.connected,
            moment(server.lent),
            moment(server.idle_since),
            idle_for,
            kProtocolMajor,
            kProtocolMinor,
            number(server.times_lent),
            number(server.pid),
            has_client,
            text(status_of_server(server)),
            reads_here,
            may_see ? Value(server.client->from.host) : Value(),
            may_see ? number(server.client->from.port) : Value(),
            Value()};
}

Row process_row(const ClientReport& client) {
    const auto& server = client.server;
    return {number(client.pid),
            client.connected,
            number(1),
            client.database,
            client.user,
            server ? Value(server->connected) : Value(),
            server ? number(server->times_lent) : number(0),
            text(status_of_client(client))};
}

}  // namespace

OwnResult pool_pools(const Context& context, const Reports& reports) {
    OwnResult result;
    result.columns = {{"pool_pid", ColumnType::Int4},
                      {"start_time", ColumnType::Timestamptz},
                      {"client_connection_count", ColumnType::Int4},
                      {"pool_id", ColumnType::Int4},
                      {"backend_id", ColumnType::Int4},
                      {"database"},
                      {"username"},
                      {"backend_connection_time", ColumnType::Timestamptz},
                      {"client_connection_time", ColumnType::Timestamptz},
                      {"client_disconnection_time", ColumnType::Timestamptz},
                      {"client_idle_duration", ColumnType::Int8},
                      {"majorversion", ColumnType::Int4},
                      {"minorversion", ColumnType::Int4},
                      {"pool_counter", ColumnType::Int8},
                      {"pool_backendpid", ColumnType::Int4},
                      {"pool_connected", ColumnType::Bool},
                      {"status"},
                      {"load_balance_node", ColumnType::Bool},
                      {"client_host"},
                      {"client_port", ColumnType::Int4},
                      {"statement"}};
    for (const ServerReport& server : reports.servers) result.rows.push_back(pool_row(context, server));
    return result;
}

OwnResult pool_processes(const Context& /*context*/, const Reports& reports) {
    OwnResult result;
    result.columns = {{"pool_pid", ColumnType::Int4},
                      {"start_time", ColumnType::Timestamptz},
                      {"client_connection_count", ColumnType::Int4},
                      {"database"},
                      {"username"},
                      {"backend_connection_time", ColumnType::Timestamptz},
                      {"pool_counter", ColumnType::Int8},
                      {"status"}};
    for (const ClientReport& client : reports.clients) result.rows.push_back(process_row(client));
    return result;
}

}  // namespace pgpool::admin
