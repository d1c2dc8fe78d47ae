// SPDX-License-Identifier: PostgreSQL
#include "common/config/parameters.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace pgpool::config {

namespace {

using namespace std::chrono_literals;
using enum Reload;

// Spelled in the order of the enumerators of config.h.
constexpr std::string_view kClusterModes[] = {"streaming", "single", "replication"};
constexpr std::string_view kUnsafe[] = {"refuse", "warn", "allow"};
constexpr std::string_view kCommits[] = {"ordered", "prepared", "auto"};
constexpr std::string_view kPoolModes[] = {"auto", "session", "transaction"};
constexpr std::string_view kBalanceLevels[] = {"session", "transaction", "statement"};
constexpr std::string_view kConsistencies[] = {"eventual", "session", "global"};
constexpr std::string_view kAuthMethods[] = {"trust", "password", "md5", "scram-sha-256", "reject"};
constexpr std::string_view kLogLevels[] = {"debug", "info", "warning", "error"};
constexpr std::string_view kTimerProfiles[] = {"fast", "default", "wan"};
constexpr std::string_view kDurabilities[] = {"strict", "available"};

constexpr std::uint64_t kMaxConnections = 100'000;
constexpr std::uint64_t kMaxClients = 1'000'000;
constexpr std::uint64_t kMaxNameBytes = 63;        // PostgreSQL's NAMEDATALEN - 1
constexpr std::uint64_t kMaxSocketDirectory = 91;  // sun_path (unix(7)) less "/.s.PGSQL.65535" and its zero
constexpr std::uint64_t kMaxPathBytes = 4095;      // PATH_MAX - 1
constexpr std::uint64_t kMaxInterfaceBytes = 15;   // IFNAMSIZ - 1
constexpr std::uint64_t kMaxNames = 10'000;
constexpr std::uint64_t kMaxWords = 100;
constexpr milliseconds kDay = 24h;
constexpr Type kPort = integer(1, 65'535);
constexpr Type kName = text(0, kMaxNameBytes);
constexpr Type kRequiredName = text(1, kMaxNameBytes);

template <typename Pointer>
struct MemberClass;
template <typename Class, typename Member>
struct MemberClass<Member Class::*> {
    using type = Class;
};

// The field reached from its owner by one member after the other.
template <auto First, auto... Rest>
constexpr auto& reach(auto& owner) {
    if constexpr (sizeof...(Rest) == 0) {
        return owner.*First;
    } else {
        return reach<Rest...>(owner.*First);
    }
}

template <typename Field>
Value to_value(const Field& field) {
    if constexpr (std::is_enum_v<Field>) {
        return static_cast<std::uint64_t>(field);
    } else if constexpr (std::is_integral_v<Field> && !std::is_same_v<Field, bool>) {
        return std::uint64_t{field};
    } else {
        return field;
    }
}

template <typename Field>
void from_value(Field& field, const Value& value) {
    if constexpr (std::is_enum_v<Field> || (std::is_integral_v<Field> && !std::is_same_v<Field, bool>)) {
        field = static_cast<Field>(std::get<std::uint64_t>(value));
    } else {
        field = std::get<Field>(value);
    }
}

// A row for the field reached through the members, e.g. <&Config::pool, &Pool::size>.
template <auto First, auto... Rest>
constexpr Parameter row(std::string_view name, Type type, Reload reload, std::string_view help) {
    using Class = typename MemberClass<decltype(First)>::type;
    return {name,
            type,
            reload,
            help,
            [](ConstOwner owner) { return to_value(reach<First, Rest...>(*std::get<const Class*>(owner))); },
            [](Owner owner, const Value& value) {
                from_value(reach<First, Rest...>(*std::get<Class*>(owner)), value);
            }};
}

constexpr Parameter kNodeFields[] = {
    row<&Node::name>("name", kRequiredName, Live,
                     "Name of the node in rules, SHOW and the log: letters, digits, `_`, `-` and `.`. "
                     "Standbys are found in `pg_stat_replication` by this name as their application_name, "
                     "or else by address."),
    row<&Node::host>(
        "host", text(1, 255), Live,
        "Host name or address of the server, or the directory of its UNIX socket (begins with `/`)."),
    row<&Node::port>("port", kPort, Live, "Port of the server."),
    row<&Node::weight>("weight", real(0, 1'000'000), Live,
                       "Share of the balanced reads, relative to the other nodes; 0 gives it none."),
};

constexpr Parameter kRuleFields[] = {
    row<&RouteRule::user>("user", kName, Live, "Role the client logged in as; empty matches every role."),
    row<&RouteRule::database>("database", kName, Live,
                              "Database of the client; empty matches every database."),
    row<&RouteRule::application_name>("application_name", kName, Live,
                                      "application_name of the client; empty matches every name."),
    row<&RouteRule::target>(
        "target", kRequiredName, Live,
        "Where reads of these clients go: `primary`, `standby`, `any` or the name of a node."),
};

constexpr Parameter kAccessFields[] = {
    row<&AccessRule::databases>("databases", text_list(0, kMaxNames), NewConnections,
                                "Databases the rule is for; an empty list means all. `replication` "
                                "means physical replication, which no other rule is for."),
    row<&AccessRule::users>("users", text_list(0, kMaxNames), NewConnections,
                            "Roles the rule is for; an empty list means all."),
    row<&AccessRule::address>(
        "address", text(0, 64), NewConnections,
        "Network of the client (`10.0.0.0/8`, `::1/128`, a single address), `local` for the "
        "UNIX socket; empty means everywhere."),
    row<&AccessRule::method>("method", word(kAuthMethods), NewConnections,
                             "How these clients prove who they are; `reject` turns them away."),
};

constexpr Parameter kVipAddressFields[] = {
    row<&VipAddress::address>("address", text(1, 64), Live,
                              "The address, IPv4 or IPv6; it is put on alone in its prefix (/32, /128)."),
    row<&VipAddress::interface>("interface", text(1, kMaxInterfaceBytes), Live,
                                "Name of the network interface that it is put on, e.g. `eth0`."),
};

constexpr Parameter kMemberFields[] = {
    row<&Member::name>("name", kRequiredName, Restart,
                       "Name of the member: letters, digits, `_`, `-` and `.`."),
    row<&Member::address>("address", text(1, 255), Restart,
                          "Its address, or host name, in the network that members talk to each other by."),
};

constexpr Parameter kParameters[] = {
    row<&Config::mode>("mode", word(kClusterModes), Restart,
                       "How the nodes belong together: `streaming` (a primary and its standbys, PostgreSQL "
                       "replicates), `single` (one server; a second one in `nodes` is an error) or "
                       "`replication` (servers of their own, each statement that writes goes to all)."),
    row<&Config::workers>("workers", integer(0, 256), Restart,
                          "Worker threads; 0 means one per processor core."),

    row<&Config::listen, &Listen::addresses>("listen.addresses", text_list(0, 64), Restart,
                                             "Addresses to accept clients on; `*` means all."),
    row<&Config::listen, &Listen::port>("listen.port", kPort, Restart,
                                        "Port to accept clients on, also part of the UNIX socket's name."),
    row<&Config::listen, &Listen::unix_socket_directory>(
        "listen.unix_socket_directory", text(0, kMaxSocketDirectory), Restart,
        "Directory of the UNIX socket `.s.PGSQL.<port>`; empty means no UNIX socket."),
    row<&Config::listen, &Listen::backlog>(
        "listen.backlog", integer(1, 65'535), Restart,
        "Connections that the kernel keeps waiting until they are accepted."),

    row<&Config::pool, &Pool::mode>(
        "pool.mode", word(kPoolModes), NewConnections,
        "When a server connection may serve another client: after the `session`, after the `transaction`, or "
        "`auto`: "
        "after the transaction unless the client left session state that cannot be carried over."),
    row<&Config::pool, &Pool::size>("pool.size", integer(1, kMaxConnections), Live,
                                    "Server connections for each pair of user and database, on each node."),
    row<&Config::pool, &Pool::min_size>(
        "pool.min_size", integer(0, kMaxConnections), Live,
        "Server connections kept open on the primary for each pair of user and database once it was used."),
    row<&Config::pool, &Pool::max_server_connections>(
        "pool.max_server_connections", integer(0, kMaxConnections), Live,
        "Server connections of all pools together, on each node; 0 means no limit."),
    row<&Config::pool, &Pool::max_user_connections>(
        "pool.max_user_connections", integer(0, kMaxConnections), Live,
        "Server connections of one user, on each node; 0 means no limit."),
    row<&Config::pool, &Pool::max_database_connections>(
        "pool.max_database_connections", integer(0, kMaxConnections), Live,
        "Server connections to one database, on each node; 0 means no limit."),
    row<&Config::pool, &Pool::wait_timeout>(
        "pool.wait_timeout", duration(1ms, kDay), Live,
        "How long a request waits for a server connection before it gets error 53300."),
    row<&Config::pool, &Pool::queue_notice>("pool.queue_notice", duration(0ms, kDay), Live,
                                            "A request that has waited this long for a server connection is "
                                            "told its place in the queue; 0 means never."),
    row<&Config::pool, &Pool::server_idle_timeout>(
        "pool.server_idle_timeout", duration(0ms, 30 * kDay), Live,
        "A server connection idle for so long is closed; 0 means never."),
    row<&Config::pool, &Pool::server_lifetime>("pool.server_lifetime", duration(0ms, 30 * kDay), Live,
                                               "A server connection this old is closed as soon as no client "
                                               "holds it, also if some wait; 0 means never."),
    row<&Config::pool, &Pool::server_check_delay>(
        "pool.server_check_delay", duration(0ms, kDay), Live,
        "A server connection that was idle for longer is checked by an empty query; 0 means never."),
    row<&Config::pool, &Pool::connect_timeout>("pool.connect_timeout", duration(1ms, 1h), Live,
                                               "Time for opening a server connection, login included."),
    row<&Config::pool, &Pool::prepared_statements>(
        "pool.prepared_statements", integer(1, 100'000), NewConnections,
        "Prepared statements kept on each server connection; the least recently used go first."),

    row<&Config::limits, &Limits::max_clients>("limits.max_clients", integer(1, kMaxClients), Live,
                                               "Client connections; further ones get error 53300."),
    row<&Config::limits, &Limits::max_clients_per_user>("limits.max_clients_per_user",
                                                        integer(0, kMaxClients), Live,
                                                        "Client connections of one user; 0 means no limit."),
    row<&Config::limits, &Limits::max_clients_per_database>(
        "limits.max_clients_per_database", integer(0, kMaxClients), Live,
        "Client connections to one database; 0 means no limit."),
    row<&Config::limits, &Limits::max_logins>(
        "limits.max_logins", integer(1, kMaxClients), Live,
        "Connections that have not logged in yet; further ones get error 53300."),
    row<&Config::limits, &Limits::query_timeout>(
        "limits.query_timeout", duration(0ms, 30 * kDay), Live,
        "A request that runs for longer is cancelled; 0 means no limit."),
    row<&Config::limits, &Limits::idle_transaction_timeout>(
        "limits.idle_transaction_timeout", duration(0ms, 30 * kDay), Live,
        "A client idle inside a transaction for longer is disconnected; 0 means no limit."),
    row<&Config::limits, &Limits::client_idle_timeout>(
        "limits.client_idle_timeout", duration(0ms, 30 * kDay), Live,
        "A client idle outside a transaction for longer is disconnected; 0 means no limit."),
    row<&Config::limits, &Limits::login_timeout>("limits.login_timeout", duration(1ms, 1h), Live,
                                                 "Time for a client to log in."),
    row<&Config::limits, &Limits::drain_timeout>(
        "limits.drain_timeout", duration(0ms, kDay), Live,
        "How long clients may finish their transactions at shutdown; then they are disconnected."),

    row<&Config::routing, &Routing::read_write_split>(
        "routing.read_write_split", boolean(), Live,
        "Reads may go to standbys; off sends everything to the primary."),
    row<&Config::routing, &Routing::balance>("routing.balance", word(kBalanceLevels), Live,
                                             "How often a node is chosen for reads: once per `session`, "
                                             "`transaction` or `statement`; inside of BEGIN and COMMIT "
                                             "once in any case."),
    row<&Config::routing, &Routing::consistency>(
        "routing.consistency", word(kConsistencies), Live,
        "What a read on a standby must see: the client's own commits (`session`), everybody's (`global`) or "
        "whatever has arrived (`eventual`)."),
    row<&Config::routing, &Routing::consistency_wait>("routing.consistency_wait", duration(0ms, 1h), Live,
                                                      "How long a read waits for a standby to have replayed "
                                                      "what it must see; then it goes to the primary."),
    row<&Config::routing, &Routing::max_lag_bytes>(
        "routing.max_lag_bytes", size(0, std::uint64_t{1} << 50U), Live,
        "A standby that has this much WAL still to replay gets no reads; 0 means no limit."),
    row<&Config::routing, &Routing::max_lag_time>(
        "routing.max_lag_time", duration(0ms, kDay), Live,
        "A standby further behind in time gets no reads; 0 means no limit."),
    row<&Config::routing, &Routing::primary_reads>(
        "routing.primary_reads", boolean(), Live, "The primary takes its share of the reads, by its weight."),
    row<&Config::routing, &Routing::read_only_functions>(
        "routing.read_only_functions", text_list(0, kMaxNames), Live,
        "Functions that never write and leave nothing behind in the session, whatever the catalog says: "
        "`name` or "
        "`schema.name`."),
    row<&Config::routing, &Routing::write_functions>("routing.write_functions", text_list(0, kMaxNames), Live,
                                                     "Functions that are always taken for a write: `name` or "
                                                     "`schema.name`."),
    row<&Config::routing, &Routing::facts_refresh>("routing.facts_refresh", duration(100ms, kDay), Live,
                                                   "How often what is known of the catalog (volatility of "
                                                   "functions, views, row security) is read again."),
    row<&Config::routing, &Routing::analysis_cache_entries>(
        "routing.analysis_cache_entries", integer(0, 10'000'000), Restart,
        "Analysed statements kept by each worker; 0 keeps none."),

    row<&Config::health, &Health::period>("health.period", duration(10ms, 1h), Live,
                                          "Time between two probes of a node."),
    row<&Config::health, &Health::timeout>("health.timeout", duration(10ms, 1h), Live,
                                           "A probe without an answer for so long has failed."),
    row<&Config::health, &Health::failures_to_down>(
        "health.failures_to_down", integer(1, 1'000), Live,
        "Failed probes in a row after which a node is down; of refused connections two in a row are enough."),
    row<&Config::health, &Health::user>("health.user", kRequiredName, Live,
                                        "Role that the probes log in as."),
    row<&Config::health, &Health::password>("health.password", secret(1'024), Live,
                                            "Password of `health.user`; empty means none is sent."),
    row<&Config::health, &Health::database>("health.database", kRequiredName, Live,
                                            "Database that the probes connect to."),
    row<&Config::health, &Health::failover_park_timeout>(
        "health.failover_park_timeout", duration(0ms, 1h), Live,
        "How long requests wait for a new primary when there is none; then they get an error."),

    row<&Config::replication, &Replication::state_directory>(
        "replication.state_directory", text(1, kMaxPathBytes), Restart,
        "Directory of the file that says which nodes are in; a node that was taken out stays out over "
        "restarts."),
    row<&Config::replication, &Replication::unsafe_statements>(
        "replication.unsafe_statements", word(kUnsafe), Live,
        "What becomes of a statement that is not proven to do the same on all nodes: an error (`refuse`), a "
        "warning to the client (`warn`), or nothing (`allow`)."),
    row<&Config::replication, &Replication::stall_timeout>(
        "replication.stall_timeout", duration(10ms, 1h), Live,
        "A node that owes an answer for so long after another node gave it is taken out."),
    row<&Config::replication, &Replication::slots>(
        "replication.slots", integer(1, 100'000), Restart,
        "Transactions that may commit at the same time in one database; `pgpool-ctl prepare-nodes` makes a "
        "row for each."),
    row<&Config::replication, &Replication::commit>(
        "replication.commit", word(kCommits), Restart,
        "How a transaction commits on all nodes: the main node, then the others (`ordered`); the same, with "
        "the others prepared before (`prepared`), so that one that dies in between completes by itself "
        "whatever the size; or prepared only where a transaction is too large to be repeated from its marker "
        "(`auto`). That needs `max_prepared_transactions` of at least `replication.slots` on every node: "
        "without it the proxy does not open the cluster for `prepared`, and prepares nothing for `auto`."),

    row<&Config::watchdog, &Watchdog::enabled>(
        "watchdog.enabled", boolean(), Restart,
        "Whether `pgpool-watchdog` decides about the roles of nodes and the virtual addresses; off: "
        "`pgpool-proxy` decides about its nodes by itself."),
    row<&Config::watchdog, &Watchdog::name>(
        "watchdog.name", kName, Restart,
        "Name of this member, one of `watchdog.members`; empty means the name of the host."),
    row<&Config::watchdog, &Watchdog::witness>(
        "watchdog.witness", kName, Restart,
        "Name of the member that only votes (`pgpool-watchdog --witness`); empty means none."),
    row<&Config::watchdog, &Watchdog::profile>(
        "watchdog.profile", word(kTimerProfiles), Restart,
        "How soon a member that is not heard counts as lost: `fast` and `default` for one local network, "
        "`wan` for members far apart. With `fast` its virtual addresses are taken as soon as votes and "
        "network prove that it has lost them, before its lease is over (not with `mode: replication`)."),
    row<&Config::watchdog, &Watchdog::durability>(
        "watchdog.durability", word(kDurabilities), Live,
        "Whether a standby is promoted only if it has every acknowledged transaction (`strict`), or also if "
        "it lacks at most `watchdog.maximum_lag` (`available`). With `available` a "
        "proxy counts the primary as lost while nobody has the lease."),
    row<&Config::watchdog, &Watchdog::maximum_lag>(
        "watchdog.maximum_lag", size(0, std::uint64_t{1} << 40U), Live,
        "How much may be lost in a failover with `watchdog.durability: available`."),
    row<&Config::watchdog, &Watchdog::auto_failback>(
        "watchdog.auto_failback", boolean(), Live,
        "Whether a node that was out and can follow the primary comes in again by itself."),
    row<&Config::watchdog, &Watchdog::group>(
        "watchdog.group", kRequiredName, Restart,
        "Group of the programs of a member, which may use the bus and read the lease."),
    row<&Config::watchdog, &Watchdog::runtime_directory>(
        "watchdog.runtime_directory", text(1, kMaxSocketDirectory), Restart,
        "Directory of what does not outlive a boot: the page of the lease."),
    row<&Config::watchdog, &Watchdog::state_directory>(
        "watchdog.state_directory", text(1, kMaxPathBytes), Restart,
        "Directory of the state of the cluster and of what this member has promised."),

    row<&Config::vip, &Vip::lifetime>(
        "vip.lifetime", duration(1s, 60s), Live,
        "The kernel itself drops the virtual addresses when they were not refreshed for so long, also when "
        "`pgpool-vip` is dead or stopped; whole seconds."),
    row<&Config::vip, &Vip::refresh>("vip.refresh", duration(20ms, 30s), Live,
                                     "Time between two refreshes; at most half of `vip.lifetime`."),
    row<&Config::vip, &Vip::probes>(
        "vip.probes", integer(1, 20), Live,
        "How often the network is asked whether somebody has an address before it is taken."),
    row<&Config::vip, &Vip::probe_interval>("vip.probe_interval", duration(10ms, 5s), Live,
                                            "How long an answer to each of these questions is waited for."),
    row<&Config::vip, &Vip::announce_period>(
        "vip.announce_period", duration(1s, 1h), Live,
        "How often an address that is held is announced to the network, after the announcements of the "
        "first five seconds."),

    row<&Config::hooks, &Hooks::failover>(
        "hooks.failover", text_list(0, kMaxWords), Live,
        "Run when another node has become the primary, by a failover or a switchover."),
    row<&Config::hooks, &Hooks::failback>("hooks.failback", text_list(0, kMaxWords), Live,
                                          "Run when a node that was out is in service again."),
    row<&Config::hooks, &Hooks::notify>(
        "hooks.notify", text_list(0, kMaxWords), Live,
        "Run for these two and for all else that operators want to know, such as a primary that is gone."),
    row<&Config::hooks, &Hooks::timeout>("hooks.timeout", duration(100ms, 1h), Live,
                                         "A command that runs for longer is killed."),

    row<&Config::auth, &Auth::users_file>(
        "auth.users_file", text(0, kMaxPathBytes), Live,
        "File of users, lines of `\"user\" \"verifier or password\"`; empty means none."),
    row<&Config::auth, &Auth::auth_user>("auth.auth_user", kName, Live,
                                         "Role that runs `auth.auth_query`; empty means that it is not run."),
    row<&Config::auth, &Auth::auth_password>("auth.auth_password", secret(1'024), Live,
                                             "Password of `auth.auth_user`; empty means none is sent."),
    row<&Config::auth, &Auth::auth_database>("auth.auth_database", kRequiredName, Live,
                                             "Database that `auth.auth_query` runs in."),
    row<&Config::auth, &Auth::auth_query>("auth.auth_query", text(0, 8'192), Live,
                                          "Query for a user's name and password verifier; `$1` is the name."),
    row<&Config::auth, &Auth::auth_query_ttl>(
        "auth.auth_query_ttl", duration(0ms, kDay), Live,
        "How long an answer of `auth.auth_query` is used; 0 asks every time."),

    row<&Config::admin, &Admin::database>("admin.database", kRequiredName, NewConnections,
                                          "Name of the database that is the administration console."),
    row<&Config::admin, &Admin::users>("admin.users", text_list(0, kMaxNames), NewConnections,
                                       "Users who may connect to it and use PGPOOL commands."),

    row<&Config::log, &Log::level>("log.level", word(kLogLevels), Live, "Least level that is logged."),
    row<&Config::log, &Log::connections>("log.connections", boolean(), Live,
                                         "Log when clients connect and disconnect."),
    row<&Config::log, &Log::statements>(
        "log.statements", boolean(), Live,
        "Log every statement, whose it is, and the node that runs it; without the "
        "values of parameters."),
};

// A list whose vector is reached from Config through the members.
template <auto... Members>
constexpr List list(std::string_view name, std::string_view key, std::size_t max, Reload reload,
                    std::span<const Parameter> fields, std::string_view help) {
    using Vector = std::remove_cvref_t<decltype(reach<Members...>(std::declval<Config&>()))>;
    using Element = typename Vector::value_type;
    return {name,
            key,
            max,
            reload,
            help,
            fields,
            [](const Config& config) { return reach<Members...>(config).size(); },
            [](const Config& config, std::size_t index) -> ConstOwner {
                return &reach<Members...>(config)[index];
            },
            [](Config& config) -> Owner { return &reach<Members...>(config).emplace_back(); },
            []() -> ConstOwner {
                static const Element element;
                return &element;
            },
            [](Config& to, const Config& from) { reach<Members...>(to) = reach<Members...>(from); }};
}

constexpr List kLists[] = {
    list<&Config::nodes>("nodes", "name", 128, Live, kNodeFields,
                         "The PostgreSQL servers; which of them is the primary is found out."),
    list<&Config::routing, &Routing::rules>("routing.rules", "", 1'000, Live, kRuleFields,
                                            "Rules that say where reads of some clients go; the first that "
                                            "matches counts, empty fields match all."),
    list<&Config::watchdog, &Watchdog::members>(
        "watchdog.members", "name", 5, Restart, kMemberFields,
        "All members, this one too, the same on all of them; none means that this one is alone."),
    list<&Config::vip, &Vip::addresses>("vip.addresses", "", 64, Live, kVipAddressFields,
                                        "The virtual addresses, which the active member holds."),
    list<&Config::auth, &Auth::access>("auth.access", "", 1'000, NewConnections, kAccessFields,
                                       "Who may connect and how they log in; the first rule that matches "
                                       "counts, and without one the client is "
                                       "turned away."),
};

constexpr Section kSections[] = {
    {"", "The cluster."},
    {"listen", "Where clients connect to."},
    {"nodes", "The PostgreSQL servers."},
    {"pool", "Server connections and how clients share them."},
    {"limits", "Bounds on clients."},
    {"routing", "Which node serves a statement."},
    {"health", "Probes of the nodes, and waiting for a new primary."},
    {"replication", "Mode `replication`: how nodes are kept equal."},
    {"watchdog", "Who decides about roles and virtual addresses, and how members know each other."},
    {"vip", "The virtual addresses that clients connect to, held by `pgpool-vip`."},
    {"hooks",
     "Commands that `pgpool-watchdog` runs after what it has decided: a program and its arguments, no shell. "
     "Variables `PGPOOL_...` and JSON on standard input say what has happened."},
    {"auth", "Who may connect."},
    {"admin", "The administration console."},
    {"log", "The log, on standard error or in the journal."},
};

}  // namespace

std::string_view to_string(Reload reload) {
    switch (reload) {
        case Live:
            return "live";
        case NewConnections:
            return "new connections";
        case Restart:
            return "restart";
    }
    return {};
}

std::span<const Section> sections() {
    return kSections;
}
std::span<const Parameter> parameters() {
    return kParameters;
}
std::span<const List> lists() {
    return kLists;
}

const Parameter* find_parameter(std::span<const Parameter> table, std::string_view name) {
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const Parameter& p) { return p.name == name; });
    return found == table.end() ? nullptr : &*found;
}

const List* find_list(std::string_view name) {
    const auto* found =
        std::find_if(std::begin(kLists), std::end(kLists), [&](const List& l) { return l.name == name; });
    return found == std::end(kLists) ? nullptr : found;
}

bool is_section(std::string_view name) {
    if (name.empty() || find_list(name) != nullptr) return false;
    return std::any_of(std::begin(kSections), std::end(kSections),
                       [&](const Section& s) { return s.name == name; });
}

std::string_view section_of(std::string_view name) {
    const std::size_t dot = name.find('.');
    return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

std::string_view last_part(std::string_view name) {
    return name.substr(name.rfind('.') + 1);
}

const Config& default_config() {
    static const Config config;
    return config;
}

bool is_required(const List& list, const Parameter& field) {
    if (field.type.kind != Kind::Text || field.type.min == 0) return false;
    return std::get<std::string>(field.get(list.defaults())).empty();
}

}  // namespace pgpool::config
