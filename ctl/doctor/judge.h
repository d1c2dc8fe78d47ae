// SPDX-License-Identifier: PostgreSQL
#pragma once

// Judges what doctor has looked at. Pure.

#include "common/config/config.h"
#include "ctl/doctor/facts.h"
#include "ctl/doctor/finding.h"
#include "ctl/setup/survival.h"

namespace pgpool::ctl {

// PostgreSQL from which on roles that are no superuser may be let use ALTER SYSTEM: GRANT ... ON PARAMETER.
inline constexpr int kGrantableVersion = 150000;

[[nodiscard]] Finding judge_unit(const UnitFacts& unit);

// `name`: of this member.
[[nodiscard]] Finding judge_name(const std::string& name, const config::Watchdog& watchdog);

// The configuration file holds passwords.
[[nodiscard]] Finding judge_configuration(const FileFacts& file);

[[nodiscard]] Findings judge_corosync(const CorosyncFacts& corosync, const config::Watchdog& watchdog);

// `programs`: that should be on the bus. Also what the watchdog says of the cluster: its phase, and who is
// out.
[[nodiscard]] Findings judge_hub(const HubFacts& hub, const std::vector<std::string>& programs);

// Each for itself, and all beside each other. `primary`: by the word of the watchdog; empty: it has none.
[[nodiscard]] Findings judge_nodes(const std::vector<NodeLook>& nodes, const config::Config& config,
                                   const std::string& primary);

[[nodiscard]] Findings judge_hooks(const std::vector<HookFacts>& hooks);

[[nodiscard]] Findings judge_survival(const Survival& survival);

[[nodiscard]] Findings judge_vip(const std::vector<InterfaceFacts>& interfaces);

// Whether a program that runs has the capabilities that it needs, and no more than it may have.
[[nodiscard]] Finding judge_privileges(const std::string& program, const Privileges& privileges);

}  // namespace pgpool::ctl
