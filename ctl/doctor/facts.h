// SPDX-License-Identifier: PostgreSQL
#pragma once

// What doctor looks at, before it is judged. Pure values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ctl/output.h"

namespace pgpool::ctl {

// systemctl show
struct UnitFacts {
    std::string unit;
    std::string load;     // loaded, not-found, masked
    std::string active;   // active, inactive, failed
    std::string enabled;  // enabled, disabled, static
    int pid = 0;          // 0: it does not run
};

struct FileFacts {
    std::string path;
    std::optional<std::string> text;  // none: it is not there, or cannot be read
    std::string error;                // why
    unsigned mode = 0;
};

struct CorosyncFacts {
    bool is_installed = true;
    bool answers = false;
    bool is_quorate = false;
    std::string output;  // of its tool, where it does not answer
    FileFacts conf;
    FileFacts uidgid;
    FileFacts key;  // its text is not read
};

// What this member's watchdog tells.
struct HubFacts {
    std::optional<Json> status;  // none: it does not answer
    std::string error;
    std::string hint;
};

struct NodeLook {
    std::string name;
    std::string error;  // empty: it was reached, and the rest is known
    int version = 0;    // 150008
    bool is_standby = false;
    bool is_superuser = false;
    double clock_ahead = 0;          // seconds, of ours
    std::string idle_timeout = "0";  // idle_session_timeout of a login, as PostgreSQL shows it; 0: none
    std::string sync_names;          // synchronous_standby_names
    std::string sync_commit;         // synchronous_commit, of a login
    std::string missing_for_lease;   // grants; empty: none
    std::string missing_for_orders;  // the same
};

// Of a process, as /proc has it.
struct Privileges {
    unsigned user = 0;            // effective
    std::uint64_t effective = 0;  // capabilities
};

// Of a command of `hooks`.
struct HookFacts {
    std::string parameter;  // hooks.failover
    std::string program;
    std::string error;  // why it could not be started; empty: it could
};

struct InterfaceFacts {
    std::string interface;
    std::string address;
    bool is_there = false;
};

}  // namespace pgpool::ctl
