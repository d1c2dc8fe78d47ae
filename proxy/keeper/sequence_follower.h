// SPDX-License-Identifier: PostgreSQL
#pragma once

// SequenceFollower: brings the sequences of the other nodes forward to where main's are.
//
// What a committed transaction has drawn they have before it commits. But main's also move for what was not
// kept: rows that were not inserted, transactions that were rolled back, values that a session has cached.
// Nobody was promised those; without this the nodes would only look different for ever. Forward only: what
// others set back meanwhile stays so: main's is read while nobody else can move that of the other node.
// Threads: public members from any thread; `due` and `again` are called on a thread of its own.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/cluster/topology.h"
#include "common/config/config.h"

namespace pgpool::keeper {

class SequenceFollower {
public:
    using Topology = std::function<cluster::TopologyPtr()>;
    using Due = std::function<std::vector<std::string>(TimePoint now)>;  // databases to look at; taken
    using Again = std::function<void(const std::string& database, TimePoint at)>;

    SequenceFollower(config::ConfigPtr config, Topology topology, Due due, Again again);
    ~SequenceFollower();  // stops
    SequenceFollower(const SequenceFollower&) = delete;
    SequenceFollower& operator=(const SequenceFollower&) = delete;

    void start();
    void stop();
    void reload(config::ConfigPtr config);

private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace pgpool::keeper
