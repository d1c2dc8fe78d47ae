// SPDX-License-Identifier: PostgreSQL
#pragma once

// SHOW POOL_POOLS and POOL_PROCESSES, with the columns of pgpool-II (docs/show.md says what corresponds to
// what). Addresses of clients of other users are for administrators. Pure.

#include "proxy/admin/reports.h"

namespace pgpool::admin {

[[nodiscard]] exec::OwnResult pool_pools(const Context& context, const Reports& reports);
[[nodiscard]] exec::OwnResult pool_processes(const Context& context, const Reports& reports);

}  // namespace pgpool::admin
