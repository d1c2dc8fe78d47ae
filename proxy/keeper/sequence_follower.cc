// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/sequence_follower.h"

#include <array>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "common/obs/log.h"
#include "common/pg/client.h"
#include "common/pg/own_session.h"
#include "proxy/health/own_thread.h"
#include "proxy/keeper/sequence_positions.h"

namespace pgpool::keeper {

namespace {

using pg::Client;
using pg::ClientResult;

constexpr milliseconds kTurn{250};
constexpr seconds kAgain{2};      // after a failure
constexpr seconds kCloseIdle{2};  // a database with connections cannot be dropped

// It waits for nobody who changes a sequence.
constexpr std::string_view kPrepare = "SET lock_timeout = '500ms'";
constexpr std::string_view kPositions =
    "SELECT format('%I.%I', n.nspname, c.relname), pg_sequence_last_value(c.oid), s.seqincrement < 0 "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid "
    "WHERE c.relpersistence = 'p'";
constexpr std::string_view kLast = "SELECT pg_sequence_last_value($1::regclass)";
// What place() takes, by which all others come that follow main: here until the transaction ends.
constexpr std::string_view kTakeTurn =
    "SELECT format('BEGIN; LOCK TABLE pgpool_replication.turn_%s IN EXCLUSIVE MODE', "
    "$1::regclass::oid::bigint % 16)";
constexpr std::string_view kPlace = "SELECT pgpool_replication.place($1::regclass, $2, true, false)";

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || text.empty()) return std::nullopt;
    return value;
}

}  // namespace

class SequenceFollower::Core {
public:
    Core(config::ConfigPtr config, Topology topology, Due due, Again again)
        : topology_(std::move(topology)),
          due_(std::move(due)),
          again_(std::move(again)),
          config_(std::move(config)) {}

    void start() {
        thread_.start([this] { run(); });
    }
    void stop() { thread_.stop(); }
    void reload(config::ConfigPtr config) {
        const std::lock_guard lock(mutex_);
        config_ = std::move(config);
    }

private:
    // Of one node and database.
    struct Connection {
        Client client;
        TimePoint used_at;
    };
    using Key = std::pair<NodeId, std::string>;

    void run();
    void close_idle();
    [[nodiscard]] ClientResult<void> look_at(const std::string& database, const config::Health& login);
    [[nodiscard]] ClientResult<void> bring_forward(const Key& main, const Key& other);
    [[nodiscard]] ClientResult<void> bring_forward(const Key& main, const Key& other,
                                                   const std::string& sequence);
    [[nodiscard]] ClientResult<void> connect(const cluster::NodeStatus& node, const std::string& database,
                                             const config::Health& login);
    [[nodiscard]] ClientResult<SequencePositions> positions(const Key& at);
    [[nodiscard]] ClientResult<pg::Rows> ask(const Key& at, std::string_view sql,
                                             const std::vector<Client::Parameter>& parameters);
    [[nodiscard]] ClientResult<pg::Rows> run(const Key& at, std::string_view sql);  // several statements

    const Topology topology_;
    const Due due_;
    const Again again_;
    std::mutex mutex_;  // guards config_
    std::condition_variable changed_;
    config::ConfigPtr config_;
    health::OwnThread thread_{mutex_, changed_};
    std::map<Key, Connection> connections_;  // of the thread
    milliseconds patience_{};                // the same, with one answer
};

void SequenceFollower::Core::run() {
    std::unique_lock lock(mutex_);
    while (!thread_.stopping()) {
        changed_.wait_for(lock, kTurn, [this] { return thread_.stopping().load(); });
        const config::ConfigPtr config = config_;
        lock.unlock();
        close_idle();
        for (const std::string& database : due_(SteadyClock::now())) {
            if (thread_.stopping()) break;
            const auto looked = look_at(database, config->health);
            if (looked) continue;
            connections_.clear();  // with what they have locked
            log::debug("sequences_not_followed",
                       {{"database", database}, {"reason", looked.error().message}});
            again_(database, SteadyClock::now() + kAgain);
        }
        lock.lock();
    }
    connections_.clear();
}

void SequenceFollower::Core::close_idle() {
    const TimePoint now = SteadyClock::now();
    std::erase_if(connections_, [&](const auto& entry) { return now - entry.second.used_at > kCloseIdle; });
}

ClientResult<void> SequenceFollower::Core::look_at(const std::string& database, const config::Health& login) {
    patience_ = login.timeout;
    const cluster::TopologyPtr topology = topology_();
    const cluster::NodeStatus* main = topology->primary ? topology->find(*topology->primary) : nullptr;
    if (main == nullptr || main->state != cluster::NodeState::Up) return {};
    if (auto connected = connect(*main, database, login); !connected) return connected;
    for (const cluster::NodeStatus& node : topology->nodes) {
        if (node.state != cluster::NodeState::Up || node.role != cluster::Role::Replica) continue;
        if (auto connected = connect(node, database, login); !connected) return connected;
        if (auto done = bring_forward({main->id, database}, {node.id, database}); !done) return done;
    }
    return {};
}

ClientResult<void> SequenceFollower::Core::connect(const cluster::NodeStatus& node,
                                                   const std::string& database, const config::Health& login) {
    const Key key{node.id, database};
    const auto known = connections_.find(key);
    if (known != connections_.end() && known->second.client.check_idle()) {
        known->second.used_at = SteadyClock::now();
        return {};
    }
    connections_.erase(key);
    const pg::ConnectParams params =
        pg::own_params(node, pg::own_login(login, pg::OwnSession::Sequences, database));
    auto made = Client::connect(params, SteadyClock::now() + patience_, &thread_.stopping());
    if (!made) return tl::unexpected(made.error());
    connections_.emplace(key, Connection{std::move(*made), SteadyClock::now()});
    const auto prepared = ask(key, kPrepare, {});
    return prepared ? ClientResult<void>() : tl::unexpected(prepared.error());
}

ClientResult<pg::Rows> SequenceFollower::Core::ask(const Key& at, std::string_view sql,
                                                   const std::vector<Client::Parameter>& parameters) {
    return connections_.at(at).client.query(sql, parameters, SteadyClock::now() + patience_);
}

ClientResult<pg::Rows> SequenceFollower::Core::run(const Key& at, std::string_view sql) {
    return connections_.at(at).client.run(sql, SteadyClock::now() + patience_);
}

ClientResult<SequencePositions> SequenceFollower::Core::positions(const Key& at) {
    const auto rows = ask(at, kPositions, {});
    if (!rows) return tl::unexpected(rows.error());
    SequencePositions all;
    for (std::size_t row = 0; row < rows->size(); ++row)
        all[std::string(rows->text(row, 0))] = {number(rows->text(row, 1)), rows->is_true(row, 2)};
    return all;
}

ClientResult<void> SequenceFollower::Core::bring_forward(const Key& main, const Key& other) {
    const auto there = positions(main);
    if (!there) return tl::unexpected(there.error());
    const auto here = positions(other);
    if (!here) return tl::unexpected(here.error());
    for (const std::string& sequence : sequences_behind(*there, *here)) {
        if (auto done = bring_forward(main, other, sequence); !done) return done;
    }
    return {};
}

// Until the other node has it nobody restarts main's, which is locked. Who sets main's after it was read here
// has not been to the other node yet, and comes there after this.
ClientResult<void> SequenceFollower::Core::bring_forward(const Key& main, const Key& other,
                                                         const std::string& sequence) {
    ClientResult<pg::Rows> done = ask(other, kTakeTurn, {sequence});
    if (done) done = run(other, done->text(0, 0));
    if (done) done = ask(main, "BEGIN", {});
    if (done) done = ask(main, kLast, {sequence});
    if (!done) return tl::unexpected(done.error());
    const std::string last(done->text(0, 0));
    if (!last.empty()) done = ask(other, kPlace, {sequence, last});
    if (done) done = ask(main, "COMMIT", {});
    if (done) done = ask(other, "COMMIT", {});
    return done ? ClientResult<void>() : tl::unexpected(done.error());
}

SequenceFollower::SequenceFollower(config::ConfigPtr config, Topology topology, Due due, Again again)
    : core_(
          std::make_unique<Core>(std::move(config), std::move(topology), std::move(due), std::move(again))) {}
SequenceFollower::~SequenceFollower() {
    core_->stop();
}

void SequenceFollower::start() {
    core_->start();
}
void SequenceFollower::stop() {
    core_->stop();
}
void SequenceFollower::reload(config::ConfigPtr config) {
    core_->reload(std::move(config));
}

}  // namespace pgpool::keeper
