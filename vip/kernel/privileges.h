// SPDX-License-Identifier: PostgreSQL
#pragma once

// The privileges of pgpool-vip: addresses and sockets of the network (CAP_NET_ADMIN) and raw frames
// (CAP_NET_RAW), nothing else, whoever starts it.

#include <sys/types.h>

#include <optional>

#include "common/base/error.h"

namespace pgpool::vip {

struct User {
    uid_t uid = 0;
    gid_t gid = 0;
};

// The user of this name, with another primary group.
[[nodiscard]] Result<User> find_user(const std::string& name, gid_t group);

// Gives up every capability but those two, for ever: in the bounding set too, where that is allowed, and with
// no_new_privs, so that no program that is executed gets more. An error if one of the two is missing.
// With `user` it becomes that one, which takes root, without further groups. Call it before any thread is
// started: capabilities belong to threads.
[[nodiscard]] Result<void> keep_network_privileges(const std::optional<User>& user = std::nullopt);

// Gives up all of them, for commands that only look.
[[nodiscard]] Result<void> give_up_privileges();

}  // namespace pgpool::vip
