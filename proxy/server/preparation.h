// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a start needs beyond a valid configuration: the users file, addresses to listen on, directories.
// `--check` and the start ask for it alike, so --check finds what a start would refuse, all but a port that
// is taken. Blocks: files and name resolution.

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "common/base/error.h"
#include "common/config/config.h"
#include "common/ipc/member_bus.h"
#include "common/net/socket.h"
#include "proxy/session/shared.h"

namespace pgpool::server {

struct Preparation {
    session::AuthTablesPtr auth_tables;
    std::vector<net::Address> addresses;  // to listen on
    std::optional<ipc::MemberBus> bus;    // watchdog.enabled
};

// Everything that a start would refuse.
struct Refusal {
    std::vector<std::string> reasons;  // one text each
    bool may_pass = true;              // nothing but names that do not resolve now
};
[[nodiscard]] tl::expected<Preparation, Refusal> prepare(const config::Config& config);

// The users file, read, and the access list, compiled. Logs a warning of what is no error and yet hardly
// meant.
[[nodiscard]] Result<session::AuthTablesPtr> load_auth(const config::Config& config);

}  // namespace pgpool::server
