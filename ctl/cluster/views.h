// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the watchdog tells, for people. Its documents are described in common/bus/verbs.h. Pure.

#include <string>

#include "common/bus/messages.h"
#include "common/config/config.h"
#include "ctl/options.h"
#include "ctl/output.h"

namespace pgpool::ctl {

// One screen.
[[nodiscard]] std::string status_text(const Json& status);
// The newest last, as they came.
[[nodiscard]] std::string decisions_text(const Json& why);

// A line, as text or as JSON.
[[nodiscard]] std::string event_text(const bus::Event& event);
[[nodiscard]] Json event_json(const bus::Event& event);

// The transition table.
[[nodiscard]] std::string transitions_text(TableForm form);
[[nodiscard]] Json transitions_json();

// "0", "512 B", "3.4 MB": powers of 1024, as PostgreSQL counts them.
[[nodiscard]] std::string size_text(std::int64_t bytes);

}  // namespace pgpool::ctl
