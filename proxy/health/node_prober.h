// SPDX-License-Identifier: PostgreSQL
#pragma once

// NodeProber: the thread that watches one node over one libpq connection.
//
// Loop: probe, report, wait until the next probe is due, the connection ends, or somebody kicks. A connection
// that ends leads to a new attempt at once, which tells a terminated backend from a dead postmaster.
// Threads: public members from any thread; `report` runs on the prober's thread.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/cluster/topology_builder.h"
#include "common/config/config.h"
#include "common/net/wakeup.h"
#include "common/pg/client.h"
#include "proxy/health/pace.h"
#include "proxy/health/probe_query.h"

namespace pgpool::health {

// Since when the cluster has no primary; shared by all probers of a monitor.
class PrimarySearch {
public:
    void begin(TimePoint now) { since_.store(now.time_since_epoch().count(), std::memory_order_relaxed); }
    void end() { since_.store(kFound, std::memory_order_relaxed); }
    [[nodiscard]] std::optional<TimePoint> since() const {
        const Duration::rep ticks = since_.load(std::memory_order_relaxed);
        return ticks == kFound ? std::nullopt : std::optional(TimePoint(Duration(ticks)));
    }

private:
    static constexpr Duration::rep kFound = 0;
    std::atomic<Duration::rep> since_{kFound};
};

class NodeProber {
public:
    using Report = std::function<void(NodeId, cluster::ProbeResult)>;

    struct Node {
        NodeId id;
        std::string host;
        std::uint16_t port = 5432;
    };

    // `search` outlives the prober.
    NodeProber(Node node, config::Health health, Pace pace, const PrimarySearch& search, Report report);
    ~NodeProber();  // asks to stop and waits; after request_stop() for at most about 20 ms
    NodeProber(const NodeProber&) = delete;
    NodeProber& operator=(const NodeProber&) = delete;

    void request_stop();
    void kick(TimePoint until);      // probe now and fast until then
    void wake() { wakeup_.wake(); }  // look again at what the pace depends on
    void use(const config::Health& health, const Pace& pace);

private:
    // Owned by the thread.
    struct Session {
        config::Health health;
        Pace pace;
        std::optional<pg::Client> client;
        ProbeDepth depth = ProbeDepth::Full;
        std::vector<std::string> addresses;
        std::uint32_t connect_failures = 0;  // in a row
        TimePoint resolved_at;
        TimePoint started_at;  // of the last probe
        bool lost = false;     // the connection ended since then
        cluster::Reach reach = cluster::Reach::Ok;
        std::optional<TimePoint> trouble_since;
    };

    void run();
    void take_settings(Session& session);
    [[nodiscard]] cluster::ProbeResult probe(Session& session);
    [[nodiscard]] std::optional<pg::ClientError> connect(Session& session, TimePoint deadline);
    [[nodiscard]] std::optional<pg::ClientError> refresh_addresses(Session& session, TimePoint deadline);
    [[nodiscard]] pg::ClientResult<pg::Rows> ask(Session& session, TimePoint deadline);
    static void note(Session& session, cluster::Reach reach);
    static void note_loss(Session& session);
    void wait(Session& session);
    [[nodiscard]] TimePoint due(const Session& session, TimePoint now) const;

    const Node node_;
    const PrimarySearch& search_;
    const Report report_;
    const net::Wakeup wakeup_;
    std::atomic<bool> stop_{false};
    std::atomic<Duration::rep> kicked_until_{0};

    std::mutex mutex_;  // guards what use() hands over
    config::Health new_health_;
    Pace new_pace_;
    bool settings_changed_ = true;

    std::thread thread_;  // last: it starts when all of the above is there
};

}  // namespace pgpool::health
