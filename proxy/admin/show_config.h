// SPDX-License-Identifier: PostgreSQL
#pragma once

// The configuration in force: SHOW POOL_STATUS and PGPOOL SHOW as pgpool-II shows it, SHOW CONFIG as
// pgbouncer does. Secrets are masked. Pure.

#include <string_view>

#include "common/base/error.h"
#include "common/config/config.h"
#include "proxy/exec/own_result.h"

namespace pgpool::admin {

[[nodiscard]] exec::OwnResult pool_status(const config::Config& config);
[[nodiscard]] exec::OwnResult console_config(const config::Config& config);
// One parameter, a column of its name; 42704 for an unknown one.
[[nodiscard]] Result<exec::OwnResult> parameter(const config::Config& config, std::string_view name);

}  // namespace pgpool::admin
