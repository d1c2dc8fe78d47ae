// SPDX-License-Identifier: PostgreSQL
#pragma once

// attach and detach by the watchdog.

#include "common/config/config.h"
#include "ctl/options.h"

namespace pgpool::ctl {

// Else the proxy does it: there is no watchdog, or it is mode replication, where the proxies keep who is in.
[[nodiscard]] bool is_watchdogs_to_attach(const config::Config& config);

[[nodiscard]] Outcome<ExitCode> attach_by_watchdog(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> detach_by_watchdog(const config::Config& config, const Options& options);

}  // namespace pgpool::ctl
