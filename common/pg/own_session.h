// SPDX-License-Identifier: PostgreSQL
#pragma once

// Our own sessions on a server: what they are called there, and what they log in with.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/config/config.h"
#include "common/pg/client.h"

namespace pgpool::pg {

enum class OwnSession : std::uint8_t { Auth, Catalog, Ctl, Deadlocks, Health, Keeper, Lease, Sequences };
inline constexpr std::array kOwnSessions{OwnSession::Auth,      OwnSession::Catalog,  OwnSession::Ctl,
                                         OwnSession::Deadlocks, OwnSession::Health,   OwnSession::Keeper,
                                         OwnSession::Lease,     OwnSession::Sequences};

// Its application_name. Anybody may take one: it proves nothing without the role.
[[nodiscard]] std::string_view name_of(OwnSession session);

struct OwnLogin {
    std::string user;
    std::string password;
    std::string database;
    OwnSession session = OwnSession::Health;
    friend bool operator==(const OwnLogin&, const OwnLogin&) = default;
};

// That of the administrator whom the configuration names; in its database, or in another.
[[nodiscard]] OwnLogin own_login(const config::Health& health, OwnSession session);
[[nodiscard]] OwnLogin own_login(const config::Health& health, OwnSession session, std::string database);

[[nodiscard]] ConnectParams own_params(const std::string& host, std::uint16_t port, const OwnLogin& login);

// Of a config::Node or a cluster::NodeStatus.
template <typename Node>
[[nodiscard]] ConnectParams own_params(const Node& node, const OwnLogin& login) {
    return own_params(node.host, node.port, login);
}

}  // namespace pgpool::pg
