// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/catalog_loader.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

#include "common/obs/log.h"
#include "proxy/health/catalog_queries.h"
#include "proxy/health/catalog_rows.h"
#include "proxy/health/control_connection.h"
#include "proxy/health/load_schedule.h"
#include "proxy/health/own_thread.h"

namespace pgpool::health {

namespace {

// A load of 50,000 relations takes well under a second; ten are time enough for a busy server.
constexpr seconds kLoadTimeout{10};
constexpr SqlState kNoSuchDatabase{"3D000"};

FactsFor purpose(const config::Config& config) {
    return config.mode == config::ClusterMode::Replication ? FactsFor::Replication : FactsFor::Routing;
}

}  // namespace

class CatalogLoader::Core {
public:
    Core(config::ConfigPtr config, Topology topology, InUse in_use, Publish publish)
        : topology_(std::move(topology)),
          in_use_(std::move(in_use)),
          publish_(std::move(publish)),
          config_(std::move(config)) {}

    void start() {
        thread_.start([this] { run(); });
    }
    void stop() { thread_.stop(); }
    void reload(config::ConfigPtr config);
    void request(std::string_view database);
    void ddl_seen(std::string_view database);
    void hurry(std::string_view database);

private:
    void run();
    void load(const std::string& database, const config::Config& config);
    [[nodiscard]] pg::ClientResult<CatalogRows> fetch(const std::string& database,
                                                      const config::Config& config);
    void note_failure(const std::string& database, const pg::ClientError& error,
                      const config::Config& config);

    const Topology topology_;
    const InUse in_use_;
    const Publish publish_;
    std::uint64_t version_ = 0;  // of the thread

    std::mutex mutex_;  // guards all below but the thread
    std::condition_variable changed_;
    config::ConfigPtr config_;
    LoadSchedule schedule_;
    OwnThread thread_{mutex_, changed_};
};

void CatalogLoader::Core::reload(config::ConfigPtr config) {
    const std::lock_guard lock(mutex_);
    config_ = std::move(config);
    changed_.notify_one();
}

void CatalogLoader::Core::request(std::string_view database) {
    const std::lock_guard lock(mutex_);
    if (schedule_.request(database, SteadyClock::now())) changed_.notify_one();
}

void CatalogLoader::Core::ddl_seen(std::string_view database) {
    const std::lock_guard lock(mutex_);
    if (schedule_.ddl_seen(database, SteadyClock::now())) changed_.notify_one();
}

void CatalogLoader::Core::hurry(std::string_view database) {
    const std::lock_guard lock(mutex_);
    if (schedule_.hurry(database, SteadyClock::now())) changed_.notify_one();
}

void CatalogLoader::Core::run() {
    std::unique_lock lock(mutex_);
    while (!thread_.stopping()) {
        const config::ConfigPtr config = config_;
        if (const auto database = schedule_.take_due(SteadyClock::now(), config->routing.facts_refresh)) {
            // Under the lock: who takes it into use now requests it after this.
            if (!in_use_(*database)) {
                schedule_.forget(*database);
                continue;
            }
            lock.unlock();
            load(*database, *config);
            lock.lock();
        } else if (const auto next = schedule_.next_due()) {
            changed_.wait_until(lock, *next);
        } else {
            changed_.wait(lock);
        }
    }
}

void CatalogLoader::Core::load(const std::string& database, const config::Config& config) {
    const TimePoint start = SteadyClock::now();
    pg::ClientResult<CatalogRows> rows = fetch(database, config);
    if (thread_.stopping()) return;
    if (!rows) {
        note_failure(database, rows.error(), config);
        return;
    }
    auto facts = std::make_shared<sql::CatalogFacts>(build_facts(*rows, ++version_, purpose(config)));
    facts->as_of = start;
    if (purpose(config) == FactsFor::Replication)
        facts->builtin_functions =
            builtin_functions((*rows)[static_cast<std::size_t>(CatalogQuery::Functions)]);
    log::debug("catalog_loaded", {{"database", database},
                                  {"functions", facts->functions.size()},
                                  {"relations", facts->relations.size()},
                                  {"took", SteadyClock::now() - start}});
    publish_(database, std::move(facts));
    const std::lock_guard lock(mutex_);
    schedule_.succeeded(database);
}

pg::ClientResult<CatalogRows> CatalogLoader::Core::fetch(const std::string& database,
                                                         const config::Config& config) {
    // One connection per load: idle ones would use up a connection slot per database.
    ControlConnection connection(thread_.stopping());
    const TimePoint deadline = SteadyClock::now() + kLoadTimeout;
    const pg::OwnLogin login = pg::own_login(config.health, pg::OwnSession::Catalog, database);
    auto client = connection.open(*topology_(), login, deadline);
    if (!client) return tl::unexpected(client.error());
    // A server that is late is not to go on for nobody.
    auto prepared = (*client)->query("SET statement_timeout = '10s'", {}, deadline);
    if (!prepared) return tl::unexpected(prepared.error());
    const bool all_queries = purpose(config) == FactsFor::Replication;
    if (all_queries) {
        auto begun = (*client)->query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", {}, deadline);
        if (!begun) return tl::unexpected(begun.error());
    }
    CatalogRows all;
    for (std::size_t i = 0; i < (all_queries ? kCatalogQueries : kRoutingQueries); ++i) {
        auto rows = (*client)->query(catalog_query(static_cast<CatalogQuery>(i)), {}, deadline);
        if (!rows) return tl::unexpected(rows.error());
        all[i] = std::move(*rows);
    }
    return all;
}

void CatalogLoader::Core::note_failure(const std::string& database, const pg::ClientError& error,
                                       const config::Config& config) {
    log::warning("catalog_load_failed",
                 {{"database", database}, {"class", to_string(error.reach)}, {"reason", error.message}});
    const std::lock_guard lock(mutex_);
    if (error.sqlstate == kNoSuchDatabase) {
        schedule_.forget(database);
    } else {
        schedule_.failed(database, SteadyClock::now(), config.routing.facts_refresh);
    }
}

CatalogLoader::CatalogLoader(config::ConfigPtr config, Topology topology, InUse in_use, Publish publish)
    : core_(std::make_unique<Core>(std::move(config), std::move(topology), std::move(in_use),
                                   std::move(publish))) {}
CatalogLoader::~CatalogLoader() = default;

void CatalogLoader::start() {
    core_->start();
}
void CatalogLoader::stop() {
    core_->stop();
}
void CatalogLoader::reload(config::ConfigPtr config) {
    core_->reload(std::move(config));
}
void CatalogLoader::request(std::string_view database) {
    core_->request(database);
}
void CatalogLoader::ddl_seen(std::string_view database) {
    core_->ddl_seen(database);
}
void CatalogLoader::hurry(std::string_view database) {
    core_->hurry(database);
}

}  // namespace pgpool::health
