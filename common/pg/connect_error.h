// SPDX-License-Identifier: PostgreSQL
#pragma once

// The class of a failed connection attempt, from the text that libpq keeps of it.
//
// libpq has no error fields for a failed connection. With PQERRORS_VERBOSE a server's refusal reads
// "FATAL:  28P01: message" (severity possibly localised, then two blanks, then the SQLSTATE); a refusal by
// the system ends in the text of its errno.

#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/cluster/topology.h"

namespace pgpool::pg {

struct ConnectFailure {
    cluster::Reach reach = cluster::Reach::Unreachable;
    SqlState sqlstate = sqlstate::kCannotConnect;
    std::string message;  // one line, without LOCATION and hints
};

[[nodiscard]] ConnectFailure classify_connect_failure(std::string_view libpq_message);

// How a server's SQLSTATE counts: 28xxx Auth, 57P03 and shutdowns Startup, the rest Query.
[[nodiscard]] cluster::Reach reach_of(const SqlState& state);

}  // namespace pgpool::pg
