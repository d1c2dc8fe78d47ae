// SPDX-License-Identifier: PostgreSQL
#include "ctl/node_access.h"

#include <algorithm>

namespace pgpool::ctl {

pg::ClientResult<pg::Client> connect_node(const config::Config& config, const config::Node& node,
                                          const std::string& database, pg::SessionSettings settings) {
    const pg::ConnectParams params{
        node.host, node.port,    {},      config.health.user, config.health.password,
        database,  "pgpool-ctl", settings};
    // A node that is busy with us may take longer to fork than a probe would wait.
    const auto patience = std::max<milliseconds>(config.health.timeout, seconds(5));
    return pg::Client::connect(params, SteadyClock::now() + patience, nullptr);
}

}  // namespace pgpool::ctl
