// SPDX-License-Identifier: PostgreSQL
#pragma once

// The bus of the member that this program belongs to, by its configuration: the same for the hub and all of
// its clients. Threads: any.

#include <string>

#include "common/base/error.h"
#include "common/config/config.h"
#include "common/ipc/trust.h"

namespace pgpool::ipc {

// watchdog.name, or the name of the host.
[[nodiscard]] std::string member_name(const config::Watchdog& watchdog);

struct MemberBus {
    std::string service;
    Trust trust;
};

// An error: the name of the member cannot be that of a hub, or there is no such group.
[[nodiscard]] Result<MemberBus> bus_of(const config::Watchdog& watchdog);

}  // namespace pgpool::ipc
