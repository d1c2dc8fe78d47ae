// SPDX-License-Identifier: PostgreSQL
#pragma once

// ControlConnection: one libpq connection to the primary, or to any node that is up while there is none.
//
// It follows the topology: when another node is the better one it connects there. Threads: one at a time.

#include <atomic>
#include <optional>

#include "common/base/clock.h"
#include "common/cluster/topology.h"
#include "common/pg/client.h"
#include "common/pg/own_session.h"

namespace pgpool::health {

class ControlConnection {
public:
    // `stop` outlives this.
    explicit ControlConnection(const std::atomic<bool>& stop) : stop_(stop) {}

    // A usable connection with these credentials; kept open from before where possible. The pointer is valid
    // until the next call of open() or close().
    [[nodiscard]] pg::ClientResult<pg::Client*> open(const cluster::Topology& topology,
                                                     const pg::OwnLogin& login, TimePoint deadline);
    void close() { client_.reset(); }
    [[nodiscard]] bool is_open() const { return client_.has_value(); }

private:
    const std::atomic<bool>& stop_;
    std::optional<pg::Client> client_;
    NodeId node_;
    pg::OwnLogin login_;
};

}  // namespace pgpool::health
