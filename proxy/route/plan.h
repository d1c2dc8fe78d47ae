// SPDX-License-Identifier: PostgreSQL
#pragma once

// ExecutionPlan: where and how one request is served. A value without sockets; printable.

#include <cstdint>
#include <limits>
#include <string>
#include <variant>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/cluster/topology.h"

namespace pgpool::route {

// The primary is a role, resolved when a server connection is taken: a request parked while there is none
// follows the new one.
struct Target {
    enum class Kind : std::uint8_t { Primary, Node };
    Kind kind = Kind::Primary;
    NodeId node;  // Kind::Node only

    [[nodiscard]] static Target primary() { return {}; }
    [[nodiscard]] static Target at(NodeId node) { return {Kind::Node, node}; }
    [[nodiscard]] bool is_primary() const { return kind == Kind::Primary; }
    friend bool operator==(const Target&, const Target&) = default;
};

// A set of nodes without memory of its own. Nodes with ids from 64 up are never in it.
struct NodeSet {
    std::uint64_t bits = 0;

    void add(NodeId node) {
        if (node.value < 64) bits |= std::uint64_t{1} << node.value;
    }
    [[nodiscard]] bool contains(NodeId node) const {
        return node.value < 64 && (bits >> node.value & 1U) != 0;
    }
    [[nodiscard]] bool empty() const { return bits == 0; }
    friend bool operator==(const NodeSet&, const NodeSet&) = default;
};

// Why the target was chosen; why a request counts as a write is in the Verdict.
enum class Why : std::uint8_t {
    Bound,                // the open transaction or the pinned connection is there
    Write,                // by its verdict
    SplitOff,             // routing.read_write_split is off
    InTransaction,        // an explicit transaction that may write
    Serializable,         // standbys cannot do SERIALIZABLE
    ReadOnlyTransaction,  // the whole of a BEGIN READ ONLY transaction goes there
    Hint,
    Rule,
    SessionChoice,  // balance: session
    Balanced,
    PrimaryOnly,  // SessionRoute::primary_only
    LeavesState,  // session state may stay behind, which must not be at a standby
    NoStandby,    // no standby is up, fresh and has weight
    NotCaughtUp   // no standby has replayed what this session must see
};

// For how long the shell keeps to the target.
enum class Stick : std::uint8_t {
    Request,
    Transaction,  // SessionRoute::bound until the transaction ends
    Session       // SessionRoute::chosen
};

struct Forward {
    Target target;
    Why why = Why::Write;
    Stick stick = Stick::Request;
    bool retryable =
        false;  // on 25006, 40001 or a lost node before a row was delivered: repeat on the primary
    friend bool operator==(const Forward&, const Forward&) = default;
};

// Of a write whose position no probe has told yet: beyond every position that a node can have.
inline constexpr Lsn kPositionUnknown{std::numeric_limits<std::uint64_t>::max()};

// No eligible standby has replayed `lsn`. Wait until one of `nodes` has, then plan again; after `at_most`
// plan with SessionRoute::waited set, which gives the primary.
struct WaitForReplay {
    NodeSet nodes;
    Lsn lsn;
    milliseconds at_most{0};
    friend bool operator==(const WaitForReplay&, const WaitForReplay&) = default;
};

// Answered without a server.
struct Local {
    enum class What : std::uint8_t {
        EmptyQuery,  // EmptyQueryResponse
        Begin,       // kept, and sent with the first statement of the transaction
        EndUnsent,   // COMMIT or ROLLBACK of a transaction of which nothing was sent
        Own,         // StatementInfo says which command
    };
    What what = What::EmptyQuery;
    friend bool operator==(const Local&, const Local&) = default;
};

struct Refuse {
    SqlState sqlstate;
    std::string message;
    friend bool operator==(const Refuse&, const Refuse&) = default;
};

using ExecutionPlan = std::variant<Forward, WaitForReplay, Local, Refuse>;

[[nodiscard]] const char* to_string(Why why);
[[nodiscard]] const char* to_string(Local::What what);
// "forward standby1: balanced", "wait for 0/3000060 on standby1,standby2 up to 100 ms"
[[nodiscard]] std::string describe(const ExecutionPlan& plan, const cluster::Topology& topology);

}  // namespace pgpool::route
