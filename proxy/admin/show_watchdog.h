// SPDX-License-Identifier: PostgreSQL
#pragma once

// SHOW POOL_WATCHDOG. Pure but for the context.

#include "proxy/admin/reports.h"

namespace pgpool::admin {

// One row: who decides about the roles of nodes, the decision in force, and the state of the bus.
[[nodiscard]] exec::OwnResult pool_watchdog(const Context& context);

}  // namespace pgpool::admin
