// SPDX-License-Identifier: PostgreSQL
#pragma once

// Looks whether a program could be started by its name. Asks the file system; any thread.

#include <string>

namespace pgpool {

// Why not; empty: a file of that name is there, in PATH if the name has no slash, and somebody may execute
// it.
[[nodiscard]] std::string why_not_startable(const std::string& name);

}  // namespace pgpool
