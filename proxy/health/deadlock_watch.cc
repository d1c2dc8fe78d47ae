// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/deadlock_watch.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "common/obs/log.h"
#include "common/pg/client.h"
#include "common/pg/own_session.h"
#include "proxy/health/own_thread.h"

namespace pgpool::health {

namespace {

using replication::Deadlock;
using replication::LockWait;

constexpr milliseconds kPause{100};     // between two looks
constexpr milliseconds kPatience{500};  // with a node, and with the workers
constexpr seconds kCloseIdleAfter{30};  // then the connections give their slots back

// No table of the database is read, so no lock of anybody is in the way. What is prepared
// (common/markers/two_phase.h) is told as 0: then it is looked for what of that holds the same lock.
constexpr std::string_view kWaits =
    "SELECT DISTINCT w.pid, pg_catalog.array_to_string(b.pids, ' '), "
    "CASE WHEN 0 = ANY (b.pids) THEN ("
    "SELECT pg_catalog.string_agg(pg_catalog.split_part(p.gid, '_', 3), ' ') "
    "FROM pg_catalog.pg_prepared_xacts p "
    "JOIN pg_catalog.pg_locks own ON own.pid IS NULL AND own.transactionid = p.transaction "
    "JOIN pg_catalog.pg_locks h ON h.pid IS NULL AND h.virtualtransaction = own.virtualtransaction "
    "WHERE p.gid ~ '^pgpool_[0-9]+_[0-9]{10,18}$' AND own.granted AND h.granted "
    "AND (w.mode = 'AccessExclusiveLock' OR h.mode <> ALL ('{AccessShareLock,RowShareLock}')) "
    "AND (h.locktype, h.database, h.relation, h.page, h.tuple, h.transactionid, h.classid, h.objid, "
    "h.objsubid) IS NOT DISTINCT FROM (w.locktype, w.database, w.relation, w.page, w.tuple, "
    "w.transactionid, w.classid, w.objid, w.objsubid)) END "
    "FROM pg_catalog.pg_locks w CROSS JOIN LATERAL pg_catalog.pg_blocking_pids(w.pid) AS b(pids) "
    "WHERE NOT w.granted";

std::vector<std::uint64_t> numbers(std::string_view text) {
    std::vector<std::uint64_t> found;
    while (!text.empty()) {
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc()) break;
        if (number != 0) found.push_back(number);  // 0: a prepared transaction
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        if (!text.empty()) text.remove_prefix(1);
    }
    return found;
}

// The parts of a census that have come; lives as long as a worker may still add its own.
class Collection {
public:
    void add(DeadlockWatch::Participants part) {
        const std::lock_guard lock(mutex_);
        std::move(part.begin(), part.end(), std::back_inserter(all_));
        ++parts_;
        changed_.notify_one();
    }
    // All of them, or nothing when it takes too long.
    [[nodiscard]] std::optional<DeadlockWatch::Participants> take(std::size_t parts, TimePoint deadline) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_until(lock, deadline, [&] { return parts_ == parts; })) return std::nullopt;
        return std::move(all_);
    }

private:
    std::mutex mutex_;  // guards all below
    std::condition_variable changed_;
    std::size_t parts_ = 0;
    DeadlockWatch::Participants all_;
};

}  // namespace

class DeadlockWatch::Core {
public:
    Core(config::ConfigPtr config, std::size_t workers, Topology topology, Census census, End end)
        : workers_(workers),
          topology_(std::move(topology)),
          census_(std::move(census)),
          end_(std::move(end)),
          config_(std::move(config)) {}
    ~Core() { stop(); }
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    void start() {
        thread_.start([this] { run(); });
    }
    void stop() { thread_.stop(); }
    void reload(config::ConfigPtr config) {
        const std::lock_guard lock(mutex_);
        config_ = std::move(config);
    }
    void look() {
        const std::lock_guard lock(mutex_);
        wanted_ = true;
        changed_.notify_one();
    }

private:
    void run();
    void wait_for_work(std::unique_lock<std::mutex>& lock);
    void search(const config::Health& login);
    [[nodiscard]] std::vector<Deadlock> round(const config::Health& login);
    [[nodiscard]] std::vector<LockWait> waits(const config::Health& login);
    [[nodiscard]] pg::Client* client(const cluster::NodeStatus& node, const config::Health& login,
                                     TimePoint deadline);

    const std::size_t workers_;
    const Topology topology_;
    const Census census_;
    const End end_;
    std::mutex mutex_;  // guards config_ and wanted_
    std::condition_variable changed_;
    config::ConfigPtr config_;
    bool wanted_ = false;

    OwnThread thread_{mutex_, changed_};
    std::map<NodeId, pg::Client> clients_;  // of the thread
};

void DeadlockWatch::Core::run() {
    std::unique_lock lock(mutex_);
    while (!thread_.stopping()) {
        if (!std::exchange(wanted_, false)) {
            wait_for_work(lock);
            continue;
        }
        const config::ConfigPtr config = config_;
        lock.unlock();
        search(config->health);
        lock.lock();
        changed_.wait_for(lock, kPause, [this] { return thread_.stopping().load(); });
    }
    clients_.clear();
}

void DeadlockWatch::Core::wait_for_work(std::unique_lock<std::mutex>& lock) {
    const auto is_due = [this] { return wanted_ || thread_.stopping(); };
    if (clients_.empty()) {
        changed_.wait(lock, is_due);
    } else if (!changed_.wait_for(lock, kCloseIdleAfter, is_due)) {
        clients_.clear();
    }
}

void DeadlockWatch::Core::search(const config::Health& login) {
    const std::vector<Deadlock> first = round(login);
    if (first.empty()) return;
    const std::vector<Deadlock> second = round(login);
    for (const Deadlock& deadlock : first) {
        if (std::find(second.begin(), second.end(), deadlock) != second.end()) end_(deadlock.victim);
    }
}

std::vector<Deadlock> DeadlockWatch::Core::round(const config::Health& login) {
    const auto collection = std::make_shared<Collection>();
    census_([collection](Participants part) { collection->add(std::move(part)); });
    const auto participants = collection->take(workers_, SteadyClock::now() + kPatience);
    if (!participants) return {};
    return replication::find_deadlocks(*participants, waits(login));
}

std::vector<LockWait> DeadlockWatch::Core::waits(const config::Health& login) {
    std::vector<LockWait> found;
    const cluster::TopologyPtr topology = topology_();
    for (const cluster::NodeStatus& node : topology->nodes) {
        if (node.state != cluster::NodeState::Up) continue;
        const TimePoint deadline = SteadyClock::now() + kPatience;
        pg::Client* asked = client(node, login, deadline);
        if (asked == nullptr) continue;
        const auto rows = asked->run(kWaits, deadline);
        if (!rows) {
            clients_.erase(node.id);
            continue;
        }
        for (std::size_t row = 0; row < rows->size(); ++row) {
            for (const std::uint64_t pid : numbers(rows->text(row, 0))) {
                found.push_back({{node.id, pid}, numbers(rows->text(row, 1))});
                found.push_back({{node.id, pid}, numbers(rows->text(row, 2))});
            }
        }
    }
    return found;
}

// Null: it does not answer.
pg::Client* DeadlockWatch::Core::client(const cluster::NodeStatus& node, const config::Health& login,
                                        TimePoint deadline) {
    const auto known = clients_.find(node.id);
    if (known != clients_.end() && known->second.check_idle()) return &known->second;
    clients_.erase(node.id);
    const pg::ConnectParams params = pg::own_params(node, pg::own_login(login, pg::OwnSession::Deadlocks));
    auto made = pg::Client::connect(params, deadline, &thread_.stopping());
    if (made) return &clients_.emplace(node.id, std::move(*made)).first->second;
    if (!thread_.stopping())
        log::warning("deadlock_check_failed", {{"node", node.name}, {"reason", made.error().message}});
    return nullptr;
}

DeadlockWatch::DeadlockWatch(config::ConfigPtr config, std::size_t workers, Topology topology, Census census,
                             End end)
    : core_(std::make_unique<Core>(std::move(config), workers, std::move(topology), std::move(census),
                                   std::move(end))) {}
DeadlockWatch::~DeadlockWatch() = default;

void DeadlockWatch::start() {
    core_->start();
}
void DeadlockWatch::stop() {
    core_->stop();
}
void DeadlockWatch::reload(config::ConfigPtr config) {
    core_->reload(std::move(config));
}
void DeadlockWatch::look() {
    core_->look();
}

}  // namespace pgpool::health
