// SPDX-License-Identifier: PostgreSQL
#pragma once

// Queries that digest the catalogs, and the session settings under which nodes print values alike. Pure.
//
// Rows of a catalog query: kind, relation it belongs to (NULL: none), identity, digest of the definition. No
// oid is in a digest: they differ between nodes. Objects of the system, temporary ones and what mode
// replication keeps for itself are left out.

#include <string>
#include <string_view>

namespace pgpool::ctl::verify {

[[nodiscard]] std::string_view session_settings();

// Condition on the alias of pg_namespace: a schema whose contents count.
[[nodiscard]] std::string of_users(std::string_view alias);

// Of the database that it runs in.
[[nodiscard]] std::string schema_query();
// Of the server.
[[nodiscard]] std::string_view server_query();
// The same for what only superusers may read, and whether this user may: pg_authid, pg_largeobject.
[[nodiscard]] std::string_view verifiers_query();
[[nodiscard]] std::string_view privileges_query();

// schema, name of sequences
[[nodiscard]] std::string sequences_query();

}  // namespace pgpool::ctl::verify
