// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/repair.h"

#include <fmt/core.h>

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/markers/redo.h"
#include "common/markers/savepoints.h"
#include "common/obs/log.h"
#include "common/pg/own_session.h"
#include "proxy/keeper/user_code.h"

namespace pgpool::keeper {

namespace {

using pg::Client;
using pg::ClientError;
using pg::ClientResult;

constexpr seconds kRedoTimeout{60};
constexpr SqlState kLockNotAvailable{"55P03"};

constexpr std::string_view kRedoOf = "SELECT seq, redo, owner FROM pgpool_replication.slot WHERE id = $1";
// Not through mark(): that is for who knows the token of the proxy that published the epoch last. Whatever
// the search path is by now.
constexpr std::string_view kMarkRepaired =
    "UPDATE pgpool_replication.slot SET seq = $2::pg_catalog.int8, redo = $4::pg_catalog.bytea, owner = $5 "
    "WHERE id OPERATOR(pg_catalog.=) $1::pg_catalog.int4 "
    "AND epoch OPERATOR(pg_catalog.=) $3::pg_catalog.int8 RETURNING id";
constexpr std::string_view kSafePath =
    "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)";
// What its user got at login, in the order in which it is applied there: the more special ones win. REQUIRES:
// kSafePath.
constexpr std::string_view kLoginSettings =
    "SELECT split_part(item, '=', 1), substr(item, strpos(item, '=') + 1) FROM ("
    "SELECT unnest(setconfig) AS item, setrole <> 0 AS of_role, setdatabase <> 0 AS of_database "
    "FROM pg_db_role_setting WHERE setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = $1)) "
    "AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))) AS login "
    "ORDER BY of_role, of_database";
constexpr std::string_view kSetting = "SELECT pg_catalog.set_config($1, $2, false)";
// Whatever the client's own settings were.
constexpr std::string_view kLimits =
    "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '500ms'; "
    "SET LOCAL idle_in_transaction_session_timeout = 0";
// All but the keeper's, which a name alone does not prove. Others of our own may be in the way too: what
// brings sequences forward holds a lock while it waits for main. They begin again.
constexpr std::string_view kEndSessions =
    "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity "
    "WHERE datname = pg_catalog.current_database() AND backend_type = 'client backend' "
    "AND NOT (application_name = $1 AND usename = session_user)";
constexpr std::string_view kThatWrite = " AND backend_xid IS NOT NULL";
constexpr std::string_view kInTransactions = " AND xact_start IS NOT NULL";

ClientError bad_redo(std::string message) {
    return {cluster::Reach::Query, sqlstate::kInternalError, std::move(message)};
}

ClientError other_outcome(const markers::RedoStatement& statement, std::int64_t changed) {
    constexpr std::size_t kShown = 100;
    const std::string sql = statement.sql.substr(0, kShown);
    if (statement.rows == markers::kUnclearRows)
        return bad_redo(fmt::format("what each statement of a text has changed cannot be told: {}", sql));
    const std::string on_main =
        statement.rows == markers::kSomeRows ? "some" : std::to_string(statement.rows);
    return bad_redo(fmt::format("a statement changed {} rows instead of {}: {}", changed, on_main, sql));
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
        : client_(client),
          redo_(redo),
          deadline_(SteadyClock::now() + kRedoTimeout),
          user_(client, redo.user, deadline_) {}

    [[nodiscard]] ClientResult<void> run(const markers::Repair& repair, const std::string& bytes,
                                         std::uint64_t epoch);

private:
    [[nodiscard]] ClientResult<void> take_login_settings();
    [[nodiscard]] ClientResult<void> run_statements();
    [[nodiscard]] ClientResult<void> run(std::string_view sql);
    [[nodiscard]] ClientResult<void> mark(const markers::Repair& repair, const std::string& bytes,
                                          std::uint64_t epoch);

    Client& client_;
    const markers::Redo& redo_;
    const TimePoint deadline_;
    UserCode user_;
};

ClientResult<void> Redoing::run(std::string_view sql) {
    const auto done = client_.run(sql, deadline_);
    return done ? ClientResult<void>() : tl::unexpected(done.error());
}

ClientResult<void> Redoing::take_login_settings() {
    if (auto safe = run(kSafePath); !safe) return safe;
    const std::array<Client::Parameter, 1> user{redo_.user};
    const auto settings = client_.query(kLoginSettings, user, deadline_);
    if (!settings) return tl::unexpected(settings.error());
    if (auto back = run("RESET search_path"); !back) return back;
    for (std::size_t row = 0; row < settings->size(); ++row) {
        if (const auto name = settings->text(row, 0); name == "role" || name == "session_authorization")
            return tl::unexpected(bad_redo("its user takes another role at login"));
        const std::array<Client::Parameter, 2> one{std::string(settings->text(row, 0)),
                                                   std::string(settings->text(row, 1))};
        if (const auto set = client_.query(kSetting, one, deadline_); !set)
            return tl::unexpected(set.error());
    }
    return {};
}

ClientResult<void> Redoing::mark(const markers::Repair& repair, const std::string& bytes,
                                 std::uint64_t epoch) {
    const std::array<Client::Parameter, 5> values{std::to_string(repair.slot),
                                                  std::to_string(repair.sequence), std::to_string(epoch),
                                                  bytes, redo_.user};
    const auto marked = client_.query(kMarkRepaired, values, deadline_);
    if (!marked) return tl::unexpected(marked.error());
    if (!marked->empty()) return {};
    return tl::unexpected(bad_redo("it has no such slot, or one of another epoch"));
}

ClientResult<void> Redoing::run_statements() {
    for (const std::string& setting : redo_.settings) {
        if (auto done = user_.run(setting); !done) return done;
    }
    if (auto limited = run(kLimits); !limited) return limited;
    for (const markers::RedoStatement& statement : markers::without_savepoints(redo_.statements)) {
        const auto changed = user_.run(statement);
        if (!changed) return tl::unexpected(changed.error());
        if (!markers::is_as_on_main(statement, *changed))
            return tl::unexpected(other_outcome(statement, *changed));
    }
    return user_.end();
}

ClientResult<void> Redoing::run(const markers::Repair& repair, const std::string& bytes,
                                std::uint64_t epoch) {
    ClientResult<void> done = run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    if (done) done = take_login_settings();
    if (done) done = run_statements();
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
    const std::array<Client::Parameter, 1> keeper{std::string(pg::name_of(pg::OwnSession::Keeper))};
    const std::string sql = std::string(kEndSessions).append(which);
    const auto ended = node.client(database).query(sql, keeper, node.soon());
    if (!ended) return tl::unexpected(ended.error());
    log::warning("sessions_ended", {{"node", node.name()},
                                    {"database", database},
                                    {"sessions", ended->text(0, 0)},
                                    {"reason", "their locks are in the way of a repair"}});
    return {};
}

}  // namespace

ClientResult<FoundRedo> read_redo(NodeAccess& node, const markers::Repair& repair) {
    const std::array<Client::Parameter, 1> slot{std::to_string(repair.slot)};
    const auto rows = node.client(repair.database).query(kRedoOf, slot, node.soon());
    if (!rows) return tl::unexpected(rows.error());
    if (rows->empty() || rows->text(0, 0) != std::to_string(repair.sequence))
        return tl::unexpected(bad_redo(fmt::format("slot {} has changed meanwhile", repair.slot)));
    return FoundRedo{std::string(rows->text(0, 1)), std::string(rows->text(0, 2))};
}

ClientResult<void> run_redo(NodeAccess& node, const markers::Repair& repair, const FoundRedo& redo,
                            std::uint64_t epoch) {
    const auto what = decoded(redo.bytes);
    if (!what) return tl::unexpected(what.error());
    if (what->user != redo.owner)  // that is what the server knew of who made it, and nobody can forge
        return tl::unexpected(bad_redo(
            fmt::format("its redo is of user \"{}\", but \"{}\" has marked it", what->user, redo.owner)));
    ClientResult<void> done = attempt(node, repair, *what, redo.bytes, epoch);
    for (const std::string_view which : {kThatWrite, kInTransactions}) {
        if (done || !is_blocked(done.error())) break;
        if (auto ended = end_blockers(node, repair.database, which); !ended) return ended;
        done = attempt(node, repair, *what, redo.bytes, epoch);
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
