// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a node has missed is done again there: the redo of one transaction, as its user and under its
// settings, in one transaction together with its mark. Blocks, with bounds.
//
// Whoever holds locks that it needs cannot commit any more, since the epoch was raised: those sessions are
// ended, first the ones that have written, then all that are within a transaction in that database.

#include <cstdint>
#include <string>

#include "common/markers/repair_plan.h"
#include "proxy/keeper/node_access.h"

namespace pgpool::keeper {

struct FoundRedo {
    std::string bytes;  // as the server writes a bytea: \x and hexadecimal digits
    std::string owner;  // the user in whose session the mark was made
};
[[nodiscard]] pg::ClientResult<FoundRedo> read_redo(NodeAccess& node, const markers::Repair& repair);

// ENSURES: on success the node has the transaction, on failure nothing of it. REQUIRES: `epoch` is that of
// the node's slots.
[[nodiscard]] pg::ClientResult<void> run_redo(NodeAccess& node, const markers::Repair& repair,
                                              const FoundRedo& redo, std::uint64_t epoch);

}  // namespace pgpool::keeper
