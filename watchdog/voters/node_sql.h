// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a lease session says to a node, and how its answers are read. Text only.
//
// The epoch is recorded at a node as the setting pgpool.epoch of its own configuration: ALTER SYSTEM writes
// the file and flushes it to disk before it answers, on a standby in recovery, too, and nothing replicates
// it. Only the session that has the advisory lock writes it, and only upwards
// (docs/adr/0022-lease-sessions.md).

#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/pg/client.h"
#include "common/pg/rows.h"
#include "watchdog/lease/parameters.h"
#include "watchdog/voters/node_observation.h"

namespace pgpool::voters::node_sql {

// Advisory locks are per database: every lease session is in this one.
inline constexpr std::string_view kDatabase = "postgres";

// Sets the limits of time of the session; tells whether its role is a superuser.
[[nodiscard]] std::string setup(const lease::Parameters& parameters);
[[nodiscard]] bool is_superuser(const pg::Rows& rows);

// For another role: has it what the vote and the probe need?
[[nodiscard]] std::string_view rights();
// The grants that it lacks, as one text of statements; nothing if none.
[[nodiscard]] std::optional<std::string> missing_grants(const pg::Rows& rows, std::string_view role);

// Tries the lock, and then reads what is recorded.
[[nodiscard]] std::string_view lock();
struct Locked {
    bool has_lock = false;
    Epoch recorded{};
    WallTime clock{};
};
[[nodiscard]] std::optional<Locked> read_locked(const pg::Rows& rows);

[[nodiscard]] std::string record(Epoch epoch);

[[nodiscard]] std::string_view probe();
[[nodiscard]] std::optional<NodeObservation> read_probe(const pg::Rows& rows);

// The expression, evaluated only before that time of the server's clock. One row: whether it was, and its
// value.
[[nodiscard]] std::string guarded(std::string_view expression, WallTime not_after);

// What a server's refusal of a lease session means, where its own words do not tell.
[[nodiscard]] std::string explain(const SqlState& state, std::string_view message);

}  // namespace pgpool::voters::node_sql
