// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/census.h"

#include <algorithm>

#include "proxy/member/translate.h"

namespace pgpool::session {

namespace {

bool is_among(const bus::Endpoint& endpoint, const std::vector<bus::Endpoint>& addresses) {
    return std::any_of(addresses.begin(), addresses.end(), [&](const bus::Endpoint& one) {
        return one.family == endpoint.family && one.address == endpoint.address;
    });
}

}  // namespace

std::uint32_t under_way_at(const Worker& worker, NodeId node) {
    return static_cast<std::uint32_t>(
        std::count_if(worker.servers().begin(), worker.servers().end(), [node](const auto& server) {
            const ClientConnection* client = server->client();
            return server->node == node && client != nullptr && client->session()->is_under_way();
        }));
}

std::vector<bus::Endpoint> addresses_of(const config::Vip& vip) {
    std::vector<bus::Endpoint> addresses;
    for (const config::VipAddress& virtual_address : vip.addresses) {
        const auto found = net::resolve(virtual_address.address, 0);  // numeric, so nobody is asked
        if (found) addresses.push_back(member::endpoint_of(found->front()));
    }
    return addresses;
}

std::vector<bus::Connection> connections_to(const Worker& worker,
                                            const std::vector<bus::Endpoint>& addresses) {
    std::vector<bus::Connection> connections;
    const auto add = [&](const bus::Connection& connection) {
        if (is_among(connection.server, addresses)) connections.push_back(connection);
    };
    for (const auto& [id, client] : worker.clients()) add(client->ends());
    for (const auto& [id, client] : worker.replications())
        add({member::endpoint_of(client->peer_address()), member::endpoint_of(client->local_address())});
    return connections;
}

}  // namespace pgpool::session
