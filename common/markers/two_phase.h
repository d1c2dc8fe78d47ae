// SPDX-License-Identifier: PostgreSQL
#pragma once

// Two-phase commit with the main node as last agent (docs/adr/0014): on the other nodes a transaction is
// prepared, under a name that tells its slot and its sequence number, before main commits it. Main's marker
// decides what becomes of it.
//
// Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/markers/repair_plan.h"

namespace pgpool::markers {

// In place of kMark on a node that prepares: instead of NULL it is an error, so that nothing is prepared that
// does not hold the row of its slot.
inline constexpr std::string_view kMustMark =
    "SELECT COALESCE(answer, (1 OPERATOR(pg_catalog./) CASE WHEN answer IS NULL THEN 0 ELSE 1 END)"
    "::pg_catalog.int8) FROM (SELECT pgpool_replication.mark($1,$2,$3,$4,$5) AS answer OFFSET 0) AS marked";
inline constexpr std::string_view kNotMarked = "22012";  // its SQLSTATE, division_by_zero

// Of what others have prepared none has such a name; a regular expression of PostgreSQL.
inline constexpr std::string_view kGidPattern = "^pgpool_[0-9]+_[0-9]+$";

// A transaction that was found prepared on a node.
struct Prepared {
    std::string database;
    std::int32_t slot = 0;
    std::int64_t sequence = 0;
    friend bool operator==(const Prepared&, const Prepared&) = default;
};

[[nodiscard]] std::string gid_of(std::uint64_t slot, std::uint64_t sequence);
[[nodiscard]] std::optional<Prepared> read_gid(std::string_view gid);  // without its database

enum class Fate : std::uint8_t {
    Commit,
    RollBack,
    Unknown,  // its slot had later transactions since: it was prepared while the node was not in
};

// Committed is what main has committed, and so what a node has in the slot now. REQUIRES: main can commit no
// transaction of that time any more; `nodes` are those that are in.
[[nodiscard]] Fate fate_of(const Prepared& prepared, const AllSequences& nodes);

}  // namespace pgpool::markers
