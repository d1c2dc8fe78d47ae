// SPDX-License-Identifier: PostgreSQL
#pragma once

// SHOW POOL_NODES, POOL_BACKEND_STATS and POOL_HEALTH_CHECK_STATS, with the columns of pgpool-II. Pure.

#include "proxy/admin/reports.h"

namespace pgpool::admin {

[[nodiscard]] exec::OwnResult pool_nodes(const Context& context);
[[nodiscard]] exec::OwnResult pool_backend_stats(const Context& context);
[[nodiscard]] exec::OwnResult pool_health_check_stats(const Context& context);

}  // namespace pgpool::admin
