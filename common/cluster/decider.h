// SPDX-License-Identifier: PostgreSQL
#pragma once

// Decider: who decides in mode replication which nodes are in. The data plane tells it what it saw; the
// decision comes back as the next Topology, with a higher epoch. Threads: any; no member ever waits.

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/error.h"
#include "common/base/ids.h"

namespace pgpool::cluster {

// Who says that a node that is to be attached holds the same data as the others.
enum class Proof : std::uint8_t { None, Operator };

// What somebody has seen of a node that failed him, from bad to worse.
enum class Sign : std::uint8_t {
    Doubtful,  // a connection ended, or a commit failed: it may be well, and is taken out if it is not
    Gone,      // it does not answer: it is taken out
    Unequal,   // it may hold something else than the others, and no marker tells what: it is taken out
               // whatever has become of the membership since
};

class Decider {
public:
    // What came of it, in words; called once, on any thread.
    using Done = std::function<void(Result<std::string>)>;

    Decider() = default;
    Decider(const Decider&) = delete;
    Decider& operator=(const Decider&) = delete;
    virtual ~Decider() = default;

    // A session lost its connection to this node, or waits for its answer for too long, in a transaction that
    // was begun under the topology of `seen_epoch`. Nothing happens if a later epoch is in force already (but
    // for Sign::Unequal: no epoch makes equal what has no marker), or if no other node is in; otherwise the
    // node is taken out, or, where that is doubtful, made equal to main by the markers under a higher epoch.
    // Repeating it is cheap. REQUIRES: if the transaction may have committed on some nodes only, its slot is
    // not used again until a topology with a higher epoch, or with one node, is there: only the last
    // transaction of a slot can be repaired.
    virtual void report(NodeId node, std::uint64_t seen_epoch, Sign sign, std::string reason) = 0;

    // A mark was refused under `seen_epoch`, the epoch in force: a database may have got its markers since
    // that was raised. Then it gets that epoch too. Repeating it is cheap.
    virtual void mark_refused(std::uint64_t seen_epoch) = 0;

    // A transaction that was begun under `seen_epoch` and did not commit may be left prepared on a node (the
    // connection to it was lost): it is found and ended there, by a topology with a higher epoch. Nothing
    // happens if a later epoch is in force already. REQUIRES: its slot is not used again before.
    virtual void prepared_left(std::uint64_t seen_epoch) = 0;

    virtual void attach(std::string name, Proof proof, Done done) = 0;
    virtual void detach(std::string name, std::string reason, Done done) = 0;
};

}  // namespace pgpool::cluster
