// SPDX-License-Identifier: PostgreSQL
#pragma once

// Trust: which processes of this host may take part in the bus, by the credentials that the kernel vouches
// for. Both ends ask it: the hub when a client connects, the client when it has found somebody under the
// hub's name.
//
// Credentials are the real uid and gid (unix(7), SCM_CREDENTIALS). Supplementary groups do not show: a
// program that is to be let in by the common group has it as its primary one (Group= of its unit).

#include <sys/types.h>

#include <optional>
#include <string>

namespace pgpool::ipc {

struct Credentials {
    pid_t pid = 0;
    uid_t uid = 0;
    gid_t gid = 0;
    friend bool operator==(const Credentials&, const Credentials&) = default;
};

struct Trust {
    uid_t own = 0;                    // our own uid is trusted, and root
    std::optional<gid_t> group = {};  // and every member of this group

    [[nodiscard]] bool admits(const Credentials& who) const;

    // Own uid of this process and `group`, but never the group of root: everybody's helpers run in it.
    [[nodiscard]] static Trust of_this_process(std::optional<gid_t> group);
};

// "pid 4711, uid 1000, gid 1000"
[[nodiscard]] std::string to_string(const Credentials& who);

}  // namespace pgpool::ipc
