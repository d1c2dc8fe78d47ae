// SPDX-License-Identifier: PostgreSQL
#include "proxy/member/translate.h"

#include <netinet/in.h>

#include <algorithm>

namespace pgpool::member {

namespace {

cluster::Role role_of(bus::NodeRole role) {
    switch (role) {
        case bus::NodeRole::Primary:
            return cluster::Role::Primary;
        case bus::NodeRole::Standby:
            return cluster::Role::Standby;
        case bus::NodeRole::Replica:
            return cluster::Role::Replica;
        case bus::NodeRole::Unknown:
            break;
    }
    return cluster::Role::Unknown;
}

bus::NodeRole role_of(cluster::Role role) {
    switch (role) {
        case cluster::Role::Primary:
            return bus::NodeRole::Primary;
        case cluster::Role::Standby:
            return bus::NodeRole::Standby;
        case cluster::Role::Replica:
            return bus::NodeRole::Replica;
        case cluster::Role::Unknown:
            break;
    }
    return bus::NodeRole::Unknown;
}

cluster::Standing standing_of(bus::NodeState state) {
    switch (state) {
        case bus::NodeState::Up:
            return cluster::Standing::Up;
        case bus::NodeState::Down:
            return cluster::Standing::Down;
        case bus::NodeState::Detached:
            return cluster::Standing::Detached;
        case bus::NodeState::Recovering:
            return cluster::Standing::Recovering;
        case bus::NodeState::Parked:
            return cluster::Standing::Parked;
        case bus::NodeState::Unknown:
            break;
    }
    return cluster::Standing::Unknown;
}

bus::NodeState state_of(const cluster::NodeStatus& node) {
    if (node.is_taken_out) return bus::NodeState::Detached;
    if (node.state == cluster::NodeState::Up) return bus::NodeState::Up;
    return node.state == cluster::NodeState::Down ? bus::NodeState::Down : bus::NodeState::Unknown;
}

}  // namespace

cluster::Decision decision_of(const bus::Topology& topology) {
    cluster::Decision decision;
    decision.revision = cluster::Revision{topology.epoch, topology.revision};
    for (const bus::Node& node : topology.nodes)
        decision.nodes.push_back({node.name, role_of(node.role), standing_of(node.state), node.reason});
    return decision;
}

bus::FailureClass failure_of(cluster::Reach reach) {
    switch (reach) {
        case cluster::Reach::Unresolved:
            return bus::FailureClass::Unresolved;
        case cluster::Reach::Refused:
            return bus::FailureClass::Refused;
        case cluster::Reach::Unreachable:
            return bus::FailureClass::Unreachable;
        case cluster::Reach::Timeout:
            return bus::FailureClass::Timeout;
        case cluster::Reach::Auth:
            return bus::FailureClass::Auth;
        case cluster::Reach::Startup:
            return bus::FailureClass::Startup;
        case cluster::Reach::Query:
            return bus::FailureClass::Query;
        case cluster::Reach::Ok:
            break;
    }
    return bus::FailureClass::Other;
}

bus::Suspicion suspicion_of(cluster::Sign sign) {
    switch (sign) {
        case cluster::Sign::Gone:
            return bus::Suspicion::Gone;
        case cluster::Sign::Unequal:
            return bus::Suspicion::Unequal;
        case cluster::Sign::Doubtful:
            break;
    }
    return bus::Suspicion::Doubtful;
}

bus::Topology membership_of(const cluster::Topology& topology) {
    bus::Topology membership;
    membership.epoch = topology.epoch;
    for (const cluster::NodeStatus& node : topology.nodes) {
        membership.nodes.push_back({.id = static_cast<std::uint16_t>(membership.nodes.size()),
                                    .name = node.name,
                                    .host = node.host,
                                    .port = node.port,
                                    .role = role_of(node.role),
                                    .state = state_of(node),
                                    .reason = node.reason});
    }
    return membership;
}

bus::Endpoint endpoint_of(const net::Address& address) {
    bus::Endpoint endpoint;
    if (address.family() == AF_INET) {
        const auto& in = reinterpret_cast<const sockaddr_in&>(address.storage);
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&in.sin_addr);
        std::copy_n(bytes, 4, endpoint.address.begin());
        endpoint.family = bus::Family::V4;
    } else if (address.family() == AF_INET6) {
        const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
        const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        std::copy_n(in6.sin6_addr.s6_addr + (is_mapped ? 12 : 0), is_mapped ? 4 : 16,
                    endpoint.address.begin());
        endpoint.family = is_mapped ? bus::Family::V4 : bus::Family::V6;
    } else {
        return endpoint;
    }
    endpoint.port = address.port();
    return endpoint;
}

}  // namespace pgpool::member
