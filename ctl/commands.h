// SPDX-License-Identifier: PostgreSQL
#pragma once

// The commands. Each prints its answer on standard output, as text or as JSON.

#include <string>

#include "common/config/config.h"
#include "ctl/options.h"
#include "ctl/outcome.h"

namespace pgpool::ctl {

// A node's name that the file does not have is a slip of the keyboard: nobody is asked.
[[nodiscard]] Outcome<std::string> checked_name(const config::Config& config, const std::string& name);

[[nodiscard]] Outcome<ExitCode> run_nodes(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_show(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_attach(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_detach(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_check_nodes(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_prepare_nodes(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_verify(const config::Config& config, const Options& options);

[[nodiscard]] Outcome<ExitCode> run_status(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_why(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_log(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_fsm(const Options& options);
[[nodiscard]] Outcome<ExitCode> run_switchover(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_promote(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_maintenance(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_pause(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_resume(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_vip(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_lease(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_reload(const config::Config& config, const Options& options);

[[nodiscard]] Outcome<ExitCode> run_setup(const config::Config& config, const Options& options);
[[nodiscard]] Outcome<ExitCode> run_doctor(const config::Config& config, const Options& options);

}  // namespace pgpool::ctl
