// SPDX-License-Identifier: PostgreSQL
#pragma once

// Wait graph: transactions of the proxy that wait for each other at several nodes, so that each PostgreSQL
// sees only a part of the cycle.
//
// A transaction waits for another if any of its backends is blocked by one of the other's: it cannot go on
// before all its nodes have answered. Backends that belong to no session of the proxy count as transactions
// that nobody here can end. A set of transactions that wait for each other within one node only is left to
// that node's own deadlock check. Strongly connected components: Tarjan 1972. Pure.

#include <cstdint>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace pgpool::replication {

// By its process id; or what one has prepared there, which needs it no more, by its sequence number: that is
// larger than any process id.
struct Backend {
    NodeId node;
    std::uint64_t number = 0;
    friend auto operator<=>(const Backend&, const Backend&) = default;
};

struct TransactionId {
    TimePoint began;
    std::uint64_t session = 0;
    friend auto operator<=>(const TransactionId&, const TransactionId&) = default;
};

enum class Fate : std::uint8_t {
    MustStay,   // it cannot be chosen: nobody could undo it, or tell its client
    MayEnd,     // it can
    RollsBack,  // as its client wishes: chosen before others
    Ending,     // it was chosen: whoever waits for it does not wait for long
};

// A transaction, or a read outside of one, and where it runs.
struct Participant {
    TransactionId id;
    Fate fate = Fate::MustStay;
    std::vector<Backend> backends;
};

// What a node tells of one backend that waits for a lock; all at that node.
struct LockWait {
    Backend waiter;
    std::vector<std::uint64_t> blockers;
};

struct Deadlock {
    TransactionId victim;                // among those that may be ended the one that began last
    std::vector<TransactionId> members;  // all of the proxy's, in order
    friend bool operator==(const Deadlock&, const Deadlock&) = default;
};

// Cycles through several nodes; without those in which nobody may be ended.
[[nodiscard]] std::vector<Deadlock> find_deadlocks(const std::vector<Participant>& participants,
                                                   const std::vector<LockWait>& waits);

}  // namespace pgpool::replication
