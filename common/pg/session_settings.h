// SPDX-License-Identifier: PostgreSQL
#pragma once

// What our own sessions on a server run under, whatever ALTER DATABASE, ALTER ROLE and its configuration say:
// the owner of a database may give it any search_path, role or time limit, and these sessions are mostly
// those of a superuser.
//
// It is said in the startup packet: that outranks those settings and holds before the first statement.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace pgpool::pg {

// By when a server notices that the host of its client is gone, or has given the session up without being
// able to say so: within 11 s, as we do (net::start_connect). Until then it keeps the locks of that session.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kKeepalives{{
    {"tcp_keepalives_idle", "5"},
    {"tcp_keepalives_interval", "2"},
    {"tcp_keepalives_count", "3"},
}};

enum class SessionSettings : std::uint8_t {
    Fixed,    // all that the meaning of a statement, its answer and its time rest on
    OfLogin,  // those of a login but for the role and limits of time: each name must tell its schema
    None,     // for what is not a PostgreSQL server
};

// Value of the parameter "options" of a startup packet. Any role may set what is in it.
[[nodiscard]] std::string startup_options(SessionSettings settings);

}  // namespace pgpool::pg
