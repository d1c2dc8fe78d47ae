// SPDX-License-Identifier: PostgreSQL
#pragma once

// A file of connections, as the command `clients` prints them: lines `own client`, e.g. `10.0.0.100:5432
// 10.0.0.9:40000`. Empty lines, and what follows a `#`, are passed over.

#include <vector>

#include "vip/packet/tickle.h"

namespace pgpool::vip {

[[nodiscard]] Result<std::vector<Connection>> parse_clients(std::string_view text);
[[nodiscard]] Result<std::vector<Connection>> read_clients(const std::string& path);

}  // namespace pgpool::vip
