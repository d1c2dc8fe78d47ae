// SPDX-License-Identifier: PostgreSQL
#include "ctl/node_access.h"

#include <algorithm>

#include "common/pg/own_session.h"

namespace pgpool::ctl {

pg::ClientResult<pg::Client> connect_node(const config::Config& config, const config::Node& node,
                                          const std::string& database, pg::SessionSettings settings) {
    pg::ConnectParams params =
        pg::own_params(node, pg::own_login(config.health, pg::OwnSession::Ctl, database));
    params.settings = settings;
    // A node that is busy with us may take longer to fork than a probe would wait.
    const auto patience = std::max<milliseconds>(config.health.timeout, seconds(5));
    return pg::Client::connect(params, SteadyClock::now() + patience, nullptr);
}

}  // namespace pgpool::ctl
