// SPDX-License-Identifier: PostgreSQL
#pragma once

// Config: the typed, immutable form of appliance.yaml. Which parameter is what, its range, default and reload
// class stand in one table, common/config/parameters.cc; adding a parameter is a row there and a field here.
//
// Units are in the types. A zero duration or limit means "none" where the table says so.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace pgpool::config {

enum class ClusterMode : std::uint8_t { Streaming, Single, Replication };
enum class Unsafe : std::uint8_t { Refuse, Warn, Allow };
enum class Commit : std::uint8_t { Ordered, Prepared, Auto };
enum class PoolMode : std::uint8_t { Auto, Session, Transaction };
enum class BalanceLevel : std::uint8_t { Session, Transaction, Statement };
enum class Consistency : std::uint8_t { Eventual, Session, Global };
enum class AuthMethod : std::uint8_t { Trust, Password, Md5, ScramSha256, Reject };
enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };
enum class TimerProfile : std::uint8_t { Fast, Default, Wan };
enum class Durability : std::uint8_t { Strict, Available };

struct Listen {
    std::vector<std::string> addresses{"127.0.0.1"};
    std::uint16_t port = 9999;
    std::string unix_socket_directory;  // empty: no UNIX socket
    std::uint32_t backlog = 1024;
    friend bool operator==(const Listen&, const Listen&) = default;
};

struct Node {
    std::string name;
    std::string host;
    std::uint16_t port = 5432;
    double weight = 1.0;  // share of reads; 0 = none
    friend bool operator==(const Node&, const Node&) = default;
};

struct Pool {
    PoolMode mode = PoolMode::Auto;
    std::uint32_t size = 20;                     // server connections per (user, database) and node
    std::uint32_t min_size = 0;                  // kept open per (user, database) once used
    std::uint32_t max_server_connections = 0;    // over all pools, per node; 0 = no limit
    std::uint32_t max_user_connections = 0;      // server connections per user and node; 0 = none
    std::uint32_t max_database_connections = 0;  // server connections per database and node; 0 = none
    milliseconds wait_timeout{30'000};           // in the queue for a server connection; then 53300
    milliseconds queue_notice{5'000};            // "You are queued" after this long; 0 = never
    milliseconds server_idle_timeout{600'000};
    milliseconds server_lifetime{3'600'000};
    milliseconds server_check_delay{30'000};  // idle longer than this: checked before use
    milliseconds connect_timeout{5'000};
    std::uint32_t prepared_statements = 200;  // per server connection, LRU
    friend bool operator==(const Pool&, const Pool&) = default;
};

struct Limits {
    std::uint32_t max_clients = 10'000;
    std::uint32_t max_clients_per_user = 0;      // 0 = none
    std::uint32_t max_clients_per_database = 0;  // 0 = none
    std::uint32_t max_logins = 10'000;           // connections that have not logged in yet
    milliseconds query_timeout{0};
    milliseconds idle_transaction_timeout{0};
    milliseconds client_idle_timeout{0};
    milliseconds login_timeout{60'000};
    milliseconds drain_timeout{60'000};  // SIGTERM: how long clients may finish
    friend bool operator==(const Limits&, const Limits&) = default;
};

// One routing rule; empty fields match everything; the first that matches counts.
struct RouteRule {
    std::string user;
    std::string database;
    std::string application_name;
    std::string target;  // "primary", "standby", "any" or the name of a node
    friend bool operator==(const RouteRule&, const RouteRule&) = default;
};

struct Routing {
    bool read_write_split = true;
    BalanceLevel balance = BalanceLevel::Statement;
    Consistency consistency = Consistency::Session;
    milliseconds consistency_wait{100};        // for a standby to catch up, then the primary
    std::uint64_t max_lag_bytes = 16U << 20U;  // standbys further behind get no reads; 0 = no bound
    milliseconds max_lag_time{10'000};         // the same in time; 0 = no bound
    bool primary_reads = true;                 // the primary takes its weighted share of reads
    std::vector<std::string>
        read_only_functions;                   // names or schema.name: never a write, leave nothing behind
    std::vector<std::string> write_functions;  // always a write
    std::vector<RouteRule> rules;
    milliseconds facts_refresh{60'000};
    std::uint32_t analysis_cache_entries = 10'000;  // per worker
    friend bool operator==(const Routing&, const Routing&) = default;
};

struct Health {
    milliseconds period{1'000};
    milliseconds timeout{2'000};
    std::uint32_t failures_to_down = 3;  // in a row; of refused connections two are enough
    std::string user = "postgres";
    std::string password;  // empty: none
    std::string database = "postgres";
    milliseconds failover_park_timeout{30'000};
    friend bool operator==(const Health&, const Health&) = default;
};

// Mode replication only.
struct Replication {
    std::string state_directory = "/var/lib/pgpool";  // which nodes are in, over restarts
    Unsafe unsafe_statements = Unsafe::Refuse;        // those that nodes may execute differently
    milliseconds stall_timeout{5'000};  // a node that owes an answer for longer, when others have it
    std::uint32_t slots = 512;          // transactions that commit at the same time, per database
    Commit commit = Commit::Auto;       // whether the other nodes prepare before the main node commits
    friend bool operator==(const Replication&, const Replication&) = default;
};

// An address that moves between members, and the interface that it is put on.
struct VipAddress {
    std::string address;  // 10.0.0.100, fd00::100; always alone in its prefix (/32, /128)
    std::string interface;
    friend bool operator==(const VipAddress&, const VipAddress&) = default;
};

struct Vip {
    std::vector<VipAddress> addresses;
    milliseconds lifetime{1'000};  // the kernel drops an address not refreshed for so long; whole seconds
    milliseconds refresh{250};     // between two refreshes
    std::uint32_t probes = 3;      // unanswered ones before an address is taken
    milliseconds probe_interval{50};
    milliseconds announce_period{60'000};  // once the first announcements are over
    friend bool operator==(const Vip&, const Vip&) = default;
};

struct Member {
    std::string name;
    std::string address;  // of the cluster network, where members talk to each other
    friend bool operator==(const Member&, const Member&) = default;
};

// Who decides about roles and virtual addresses, and how members know each other.
struct Watchdog {
    bool enabled = false;  // off: the proxy decides for itself, and there is no bus
    std::string name;      // of this member; empty: the name of the host
    std::vector<Member> members;
    std::string witness;  // the member that only votes; empty: none
    TimerProfile profile = TimerProfile::Default;
    Durability durability = Durability::Strict;
    std::uint64_t maximum_lag = 0;  // bytes that may be lost in a failover, `available` only
    bool auto_failback = true;      // a node that can follow comes in again by itself
    std::string group = "pgpool";   // whose members may use the bus and read the lease
    std::string runtime_directory = "/run/pgpool";
    std::string state_directory = "/var/lib/pgpool";
    friend bool operator==(const Watchdog&, const Watchdog&) = default;
};

// Commands of the operator, each a program and its arguments; empty: none.
struct Hooks {
    std::vector<std::string> failover;  // another node is the primary
    std::vector<std::string> failback;  // a node is in service again
    std::vector<std::string> notify;    // everything that is told, these two as well
    milliseconds timeout{30'000};
    friend bool operator==(const Hooks&, const Hooks&) = default;
};

struct AccessRule {
    std::vector<std::string> databases;  // empty = all
    std::vector<std::string> users;      // empty = all
    std::string address;                 // CIDR, "local", or empty = all
    AuthMethod method = AuthMethod::ScramSha256;
    friend bool operator==(const AccessRule&, const AccessRule&) = default;
};

struct Auth {
    std::string users_file;  // empty: none. Lines: "user" "verifier or password"
    std::string auth_user;   // who runs auth_query; empty: no auth_query
    std::string auth_password;
    std::string auth_database = "postgres";
    std::string auth_query =
        "SELECT usename, CASE WHEN valuntil < now() THEN NULL ELSE passwd END FROM pg_shadow WHERE usename = "
        "$1";
    milliseconds auth_query_ttl{60'000};
    std::vector<AccessRule> access;  // first match counts; no match = reject
    friend bool operator==(const Auth&, const Auth&) = default;
};

struct Admin {
    std::string database = "pgpool";
    std::vector<std::string> users;  // may connect to it and use PGPOOL commands
    friend bool operator==(const Admin&, const Admin&) = default;
};

struct Log {
    LogLevel level = LogLevel::Info;
    bool connections = false;
    bool statements = false;
    friend bool operator==(const Log&, const Log&) = default;
};

struct Config {
    ClusterMode mode = ClusterMode::Streaming;
    std::uint32_t workers = 0;  // 0 = one per core
    Listen listen;
    std::vector<Node> nodes;
    Pool pool;
    Limits limits;
    Routing routing;
    Health health;
    Replication replication;
    Watchdog watchdog;
    Vip vip;
    Hooks hooks;
    Auth auth;
    Admin admin;
    Log log;
    friend bool operator==(const Config&, const Config&) = default;
};

using ConfigPtr = std::shared_ptr<const Config>;

}  // namespace pgpool::config
