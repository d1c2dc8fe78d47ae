// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/node_access.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <thread>
#include <utility>

#include "common/markers/setup.h"
#include "common/obs/log.h"
#include "common/pg/own_session.h"

namespace pgpool::keeper {

namespace {

using pg::Client;
using pg::ClientError;
using pg::ClientResult;

// What is raised must survive a crash of the node, whatever its settings are.
constexpr std::string_view kPrepare = "SET synchronous_commit = on";
// One with -2 is what a DROP DATABASE that was interrupted, or has not ended, leaves: nobody can connect to
// it.
constexpr std::string_view kDatabases =
    "SELECT datname, current_setting('max_prepared_transactions') FROM pg_database "
    "WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY 1";
// Who drops or renames a database locks it so, against all that connect.
constexpr std::string_view kPresence =
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_database'::regclass "
    "AND objid = oid AND mode = 'AccessExclusiveLock' AND granted) "
    "FROM pg_database WHERE datname = $1 AND datallowconn AND datconnlimit <> -2";
// DROP DATABASE waits 5 s for sessions to end (CountOtherDBBackends() in
// src/backend/storage/ipc/procarray.c).
constexpr seconds kLongestLock{10};
constexpr milliseconds kLookAgain{50};
constexpr std::string_view kHasMarkers = "SELECT to_regclass('pgpool_replication.slot') IS NOT NULL";
constexpr std::string_view kLimit = "SELECT set_config('statement_timeout', $1, false)";
constexpr std::string_view kRaise =
    "UPDATE pgpool_replication.slot SET epoch = $1, token = $2, answer = $3 WHERE epoch < $1";
constexpr std::string_view kEpochOfOthers =
    "SELECT coalesce(max(epoch), 0) FROM pgpool_replication.slot WHERE epoch > $1 AND token <> ALL "
    "($2::bigint[])";
constexpr std::string_view kVersion = "SELECT pgpool_replication.version()";
constexpr std::string_view kOtherEpochs =
    "SELECT count(*) FROM pgpool_replication.slot WHERE epoch <> $1 OR token IS DISTINCT FROM $2 OR "
    "answer IS DISTINCT FROM $3";
constexpr std::string_view kSequences = "SELECT id, seq FROM pgpool_replication.slot";
constexpr std::string_view kPrepared = "SELECT database, gid FROM pg_prepared_xacts WHERE gid ~ $1";
// Only sessions of a proxy lock rows there, by their mark.
constexpr std::string_view kEndMarkers =
    "SELECT count(pg_terminate_backend(pid)) FROM (SELECT DISTINCT pid FROM pg_locks "
    "WHERE relation = 'pgpool_replication.slot'::regclass AND pid <> pg_backend_pid() "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND mode = 'RowExclusiveLock') AS holder";

template <typename T>
T number(std::string_view text) {
    T value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

ClientError of_database(const std::string& database, ClientError error) {
    error.message = fmt::format("database {}: {}", database, error.message);
    return error;
}

}  // namespace

ClientResult<NodeAccess> NodeAccess::open(const config::Node& node, const config::Health& login,
                                          const std::atomic<bool>& stop) {
    NodeAccess access(node, login, stop);
    if (auto connected = access.connect_all(); !connected) return tl::unexpected(connected.error());
    return access;
}

TimePoint NodeAccess::soon() const {
    return SteadyClock::now() + login_.timeout;
}

ClientResult<Client> NodeAccess::connect(const std::string& database, pg::SessionSettings settings) const {
    pg::ConnectParams params = pg::own_params(node_, pg::own_login(login_, pg::OwnSession::Keeper, database));
    params.settings = settings;
    return Client::connect(params, soon(), stop_);
}

ClientResult<Client> NodeAccess::connect_plainly(const std::string& database) const {
    return connect(database, pg::SessionSettings::OfLogin);
}

ClientResult<Client> NodeAccess::connect(const std::string& database) const {
    ClientResult<Client> client = connect(database, pg::SessionSettings::Fixed);
    if (!client) return client;
    if (auto prepared = client->query(kPrepare, {}, soon()); !prepared)
        return tl::unexpected(prepared.error());
    return client;
}

ClientResult<void> NodeAccess::connect_all() {
    ClientResult<Client> home = connect(login_.database);
    if (!home) return tl::unexpected(home.error());
    home_.emplace(std::move(*home));
    const auto names = home_->query(kDatabases, {}, soon());
    if (!names) return tl::unexpected(names.error());
    for (std::size_t row = 0; row < names->size(); ++row) {
        const std::string database(names->text(row, 0));
        if (auto added = add_unless_dropped(database); !added)
            return tl::unexpected(of_database(database, added.error()));
        max_prepared_transactions_ = number<std::uint64_t>(names->text(row, 1));
    }
    return {};
}

// Once more where it is there: who locked it may have gone just then.
ClientResult<void> NodeAccess::add_unless_dropped(const std::string& database) {
    ClientResult<void> added = add(database);
    if (added) return added;
    if (await_presence_of(database) == Presence::There && home_->usable()) added = add(database);
    return !added && await_presence_of(database) == Presence::Gone ? ClientResult<void>() : added;
}

// If it cannot be asked the node has failed.
NodeAccess::Presence NodeAccess::presence_of(const std::string& database) {
    const std::array<Client::Parameter, 1> name{database};
    const auto found = home_->query(kPresence, name, soon());
    if (!found) return Presence::There;
    if (found->empty()) return Presence::Gone;
    return found->is_true(0, 0) ? Presence::Locked : Presence::There;
}

NodeAccess::Presence NodeAccess::await_presence_of(const std::string& database) {
    const TimePoint give_up = SteadyClock::now() + kLongestLock;
    Presence found = presence_of(database);
    while (found == Presence::Locked && SteadyClock::now() < give_up && !stop_->load()) {
        std::this_thread::sleep_for(kLookAgain);
        found = presence_of(database);
    }
    return found;
}

bool NodeAccess::has_dropped(const std::string& database) {
    if (await_presence_of(database) != Presence::Gone) return false;
    log::info("database_dropped_meanwhile", {{"node", name()}, {"database", database}});
    clients_.erase(database);
    return true;
}

ClientResult<void> NodeAccess::add(const std::string& database) {
    ClientResult<Client> client = connect(database);
    if (!client) return tl::unexpected(client.error());
    const auto has_markers = client->query(kHasMarkers, {}, soon());
    if (!has_markers) return tl::unexpected(has_markers.error());
    if (!has_markers->is_true(0, 0)) return bare_.push_back(database), ClientResult<void>();
    const auto version = client->query(kVersion, {}, soon());
    if (!version) return tl::unexpected(version.error());
    if (version->text(0, 0) != std::to_string(markers::kVersion))
        return tl::unexpected(ClientError{
            cluster::Reach::Query, sqlstate::kInternalError,
            fmt::format("its markers are of version {}, this proxy needs version {}: run pgpool-ctl "
                        "prepare-nodes",
                        version->text(0, 0), markers::kVersion)});
    clients_.emplace(database, std::move(*client));
    return {};
}

std::vector<std::string> NodeAccess::databases() const {
    std::vector<std::string> names;
    for (const auto& [database, client] : clients_) names.push_back(database);
    return names;
}

ClientResult<std::vector<std::uint64_t>> NodeAccess::epochs(std::string_view sql) {
    std::vector<std::uint64_t> found;
    for (const std::string& database : databases()) {
        const auto rows = client(database).query(sql, {}, soon());
        if (!rows && has_dropped(database)) continue;
        if (!rows) return tl::unexpected(of_database(database, rows.error()));
        if (!rows->text(0, 0).empty()) found.push_back(number<std::uint64_t>(rows->text(0, 0)));
    }
    return found;
}

ClientResult<std::uint64_t> NodeAccess::highest_epoch() {
    return epochs("SELECT max(epoch) FROM pgpool_replication.slot").map([](const auto& found) {
        return found.empty() ? std::uint64_t{0} : *std::ranges::max_element(found);
    });
}

ClientResult<std::uint64_t> NodeAccess::lowest_epoch() {
    return epochs("SELECT min(epoch) FROM pgpool_replication.slot").map([](const auto& found) {
        return found.empty() ? std::uint64_t{0} : *std::ranges::min_element(found);
    });
}

ClientResult<std::uint64_t> NodeAccess::epoch_of_others(std::uint64_t known,
                                                        const std::vector<std::int64_t>& tokens) {
    const std::array<Client::Parameter, 2> ours{std::to_string(known),
                                                fmt::format("{{{}}}", fmt::join(tokens, ","))};
    std::uint64_t highest = 0;
    for (const std::string& database : databases()) {
        const auto rows = client(database).query(kEpochOfOthers, ours, soon());
        if (!rows && has_dropped(database)) continue;
        if (!rows) return tl::unexpected(of_database(database, rows.error()));
        highest = std::max(highest, number<std::uint64_t>(rows->text(0, 0)));
    }
    return highest;
}

ClientResult<std::string> NodeAccess::raise(std::uint64_t epoch, cluster::Fence fence, milliseconds grace) {
    for (const std::string& database : databases()) {
        const auto raised = raise_in(database, epoch, fence, grace);
        if (!raised && has_dropped(database)) continue;
        if (!raised) return tl::unexpected(of_database(database, raised.error()));
        if (!*raised) return database;
    }
    log::info("epoch_raised", {{"node", name()}, {"epoch", epoch}, {"databases", clients_.size()}});
    return std::string();
}

// False: transactions that have marked are in the way.
ClientResult<bool> NodeAccess::raise_in(const std::string& database, std::uint64_t epoch,
                                        cluster::Fence fence, milliseconds grace) {
    Client& session = client(database);
    const std::array<Client::Parameter, 3> wanted{std::to_string(epoch), std::to_string(fence.token),
                                                  std::to_string(fence.answer)};
    const std::array<Client::Parameter, 1> limit{std::to_string(grace.count())};
    const auto set = session.query(kLimit, limit, soon());
    if (!set) return tl::unexpected(set.error());
    if (const auto raised = session.query(kRaise, wanted, soon() + grace); !raised) {
        const SqlState why = raised.error().sqlstate;
        if (why == sqlstate::kQueryCanceled || why == sqlstate::kDeadlockDetected) return false;
        return tl::unexpected(raised.error());
    }
    const auto others = session.query(kOtherEpochs, wanted, soon());
    if (!others) return tl::unexpected(others.error());
    if (others->text(0, 0) == "0") return true;
    return tl::unexpected(ClientError{cluster::Reach::Query, sqlstate::kInternalError,
                                      fmt::format("somebody else has raised the epoch beyond {}", epoch)});
}

ClientResult<void> NodeAccess::end_markers(const std::string& database) {
    if (!has(database)) return {};
    const auto ended = client(database).query(kEndMarkers, {}, soon());
    if (!ended && has_dropped(database)) return {};
    if (!ended) return tl::unexpected(ended.error());
    log::warning("sessions_ended", {{"node", name()},
                                    {"database", database},
                                    {"sessions", ended->text(0, 0)},
                                    {"reason", "their transactions have marked and do not end"}});
    return {};
}

ClientResult<markers::NodeSequences> NodeAccess::sequences() {
    markers::NodeSequences all;
    for (const std::string& database : databases()) {
        const auto rows = client(database).query(kSequences, {}, soon());
        if (!rows && has_dropped(database)) continue;
        if (!rows) return tl::unexpected(of_database(database, rows.error()));
        markers::Sequences& slots = all[database];
        for (std::size_t row = 0; row < rows->size(); ++row) {
            slots.emplace(number<std::int32_t>(rows->text(row, 0)), number<std::int64_t>(rows->text(row, 1)));
        }
    }
    return all;
}

ClientResult<std::vector<markers::Prepared>> NodeAccess::prepared() {
    std::vector<markers::Prepared> found;
    if (clients_.empty()) return found;
    const std::array<Client::Parameter, 1> pattern{std::string(markers::kGidPattern)};
    const auto rows = home_->query(kPrepared, pattern, soon());
    if (!rows) return tl::unexpected(rows.error());
    for (std::size_t row = 0; row < rows->size(); ++row) {
        auto one = markers::read_gid(rows->text(row, 1));
        if (!one) continue;
        one->database = rows->text(row, 0);
        if (clients_.contains(one->database)) found.push_back(std::move(*one));
    }
    return found;
}

ClientResult<void> NodeAccess::end(const markers::Prepared& prepared, markers::Fate fate) {
    const bool commits = fate == markers::Fate::Commit;
    const std::string gid = markers::gid_of(static_cast<std::uint64_t>(prepared.slot),
                                            static_cast<std::uint64_t>(prepared.sequence));
    const auto done = client(prepared.database)
                          .run(fmt::format("{} PREPARED '{}'", commits ? "COMMIT" : "ROLLBACK", gid), soon());
    if (!done && done.error().sqlstate != sqlstate::kUndefinedObject)
        return tl::unexpected(of_database(prepared.database, done.error()));
    if (done)
        log::info("prepared_transaction_ended", {{"node", name()},
                                                 {"database", prepared.database},
                                                 {"gid", gid},
                                                 {"by", commits ? "commit" : "rollback"}});
    return {};
}

}  // namespace pgpool::keeper
