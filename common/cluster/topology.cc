// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/topology.h"

#include <fmt/core.h>

namespace pgpool::cluster {

std::string no_primary_within(milliseconds waited, const Topology& topology) {
    const std::string& because = topology.parked_because;
    return fmt::format("no primary within {} ms (health.failover_park_timeout){}{}", waited.count(),
                       because.empty() ? "" : ": ", because);
}

const char* to_string(Role role) {
    switch (role) {
        case Role::Primary:
            return "primary";
        case Role::Standby:
            return "standby";
        case Role::Replica:
            return "replica";
        case Role::Unknown:
            break;
    }
    return "unknown";
}

const char* to_string(NodeState state) {
    switch (state) {
        case NodeState::Up:
            return "up";
        case NodeState::Down:
            return "down";
        case NodeState::Unknown:
            break;
    }
    return "unknown";
}

const char* to_string(Reach reach) {
    switch (reach) {
        case Reach::Ok:
            return "ok";
        case Reach::Unresolved:
            return "unresolved";
        case Reach::Refused:
            return "refused";
        case Reach::Unreachable:
            return "unreachable";
        case Reach::Timeout:
            return "timeout";
        case Reach::Auth:
            return "auth";
        case Reach::Startup:
            return "startup";
        case Reach::Query:
            break;
    }
    return "query";
}

}  // namespace pgpool::cluster
