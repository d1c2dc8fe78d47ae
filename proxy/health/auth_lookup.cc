// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/auth_lookup.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "common/obs/log.h"
#include "proxy/health/answer_cache.h"
#include "proxy/health/control_connection.h"
#include "proxy/health/own_thread.h"

namespace pgpool::health {

namespace {

constexpr seconds kCloseIdleAfter{30};  // then the connection gives its slot back

}  // namespace

class AuthLookup::Core {
public:
    Core(config::ConfigPtr config, Topology topology)
        : topology_(std::move(topology)), config_(std::move(config)) {}
    ~Core() { stop(); }
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    void start();
    void stop();
    void reload(config::ConfigPtr config);
    void forget();
    void doubt(const std::string& user);
    void lookup(std::string user, std::string database, Callback callback);

private:
    using Waiters = std::vector<Callback>;

    void run();
    void wait_for_work(std::unique_lock<std::mutex>& lock);
    void serve(std::unique_lock<std::mutex>& lock);
    [[nodiscard]] Answer ask(const UserKey& key, const config::Config& config);
    [[nodiscard]] pg::ClientResult<pg::Rows> query(const UserKey& key, const config::Config& config,
                                                   TimePoint deadline);
    static void refuse(const Waiters& waiters, const Error& error);

    const Topology topology_;
    std::mutex mutex_;  // guards all but the thread and its connection
    std::condition_variable changed_;
    config::ConfigPtr config_;
    AnswerCache answers_;
    std::uint64_t forgotten_ = 0;         // how often all answers were
    std::map<UserKey, Waiters> waiting_;  // by what they ask
    std::deque<UserKey> order_;           // keys of waiting_
    std::size_t waiters_ = 0;             // over all keys

    OwnThread thread_{mutex_, changed_};
    ControlConnection connection_{thread_.stopping()};  // of the thread
};

void AuthLookup::Core::start() {
    thread_.start([this] { run(); });
}

void AuthLookup::Core::stop() {
    thread_.stop();
    std::map<UserKey, Waiters> left;
    {
        const std::lock_guard lock(mutex_);
        left.swap(waiting_);
        order_.clear();
        waiters_ = 0;
    }
    for (const auto& [key, waiters] : left)
        refuse(waiters, {"the server is shutting down", sqlstate::kAdminShutdown});
}

void AuthLookup::Core::reload(config::ConfigPtr config) {
    const std::lock_guard lock(mutex_);
    answers_.clear();
    ++forgotten_;
    config_ = std::move(config);
}

void AuthLookup::Core::forget() {
    const std::lock_guard lock(mutex_);
    answers_.clear();
    ++forgotten_;
}

void AuthLookup::Core::doubt(const std::string& user) {
    const std::lock_guard lock(mutex_);
    answers_.doubt(user);
}

void AuthLookup::Core::lookup(std::string user, std::string database, Callback callback) {
    std::optional<Error> refusal;
    {
        const std::lock_guard lock(mutex_);
        if (thread_.stopping()) {
            refusal = Error{"the server is shutting down", sqlstate::kAdminShutdown};
        } else if (waiters_ >= kMaxWaiting) {
            refusal = Error{"too many clients wait for auth_query", sqlstate::kTooManyConnections};
        } else {
            const bool by_database = config_->auth.auth_query.find("$2") != std::string::npos;
            UserKey key{std::move(user), by_database ? std::move(database) : std::string()};
            Waiters& waiters = waiting_[key];
            if (waiters.empty()) order_.push_back(std::move(key));
            waiters.push_back(std::move(callback));
            ++waiters_;
            changed_.notify_one();
        }
    }
    if (refusal) callback(tl::unexpected(*refusal));
}

void AuthLookup::Core::run() {
    std::unique_lock lock(mutex_);
    while (!thread_.stopping()) {
        if (order_.empty()) {
            wait_for_work(lock);
        } else {
            serve(lock);
        }
    }
    connection_.close();
}

void AuthLookup::Core::wait_for_work(std::unique_lock<std::mutex>& lock) {
    if (!connection_.is_open()) {
        changed_.wait(lock);
    } else if (changed_.wait_for(lock, kCloseIdleAfter) == std::cv_status::timeout) {
        connection_.close();
    }
}

// One key. Who asks the same while the query runs is answered with it.
void AuthLookup::Core::serve(std::unique_lock<std::mutex>& lock) {
    const UserKey key = std::move(order_.front());
    order_.pop_front();
    const config::ConfigPtr config = config_;
    const AnswerCache::Verifier* kept = answers_.find(key, SteadyClock::now());
    Answer answer = kept != nullptr ? Answer(*kept) : Answer();
    if (kept == nullptr) {
        const std::uint64_t forgotten = forgotten_;
        lock.unlock();
        answer = ask(key, *config);
        lock.lock();
        if (thread_.stopping()) return;
        // What was forgotten meanwhile may be what this answer says.
        if (answer && forgotten == forgotten_) {
            answers_.keep(key, *answer, SteadyClock::now(), config->auth.auth_query_ttl);
        }
    }
    const Waiters waiters = std::move(waiting_.extract(key).mapped());
    waiters_ -= waiters.size();
    lock.unlock();
    for (const Callback& callback : waiters) callback(answer);
    lock.lock();
}

AuthLookup::Answer AuthLookup::Core::ask(const UserKey& key, const config::Config& config) {
    const TimePoint deadline = SteadyClock::now() + config.health.timeout;
    pg::ClientResult<pg::Rows> rows = query(key, config, deadline);
    // A kept connection may have ended with its server: once more, on a new one.
    if (!rows && rows.error().reach == cluster::Reach::Unreachable && !thread_.stopping())
        rows = query(key, config, deadline);
    if (!rows) {
        if (!thread_.stopping()) {
            log::warning("auth_query_failed", {{"user", key.user},
                                               {"class", to_string(rows.error().reach)},
                                               {"reason", rows.error().message}});
        }
        return tl::unexpected(rows.error().error().within("auth_query"));
    }
    if (rows->empty()) return std::nullopt;
    if (rows->columns() < 2) {
        log::error("auth_query_failed",
                   {{"user", key.user}, {"reason", "two columns are needed: name, password"}});
        return fail(sqlstate::kConfigFileError, "auth_query gives one column, needed are name and password");
    }
    return rows->at(0, 1);
}

pg::ClientResult<pg::Rows> AuthLookup::Core::query(const UserKey& key, const config::Config& config,
                                                   TimePoint deadline) {
    const config::Auth& auth = config.auth;
    const pg::OwnLogin login{auth.auth_user, auth.auth_password, auth.auth_database, pg::OwnSession::Auth};
    auto client = connection_.open(*topology_(), login, deadline);
    if (!client) return tl::unexpected(client.error());
    const std::array<pg::Client::Parameter, 2> parameters{key.user, key.database};
    const std::size_t count = auth.auth_query.find("$2") != std::string::npos ? 2 : 1;
    return (*client)->query(auth.auth_query, std::span(parameters).first(count), deadline);
}

void AuthLookup::Core::refuse(const Waiters& waiters, const Error& error) {
    for (const Callback& callback : waiters) callback(tl::unexpected(error));
}

AuthLookup::AuthLookup(config::ConfigPtr config, Topology topology)
    : core_(std::make_unique<Core>(std::move(config), std::move(topology))) {}
AuthLookup::~AuthLookup() = default;

void AuthLookup::start() {
    core_->start();
}
void AuthLookup::stop() {
    core_->stop();
}
void AuthLookup::reload(config::ConfigPtr config) {
    core_->reload(std::move(config));
}
void AuthLookup::forget() {
    core_->forget();
}
void AuthLookup::doubt(const std::string& user) {
    core_->doubt(user);
}
void AuthLookup::lookup(std::string user, std::string database, Callback callback) {
    core_->lookup(std::move(user), std::move(database), std::move(callback));
}

}  // namespace pgpool::health
