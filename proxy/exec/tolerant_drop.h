// SPDX-License-Identifier: PostgreSQL
#pragma once

// DROP INDEX for nodes that may not have the index: what was built concurrently and failed, or was cancelled,
// leaves an invalid index on the node where it began alone. Pure.

#include <string>
#include <string_view>

namespace pgpool::exec {

// The text with IF EXISTS, if it is a DROP INDEX; else as it is. REQUIRES: one statement.
[[nodiscard]] std::string tolerant_drop(std::string_view sql);

}  // namespace pgpool::exec
