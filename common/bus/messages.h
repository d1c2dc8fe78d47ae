// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the daemons of one appliance member tell each other over the bus (docs/adr/0018-bus.md). The watchdog
// is the hub; the proxy, the manager of the virtual IP, the recovery agent and pgpool-ctl are its clients.
// Pure values.
//
// Bytes: codec.h. Field order and limits: fields.h. Rules for a change:
//   * a field is added at the end of its message or record, and has a value that says "not told";
//   * a number of an enumerator, a Type or a field is never used for something else;
//   * enumerators that a reader does not know become the one with number 0, which must be the harmless one.
// Deadlines are nanoseconds on CLOCK_BOOTTIME of this host, which all programs of a member share.

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/bus/version.h"

namespace pgpool::bus {

// A part of something too long for one message: number `index` of `count`.
struct Page {
    std::uint16_t index = 0;
    std::uint16_t count = 1;
    friend bool operator==(const Page&, const Page&) = default;
};

// client -> hub, the first message of a connection. The place of `version` never changes.
struct Hello {
    Version version = kVersion;
    std::string program = {};       // pgpool-proxy
    std::string instance = {};      // of the configuration file, where one host runs several
    std::uint32_t pid = 0;          // the hub goes by the kernel's
    std::uint64_t incarnation = 0;  // differs between two lives of the program, also if the pid is the same
    friend bool operator==(const Hello&, const Hello&) = default;
};

// hub -> client, the answer to Hello: from now on both may send.
struct Welcome {
    Version version = kVersion;
    std::string program = {};
    std::string member = {};  // name of this appliance member
    std::uint32_t pid = 0;
    std::uint64_t incarnation = 0;
    friend bool operator==(const Welcome&, const Welcome&) = default;
};

// hub -> client, the other answer to Hello: the client is to close the connection.
struct Refusal {
    Version version = kVersion;
    std::string reason = {};  // and what to do
    friend bool operator==(const Refusal&, const Refusal&) = default;
};

enum class Suspicion : std::uint8_t {
    Doubtful = 0,  // it failed somebody, and may be well
    Gone = 1,      // it does not answer
    Unequal = 2,   // mode replication: it may hold something else than the others, for good
};

// Evidence is counted by class.
enum class FailureClass : std::uint8_t {
    Other = 0,
    Unresolved = 1,
    Refused = 2,
    Unreachable = 3,
    Timeout = 4,
    Auth = 5,
    Startup = 6,
    Query = 7,
    Replay = 8,  // of a standby: it does not go on
};

// proxy -> hub: a session or a probe saw a node fail, under the topology of `epoch`.
struct Observation {
    std::uint64_t epoch = 0;
    std::uint16_t node = 0;  // NodeId
    Suspicion suspicion = Suspicion::Doubtful;
    FailureClass failure = FailureClass::Other;
    std::string reason = {};
    friend bool operator==(const Observation&, const Observation&) = default;
};

enum class NodeRole : std::uint8_t { Unknown = 0, Primary = 1, Standby = 2, Replica = 3 };
enum class NodeState : std::uint8_t {
    Unknown = 0,
    Up = 1,
    Down = 2,
    Detached = 3,
    Recovering = 4,
    Parked = 5,  // of a primary whose role moves: what runs there ends, nothing begins
};

struct Node {
    std::uint16_t id = 0;  // NodeId
    std::string name = {};
    std::string host = {};
    std::uint16_t port = 0;
    NodeRole role = NodeRole::Unknown;
    NodeState state = NodeState::Unknown;
    std::string reason = {};  // of the state, for operators
    friend bool operator==(const Node&, const Node&) = default;
};

// hub -> all: the decided topology. A higher (epoch, revision) is newer. A proxy in mode replication, whose
// keeper decides who is in, tells the hub so: Primary is the main node, Detached who is out.
struct Topology {
    std::uint64_t epoch = 0;
    std::uint64_t revision = 0;
    Page page = {};
    std::vector<Node> nodes = {};
    friend bool operator==(const Topology&, const Topology&) = default;
};

// hub -> all, a few times a second while there is a holder: who may decide, and until when. Before that time
// nobody else orders a promotion (docs/adr/0023-proxy-and-lease.md). Nobody: `holder` is 0.
struct LeaseView {
    std::uint64_t epoch = 0;
    std::uint32_t holder = 0;  // number of the member in the membership
    std::string holder_name = {};
    std::int64_t deadline_ns = 0;
    friend bool operator==(const LeaseView&, const LeaseView&) = default;
};

// pgpool-ctl -> hub; `id` is the sender's and comes back in the Answer.
struct Command {
    std::uint64_t id = 0;
    std::string verb = {};
    std::vector<std::string> arguments = {};
    friend bool operator==(const Command&, const Command&) = default;
};

struct Answer {
    std::uint64_t id = 0;
    Page page = {};
    std::uint8_t exit_code = 0;  // of pgpool-ctl; 0: done
    std::string json = {};       // this page of it; may be cut within a character
    friend bool operator==(const Answer&, const Answer&) = default;
};

enum class VipPhase : std::uint8_t {
    Unknown = 0,
    Absent = 1,
    Probing = 2,
    Held = 3,
    Releasing = 4,
    Conflict = 5
};

// vip -> hub, on every change: one virtual address.
struct VipState {
    std::string address = {};
    std::string device = {};
    VipPhase phase = VipPhase::Unknown;
    std::uint64_t epoch = 0;  // of the order that it follows
    std::string reason = {};
    friend bool operator==(const VipState&, const VipState&) = default;
};

enum class VipVerb : std::uint8_t {
    None = 0,
    Take = 1,  // the network is asked first if somebody has the address
    Release = 2,
    TakeReleased = 3,  // nobody is asked: who held the addresses has confirmed that they are off (VipDone)
};

// hub -> vip: all addresses. A taking stands while the page of the lease (common/page) says that the lease of
// `epoch` is held or waited for, and is tried again until it works or another order comes; `deadline_ns` is
// that of the lease when the order was given, and need not be told anew. Each order is acknowledged with
// VipDone.
struct VipOrder {
    std::uint64_t id = 0;
    VipVerb verb = VipVerb::None;
    std::uint64_t epoch = 0;
    std::int64_t deadline_ns = 0;
    friend bool operator==(const VipOrder&, const VipOrder&) = default;
};

enum class Outcome : std::uint8_t { Failed = 0, Done = 1 };

// vip -> hub: the order of this id was carried out, or not. Done: all addresses are on their interfaces, or
// none is any more. Failed: one was not taken, and is tried again; or one could not be taken off, and ends
// with its lifetime; or another order came first.
struct VipDone {
    std::uint64_t id = 0;
    Outcome outcome = Outcome::Failed;
    std::string reason = {};
    friend bool operator==(const VipDone&, const VipDone&) = default;
};

enum class Family : std::uint8_t { None = 0, V4 = 4, V6 = 6 };

// Network byte order; of V4 the first four bytes count.
struct Endpoint {
    Family family = Family::None;
    std::array<std::uint8_t, 16> address{};
    std::uint16_t port = 0;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Connection {
    Endpoint client;
    Endpoint server;  // the virtual address
    friend bool operator==(const Connection&, const Connection&) = default;
};

// proxy -> hub: who is connected. hub -> other hubs, vip: who is to be tickled after a take-over, as who held
// the addresses last had them when it let go; each list replaces the one before.
struct ClientList {
    std::uint64_t revision = 0;
    Page page = {};
    std::vector<Connection> connections = {};
    friend bool operator==(const ClientList&, const ClientList&) = default;
};

enum class Severity : std::uint8_t { Debug = 0, Info = 1, Warning = 2, Error = 3 };

// Any client -> hub, hub -> pgpool-ctl: a line for `pgpool-ctl log`.
struct Event {
    std::int64_t at_ns = 0;  // CLOCK_REALTIME: for people, merged over members
    Severity severity = Severity::Info;
    std::string program = {};
    std::string line = {};  // event key=value …
    friend bool operator==(const Event&, const Event&) = default;
};

// proxy -> hub: under the topology (epoch, revision) that has a node Parked nothing begins there any more,
// and so many clients still have a transaction or a request under way. On every change; 0: all have ended.
struct Parked {
    std::uint64_t epoch = 0;
    std::uint64_t revision = 0;
    std::uint32_t clients_in_transaction = 0;
    friend bool operator==(const Parked&, const Parked&) = default;
};

// proxy, vip -> hub, every kAliveEvery: all threads that serve have turned lately. Who has said so once and
// does not any more stands still; of who never does, from before 1.2, nobody knows.
struct Alive {
    std::uint64_t count = 0;  // of this connection, for logs
    friend bool operator==(const Alive&, const Alive&) = default;
};
inline constexpr std::chrono::milliseconds kAliveEvery{250};

// In the order of their numbers on the wire, which begin with 1.
using Message = std::variant<Hello, Welcome, Refusal, Observation, Topology, LeaseView, Command, Answer,
                             VipState, VipOrder, VipDone, ClientList, Event, Parked, Alive>;

}  // namespace pgpool::bus
