// SPDX-License-Identifier: PostgreSQL
#pragma once

// What mode replication keeps in each database of each node: rows that say which transaction was committed
// last, so that a crash between the nodes' commits can be repaired, and the epoch that fences off a proxy
// with an old view.
//
// A transaction in flight has a slot for itself. In its last statement on each node it marks that slot's row
// with its sequence number and with what it did (the redo), under the condition that the row's epoch is the
// one it began under. Raising the epoch changes every row: that waits for transactions that have marked, and
// those that come later find no row.
//
// Any session of any user executes these functions. So a mark, and what keeps triggers quiet, needs the token
// that the keeper has drawn with the epoch: it travels as a parameter and never in a text, which others could
// read. Pure: text only.

#include <cstdint>
#include <string>
#include <string_view>

namespace pgpool::markers {

inline constexpr std::string_view kSchema = "pgpool_replication";
inline constexpr int kVersion = 5;  // of the objects; pgpool_replication.version() returns it

// Parameters: slot int4, seq int8, epoch int8, redo bytea, token int8. One row of one int8: the answer of
// that epoch; NULL if the epoch or the token is another, or if there is no such slot, or if it has this seq
// or a higher one.
inline constexpr std::string_view kMark = "SELECT pgpool_replication.mark($1,$2,$3,$4,$5)";

// Waits a moment for all transactions that have marked; 55P03: some still have not ended. Parameter: token
// int8, else it does nothing.
inline constexpr std::string_view kSettle = "SELECT pgpool_replication.settle($1)";

// Parameters: token int8, bool. From there on triggers of users and foreign keys are kept quiet, or are not
// any more, until the transaction ends at the latest. An error if the token is another.
inline constexpr std::string_view kKeepQuiet = "SELECT pgpool_replication.keep_quiet($1,$2)";

// SQLSTATE of the notices by which pgpool_replication.tell() tells what main has filled in.
inline constexpr std::string_view kFilled = "PGPCV";

// With the token first, as all that has an effect; an error if it is another.
inline constexpr std::string_view kMove =  // a sequence to where it is on main
    "SELECT pgpool_replication.move($1,$2::pg_catalog.text::pg_catalog.regclass,$3,$4)";
inline constexpr std::string_view kAdvance =  // the sequence of a column to what was drawn from it
    "SELECT pgpool_replication.advance($1,$2::pg_catalog.text::pg_catalog.regclass,$3,$4)";
// The names of tables that are written, and of those that are only read: see replication::array_of().
inline constexpr std::string_view kLockTables =
    "SELECT pgpool_replication.lock_tables($1,$2::pg_catalog.text[]::pg_catalog.regclass[],"
    "$3::pg_catalog.text[]::pg_catalog.regclass[])";

// The names of materialized views: what they read is locked.
inline constexpr std::string_view kLockSources =
    "SELECT pgpool_replication.lock_sources($1,$2::pg_catalog.text[]::pg_catalog.regclass[])";

// One of these four. A redo has them with the token of its time: a superuser does them again.
[[nodiscard]] bool needs_token(std::string_view statement);

// Makes or completes the objects in one database; may be run again, and read by an administrator. REQUIRES: a
// superuser or the owner of the database runs it.
[[nodiscard]] std::string setup_sql(std::uint32_t slots);

}  // namespace pgpool::markers
