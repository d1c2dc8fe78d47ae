// SPDX-License-Identifier: PostgreSQL
#pragma once

// SHOW POOLS, CLIENTS, SERVERS, STATS, DATABASES, USERS and CONFIG of the admin database, in the manner of
// pgbouncer: its column names where the thing is the same. Pure.

#include "proxy/admin/reports.h"

namespace pgpool::admin {

[[nodiscard]] exec::OwnResult console_pools(const Context& context, const Reports& reports);
[[nodiscard]] exec::OwnResult console_clients(const Context& context, const Reports& reports);
[[nodiscard]] exec::OwnResult console_servers(const Context& context, const Reports& reports);
[[nodiscard]] exec::OwnResult console_stats(const Context& context, const Reports& reports);
[[nodiscard]] exec::OwnResult console_databases(const Context& context, const Reports& reports);
[[nodiscard]] exec::OwnResult console_users(const Context& context, const Reports& reports);

}  // namespace pgpool::admin
