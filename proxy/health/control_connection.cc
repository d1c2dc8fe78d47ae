// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/control_connection.h"

#include <utility>

namespace pgpool::health {

pg::ClientResult<pg::Client*> ControlConnection::open(const cluster::Topology& topology,
                                                      const pg::OwnLogin& login, TimePoint deadline) {
    const cluster::NodeStatus* node = topology.primary_or_standby();
    if (node == nullptr) {
        client_.reset();
        return tl::unexpected(pg::ClientError{cluster::Reach::Unreachable, sqlstate::kCannotConnect,
                                              "no PostgreSQL node is up"});
    }
    if (client_ && node_ == node->id && login_ == login && client_->check_idle()) return &*client_;
    client_.reset();
    auto client = pg::Client::connect(pg::own_params(*node, login), deadline, &stop_);
    if (!client) return tl::unexpected(client.error());
    client_ = std::move(*client);
    node_ = node->id;
    login_ = login;
    return &*client_;
}

}  // namespace pgpool::health
