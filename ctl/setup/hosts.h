// SPDX-License-Identifier: PostgreSQL
#pragma once

// Looks up the hosts of members and nodes, so that two names of one host are known as one.

#include "common/config/config.h"
#include "ctl/setup/survival.h"

namespace pgpool::ctl {

// Each name -> its first address; names that do not resolve, and directories of sockets, are left as they
// are. May wait for a name server.
[[nodiscard]] Hosts hosts_of(const config::Config& config);

}  // namespace pgpool::ctl
