// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/repair.h"

#include <fmt/core.h>

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/markers/redo.h"
#include "common/markers/setup.h"
#include "common/obs/log.h"

namespace pgpool::keeper {

namespace {

using pg::Client;
using pg::ClientError;
using pg::ClientResult;

constexpr seconds kRedoTimeout{60};
constexpr SqlState kLockNotAvailable{"55P03"};

constexpr std::string_view kRedoOf = "SELECT seq, redo FROM pgpool_replication.slot WHERE id = $1";
// What its user got at login; as it is applied there: the more special ones win.
constexpr std::string_view kLoginSettings =
    "SELECT set_config(split_part(item, '=', 1), substr(item, strpos(item, '=') + 1), false) FROM ("
    "SELECT unnest(setconfig) AS item, setrole <> 0 AS of_role, setdatabase <> 0 AS of_database "
    "FROM pg_catalog.pg_db_role_setting WHERE setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles "
    "WHERE rolname = $1)) AND setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database "
    "WHERE datname = pg_catalog.current_database())) ORDER BY of_role, of_database OFFSET 0) AS login";
// Whatever the client's own settings were.
constexpr std::string_view kLimits =
    "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '500ms'; "
    "SET LOCAL idle_in_transaction_session_timeout = 0";
constexpr std::string_view kEndWriters =
    "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity "
    "WHERE datname = pg_catalog.current_database() AND backend_type = 'client backend' "
    "AND pid <> pg_catalog.pg_backend_pid() AND application_name <> 'pgpool-keeper' "
    "AND backend_xid IS NOT NULL";
constexpr std::string_view kEndTransactions =
    "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity "
    "WHERE datname = pg_catalog.current_database() AND backend_type = 'client backend' "
    "AND pid <> pg_catalog.pg_backend_pid() AND application_name <> 'pgpool-keeper' "
    "AND xact_start IS NOT NULL";

ClientError bad_redo(std::string message) {
    return {cluster::Reach::Query, sqlstate::kInternalError, std::move(message)};
}

std::string quoted_identifier(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) out.append(c == '"' ? 2 : 1, c);
    return out + '"';
}

ClientResult<markers::Redo> decoded(std::string_view text) {
    const auto bytes = text.starts_with("\\x") ? from_hex(text.substr(2)) : std::nullopt;
    if (!bytes) return tl::unexpected(bad_redo("its redo is no bytea"));
    if (bytes->empty()) return tl::unexpected(bad_redo("it has no redo"));
    auto redo = markers::decode(*bytes);
    if (!redo) return tl::unexpected(bad_redo(redo.error().message));
    return std::move(*redo);
}

// One transaction on a connection that is used for nothing else: settings of its session end with it.
class Redoing {
public:
    Redoing(Client& client, const markers::Redo& redo)
        : client_(client), redo_(redo), deadline_(SteadyClock::now() + kRedoTimeout) {}

    [[nodiscard]] ClientResult<void> run(const markers::Repair& repair, const std::string& bytes,
                                         std::uint64_t epoch);

private:
    [[nodiscard]] ClientResult<void> become_user();
    [[nodiscard]] ClientResult<void> run(std::string_view sql);
    [[nodiscard]] ClientResult<void> run(const markers::RedoStatement& statement);
    [[nodiscard]] ClientResult<void> mark(const markers::Repair& repair, const std::string& bytes,
                                          std::uint64_t epoch);

    Client& client_;
    const markers::Redo& redo_;
    const TimePoint deadline_;
};

ClientResult<void> Redoing::run(std::string_view sql) {
    const auto done = client_.run(sql, deadline_);
    return done ? ClientResult<void>() : tl::unexpected(done.error());
}

ClientResult<void> Redoing::run(const markers::RedoStatement& statement) {
    if (statement.parameters.empty()) return run(statement.sql);
    std::vector<Client::TypedParameter> parameters;
    for (const markers::RedoParameter& parameter : statement.parameters)
        parameters.push_back({parameter.value, parameter.is_binary});
    const auto done = client_.execute(statement.sql, statement.types, parameters, deadline_);
    return done ? ClientResult<void>() : tl::unexpected(done.error());
}

ClientResult<void> Redoing::become_user() {
    const std::array<Client::Parameter, 1> user{redo_.user};
    if (const auto set = client_.query(kLoginSettings, user, deadline_); !set)
        return tl::unexpected(set.error());
    return run("SET LOCAL SESSION AUTHORIZATION " + quoted_identifier(redo_.user));
}

ClientResult<void> Redoing::mark(const markers::Repair& repair, const std::string& bytes,
                                 std::uint64_t epoch) {
    const std::array<Client::Parameter, 4> values{
        std::to_string(repair.slot), std::to_string(repair.sequence), std::to_string(epoch), bytes};
    const auto marked = client_.query(markers::kMark, values, deadline_);
    if (!marked) return tl::unexpected(marked.error());
    if (!marked->empty() && marked->is_true(0, 0)) return {};
    return tl::unexpected(bad_redo("it has no such slot, or one of another epoch"));
}

ClientResult<void> Redoing::run(const markers::Repair& repair, const std::string& bytes,
                                std::uint64_t epoch) {
    ClientResult<void> done = run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    if (done) done = become_user();
    for (const std::string& setting : redo_.settings) {
        if (done) done = run(setting);
    }
    if (done) done = run(kLimits);
    for (const markers::RedoStatement& statement : redo_.statements) {
        if (done) done = run(statement);
    }
    if (done) done = run("SET CONSTRAINTS ALL IMMEDIATE");
    if (done) done = mark(repair, bytes, epoch);
    if (done) done = run("COMMIT");
    return done;
}

ClientResult<void> attempt(NodeAccess& node, const markers::Repair& repair, const markers::Redo& redo,
                           const std::string& bytes, std::uint64_t epoch) {
    ClientResult<Client> client = node.connect_plainly(repair.database);
    if (!client) return tl::unexpected(client.error());
    return Redoing(*client, redo).run(repair, bytes, epoch);
}

bool is_blocked(const ClientError& error) {
    return error.sqlstate == kLockNotAvailable || error.sqlstate == sqlstate::kDeadlockDetected;
}

ClientResult<void> end_blockers(NodeAccess& node, const std::string& database, std::string_view which) {
    const auto ended = node.client(database).query(which, {}, node.soon());
    if (!ended) return tl::unexpected(ended.error());
    log::warning("sessions_ended", {{"node", node.name()},
                                    {"database", database},
                                    {"sessions", ended->text(0, 0)},
                                    {"reason", "their locks are in the way of a repair"}});
    return {};
}

}  // namespace

ClientResult<std::string> read_redo(NodeAccess& node, const markers::Repair& repair) {
    const std::array<Client::Parameter, 1> slot{std::to_string(repair.slot)};
    const auto rows = node.client(repair.database).query(kRedoOf, slot, node.soon());
    if (!rows) return tl::unexpected(rows.error());
    if (rows->empty() || rows->text(0, 0) != std::to_string(repair.sequence))
        return tl::unexpected(bad_redo(fmt::format("slot {} has changed meanwhile", repair.slot)));
    return std::string(rows->text(0, 1));
}

ClientResult<void> run_redo(NodeAccess& node, const markers::Repair& repair, const std::string& redo,
                            std::uint64_t epoch) {
    const auto what = decoded(redo);
    if (!what) return tl::unexpected(what.error());
    ClientResult<void> done = attempt(node, repair, *what, redo, epoch);
    for (const std::string_view which : {kEndWriters, kEndTransactions}) {
        if (done || !is_blocked(done.error())) break;
        if (auto ended = end_blockers(node, repair.database, which); !ended) return ended;
        done = attempt(node, repair, *what, redo, epoch);
    }
    if (!done) return done;
    log::info("transaction_repaired", {{"node", node.name()},
                                       {"database", repair.database},
                                       {"slot", repair.slot},
                                       {"sequence", repair.sequence},
                                       {"from", repair.from}});
    return {};
}

}  // namespace pgpool::keeper
