// SPDX-License-Identifier: PostgreSQL
#pragma once

// What who was refused can do instead: one table for all reasons.

#include <string_view>

namespace pgpool::replication {

// For the HINT, a sentence; empty: nothing is known to help.
[[nodiscard]] std::string_view way_out(std::string_view reason);

}  // namespace pgpool::replication
