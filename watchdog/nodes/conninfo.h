// SPDX-License-Identifier: PostgreSQL
#pragma once

// Connection strings of libpq (primary_conninfo), by libpq's own parser. No IO.

#include <map>
#include <string>

#include "common/config/config.h"

namespace pgpool::nodes {

// Keyword -> value, of what is set. Empty if libpq does not take it.
using Conninfo = std::map<std::string, std::string>;
[[nodiscard]] Conninfo parse_conninfo(const std::string& text);
[[nodiscard]] std::string to_text(const Conninfo& conninfo);

// For a standby named `standby` to follow `upstream`: as `before`, where that is known, so that what the
// operator has set stays (TLS, passwords, time-outs); else with the login that the watchdog has itself.
[[nodiscard]] std::string follow_conninfo(const std::string& before, const config::Node& upstream,
                                          const std::string& standby, const config::Health& login);

}  // namespace pgpool::nodes
