// SPDX-License-Identifier: PostgreSQL
#pragma once

// The part of the command line that concerns the watchdog, and the installation of a member.

#include "ctl/options.h"

namespace pgpool::ctl {

void declare_cluster_commands(CLI::App& app, Options& options);
void declare_installation_commands(CLI::App& app, Options& options);

}  // namespace pgpool::ctl
