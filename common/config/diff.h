// SPDX-License-Identifier: PostgreSQL
#pragma once

// A reload: what differs between the running configuration and a new file, what of it takes effect, and what
// is in force afterwards.

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/config/parameters.h"
#include "common/config/validate.h"

namespace pgpool::config {

struct Change {
    std::string
        parameter;  // "pool.size", "nodes[n2].weight", "nodes[n3]" (added or removed), "routing.rules"
    Reload reload = Reload::Restart;
    std::string before;  // as for people, secrets masked; empty: was not there
    std::string after;   // the same; empty: is not there any more
    friend bool operator==(const Change&, const Change&) = default;
};

// `pool.size: 20 -> 30 (live)`, `listen.port: 9999 -> 5433 (needs a restart; the old value stays in force)`
[[nodiscard]] std::string to_string(const Change& change);

// In the order of the table. A list with a key (nodes) is compared element by element, others as a whole.
[[nodiscard]] std::vector<Change> changes(const Config& running, const Config& wanted);

// The wanted configuration with what needs a restart as it is running.
[[nodiscard]] Config effective_config(const Config& running, const Config& wanted);

// `conflicts` is what does not fit together in `effective` although each file by itself is right (a second
// node while `mode: single` waits for a restart): then the reload must be refused as a whole.
struct ReloadPlan {
    std::vector<Change> changes;
    Config effective;
    std::vector<Finding> conflicts;
};
[[nodiscard]] ReloadPlan reload_plan(const Config& running, const Config& wanted);

}  // namespace pgpool::config
