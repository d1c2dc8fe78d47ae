// SPDX-License-Identifier: PostgreSQL
#pragma once

// The commands. Each prints its answer on standard output, as text or as JSON.

#include "common/config/config.h"
#include "ctl/options.h"
#include "ctl/outcome.h"

namespace pgpool::ctl {

[[nodiscard]] Outcome<ExitCode> run_nodes(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_show(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_attach(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_detach(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_check_nodes(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_prepare_nodes(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_verify(const config::Config& config, const Options& options);

}  // namespace pgpool::ctl
