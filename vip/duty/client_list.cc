// SPDX-License-Identifier: PostgreSQL
#include "vip/duty/client_list.h"

namespace pgpool::vip {

namespace {

Endpoint endpoint_of(const bus::Endpoint& told) {
    const std::size_t size = told.family == bus::Family::V6 ? 16 : 4;
    return {IpAddress::from_bytes(ByteView(reinterpret_cast<const char*>(told.address.data()), size)),
            told.port};
}

}  // namespace

std::vector<Connection> connections_of(const bus::ClientList& list) {
    std::vector<Connection> connections;
    for (const bus::Connection& told : list.connections) {
        if (told.client.family == bus::Family::None || told.server.family == bus::Family::None) continue;
        const Connection connection{endpoint_of(told.server), endpoint_of(told.client)};
        if (connection.own.address.family() == connection.client.address.family())
            connections.push_back(connection);
    }
    return connections;
}

}  // namespace pgpool::vip
