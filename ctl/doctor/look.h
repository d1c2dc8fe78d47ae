// SPDX-License-Identifier: PostgreSQL
#pragma once

// Looks at this host and at the nodes. Each look is bounded in time.

#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "ctl/doctor/facts.h"

namespace pgpool::ctl {

// None: there is no systemd here.
[[nodiscard]] std::optional<std::vector<UnitFacts>> look_at_units(const std::vector<std::string>& units);

[[nodiscard]] FileFacts look_at_file(const std::string& path);

// `directory`: of its files.
[[nodiscard]] CorosyncFacts look_at_corosync(const std::string& directory);

[[nodiscard]] HubFacts look_at_hub(const config::Config& config);

[[nodiscard]] NodeLook look_at_node(const config::Config& config, const config::Node& node);

[[nodiscard]] std::vector<InterfaceFacts> look_at_interfaces(const config::Vip& vip);

[[nodiscard]] std::vector<HookFacts> look_at_hooks(const config::Hooks& hooks);

// None: it has ended.
[[nodiscard]] std::optional<Privileges> privileges_of(int pid);

}  // namespace pgpool::ctl
