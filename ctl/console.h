// SPDX-License-Identifier: PostgreSQL
#pragma once

// The admin console of the running proxy: where it is, and a command for it.

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/pg/client.h"
#include "ctl/options.h"
#include "ctl/outcome.h"

namespace pgpool::ctl {

// Hosts to try in this order: the UNIX socket's directory, then the addresses; for a wildcard the loopback.
[[nodiscard]] std::vector<std::string> console_hosts(const config::Listen& listen);

class Console {
public:
    // A proxy that does not run, or cannot be reached, and one that refuses the login are both Unreachable;
    // does_not_run() tells them apart.
    struct NoConsole {
        Failure failure;
        bool does_not_run = false;
    };
    [[nodiscard]] static tl::expected<Console, NoConsole> connect(const config::Config& config,
                                                                  const Options& options);

    // An error of the console is Differs: it refused.
    [[nodiscard]] Outcome<pg::Rows> run(const std::string& command);
    // SHOW <what>, or SHOW POOL_<what> where the console knows no such command.
    [[nodiscard]] Outcome<pg::Rows> show(const std::string& what);

private:
    explicit Console(pg::Client client) : client_(std::move(client)) {}
    [[nodiscard]] pg::ClientResult<pg::Rows> ask(const std::string& command);

    pg::Client client_;
};

}  // namespace pgpool::ctl
