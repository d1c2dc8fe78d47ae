// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/monitor.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "common/cluster/role_name.h"
#include "common/cluster/topology_builder.h"
#include "common/obs/log.h"
#include "proxy/health/node_prober.h"

namespace pgpool::health {

namespace {

using cluster::NodeEvidence;
using cluster::NodeState;
using cluster::NodeStatus;
using cluster::Topology;
using cluster::TopologyPtr;

void log_node_change(const NodeStatus& node, const Topology& before, const Topology& after) {
    const NodeStatus* old = before.find(node.id);
    if (old != nullptr && old->state == node.state && old->role == node.role) return;
    if (node.state == NodeState::Down) {
        log::warning("node_down",
                     {{"node", node.name}, {"class", to_string(node.reach)}, {"reason", node.reason}});
    } else if (node.state == NodeState::Up) {
        log::info("node_up",
                  {{"node", node.name}, {"role", role_name(after, node)}, {"timeline", node.timeline}});
    }
}

void log_primary_change(const Topology& before, const Topology& after) {
    if (before.primary == after.primary) return;
    if (const NodeStatus* primary = after.primary_node()) {
        log::info(after.epoch > 0 ? "main_found" : "primary_found",
                  {{"node", primary->name}, {"timeline", primary->timeline}});
    } else {
        log::warning(after.epoch > 0 ? "main_lost" : "primary_lost",
                     {{"node", before.primary_node()->name}, {"reason", after.parked_because}});
    }
}

// Who decides at the start: somebody else has told nothing yet.
cluster::RoleDeciderPtr first_decider(const config::Config& config) {
    if (config.mode == config::ClusterMode::Replication)
        return std::make_shared<const cluster::ByMembership>(cluster::Membership(), false);
    if (config.watchdog.enabled) {
        return std::make_shared<const cluster::ByDecision>(cluster::Decision{
            .revision = std::nullopt, .nodes = {}, .withheld = "the watchdog was not asked yet"});
    }
    return std::make_shared<const cluster::ByEvidence>();
}

}  // namespace

class Monitor::Core {
public:
    Core(config::ConfigPtr config, Publish publish, MonitorOptions options);
    ~Core() { stop(); }
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    void start();
    void stop();
    void reload(config::ConfigPtr config);
    void kick(NodeId node, std::string_view reason);
    void kick_all(std::string_view reason);
    void follow(cluster::Membership membership, bool is_open);
    void follow(cluster::Decision decision);
    void on_suspected(Suspected suspected) { suspected_ = std::move(suspected); }
    void on_failure(Failed failed) { failed_ = std::move(failed); }
    [[nodiscard]] TopologyPtr current() const;

private:
    using Probers = std::map<NodeId, std::unique_ptr<NodeProber>>;

    // What is to be said once the lock is released: writing a log may block.
    struct News {
        TopologyPtr before;
        TopologyPtr after;
        std::vector<std::string> conflicts;  // new ones
    };

    void on_report(NodeId node, cluster::ProbeResult result);
    [[nodiscard]] NodeId id_of(const config::Node& node);
    [[nodiscard]] NodeEvidence evidence_of(const config::Node& node);
    [[nodiscard]] std::vector<NodeEvidence> evidence_for(const config::Config& config);
    [[nodiscard]] Probers align_probers();
    [[nodiscard]] cluster::BuiltTopology judge() const;
    [[nodiscard]] News rebuild();
    void forgive_attached(const cluster::Membership& membership);
    [[nodiscard]] News decided_by(cluster::RoleDeciderPtr decider);
    void steer_search();
    static void tell(const News& news);
    [[nodiscard]] Pace pace() const;

    const Publish publish_;
    Suspected suspected_;
    Failed failed_;
    const MonitorOptions options_;
    PrimarySearch search_;

    mutable std::mutex mutex_;  // guards all below
    config::ConfigPtr config_;
    bool running_ = false;
    std::map<std::tuple<std::string, std::string, std::uint16_t>, NodeId> ids_;  // all ever given
    std::vector<NodeEvidence> evidence_;                                         // ordered by id
    std::vector<std::string> conflicts_;                                         // of the last judgement
    cluster::RoleDeciderPtr decider_;
    TopologyPtr topology_ = std::make_shared<const Topology>();
    Probers probers_;
};

Monitor::Core::Core(config::ConfigPtr config, Publish publish, MonitorOptions options)
    : publish_(std::move(publish)),
      options_(options),
      config_(std::move(config)),
      decider_(first_decider(*config_)) {
    search_.begin(SteadyClock::now());
    evidence_ = evidence_for(*config_);
    topology_ = std::make_shared<const Topology>(judge().topology);
}

// REQUIRES: the lock is held, or nobody else is there yet.
cluster::BuiltTopology Monitor::Core::judge() const {
    auto built = decider_->decide(evidence_, *topology_, std::chrono::system_clock::now());
    if (!built.suspects.empty() && suspected_) suspected_(built.suspects, built.topology.epoch);
    return built;
}

Pace Monitor::Core::pace() const {
    Pace pace;
    pace.period = config_->health.period;
    pace.fast = options_.fast_period;
    pace.no_primary_window = options_.no_primary_window;
    pace.slow_search = options_.slow_search_period;
    return pace;
}

NodeId Monitor::Core::id_of(const config::Node& node) {
    const auto next = static_cast<std::uint16_t>(ids_.size());
    return ids_.try_emplace({node.name, node.host, node.port}, NodeId(next)).first->second;
}

// What is known of a node; of one that is new, or was away, nothing.
NodeEvidence Monitor::Core::evidence_of(const config::Node& node) {
    const NodeId id = id_of(node);
    const auto known = std::ranges::find(evidence_, id, &NodeEvidence::id);
    if (known != evidence_.end()) return *known;
    NodeEvidence evidence;
    evidence.id = id;
    evidence.name = node.name;
    evidence.host = node.host;
    evidence.port = node.port;
    return evidence;
}

std::vector<NodeEvidence> Monitor::Core::evidence_for(const config::Config& config) {
    std::vector<NodeEvidence> next;
    for (const config::Node& node : config.nodes) {
        next.push_back(evidence_of(node));
        next.back().weight = node.weight;
    }
    std::ranges::sort(next, {}, &NodeEvidence::id);
    return next;
}

// Starts probers for new nodes and hands out those of removed nodes, to be ended without the lock.
Monitor::Core::Probers Monitor::Core::align_probers() {
    Probers next;
    for (const NodeEvidence& node : evidence_) {
        auto known = probers_.extract(node.id);
        if (!known.empty()) {
            known.mapped()->use(config_->health, pace());
            next.insert(std::move(known));
            continue;
        }
        next.emplace(node.id, std::make_unique<NodeProber>(NodeProber::Node{node.id, node.host, node.port},
                                                           config_->health, pace(), search_,
                                                           [this](NodeId id, cluster::ProbeResult result) {
                                                               on_report(id, std::move(result));
                                                           }));
    }
    std::swap(next, probers_);
    for (auto& [id, prober] : next) prober->request_stop();
    return next;
}

// REQUIRES: the lock is held. Publishing under it keeps the order of versions.
Monitor::Core::News Monitor::Core::rebuild() {
    auto built = judge();
    News news{topology_, std::make_shared<const Topology>(std::move(built.topology)), {}};
    for (const std::string& conflict : built.conflicts) {
        if (std::ranges::find(conflicts_, conflict) == conflicts_.end()) news.conflicts.push_back(conflict);
    }
    conflicts_ = std::move(built.conflicts);
    topology_ = news.after;
    publish_(topology_);
    steer_search();
    return news;
}

void Monitor::Core::steer_search() {
    const bool searching = search_.since().has_value();
    const bool found = topology_->primary.has_value();
    if (found && searching) search_.end();
    if (!found && !searching) {
        search_.begin(SteadyClock::now());
        for (auto& [id, prober] : probers_) prober->wake();
    }
}

void Monitor::Core::tell(const News& news) {
    for (const NodeStatus& node : news.after->nodes) log_node_change(node, *news.before, *news.after);
    log_primary_change(*news.before, *news.after);
    for (const std::string& conflict : news.conflicts) log::error("cluster_conflict", {{"reason", conflict}});
}

void Monitor::Core::start() {
    News news;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(running_, true)) return;
        news = rebuild();
        static_cast<void>(align_probers());
    }
    tell(news);
}

void Monitor::Core::stop() {
    Probers ending;
    {
        const std::lock_guard lock(mutex_);
        running_ = false;
        ending.swap(probers_);
    }
    for (auto& [id, prober] : ending) prober->request_stop();
}

void Monitor::Core::reload(config::ConfigPtr config) {
    Probers ending;
    News news;
    {
        const std::lock_guard lock(mutex_);
        config_ = std::move(config);
        evidence_ = evidence_for(*config_);
        if (running_) ending = align_probers();
        news = rebuild();
    }
    tell(news);
}

void Monitor::Core::forgive_attached(const cluster::Membership& membership) {
    for (NodeEvidence& node : evidence_) {
        if (!membership.is_attached(node.name)) continue;
        if (node.state == NodeState::Down) node.state = NodeState::Unknown;
        node.refused_in_row = 0;
        node.failures_in_row = 0;
    }
}

// REQUIRES: the lock is held.
Monitor::Core::News Monitor::Core::decided_by(cluster::RoleDeciderPtr decider) {
    decider_ = std::move(decider);
    return rebuild();
}

void Monitor::Core::follow(cluster::Membership membership, bool is_open) {
    News news;
    {
        const std::lock_guard lock(mutex_);
        if (is_open) forgive_attached(membership);
        news = decided_by(std::make_shared<const cluster::ByMembership>(std::move(membership), is_open));
    }
    tell(news);
}

void Monitor::Core::follow(cluster::Decision decision) {
    News news;
    {
        const std::lock_guard lock(mutex_);
        news = decided_by(std::make_shared<const cluster::ByDecision>(std::move(decision)));
    }
    tell(news);
}

void Monitor::Core::on_report(NodeId node, cluster::ProbeResult result) {
    News news;
    {
        const std::lock_guard lock(mutex_);
        const auto evidence = std::ranges::find(evidence_, node, &NodeEvidence::id);
        if (!running_ || evidence == evidence_.end()) return;  // removed while this probe was under way
        const cluster::DownRule rule{config_->health.failures_to_down, config_->health.period};
        cluster::record(*evidence, std::move(result), rule, SteadyClock::now());
        if (evidence->reach != cluster::Reach::Ok && failed_) failed_(*evidence, *topology_);
        news = rebuild();
    }
    tell(news);
}

void Monitor::Core::kick(NodeId node, std::string_view reason) {
    log::debug("health_kick", {{"node", node.value}, {"reason", reason}});
    const std::lock_guard lock(mutex_);
    const auto prober = probers_.find(node);
    if (prober == probers_.end()) return;
    prober->second->kick(SteadyClock::now() + options_.kick_window);
}

void Monitor::Core::kick_all(std::string_view reason) {
    log::debug("health_kick_all", {{"reason", reason}});
    const std::lock_guard lock(mutex_);
    const TimePoint until = SteadyClock::now() + options_.kick_window;
    for (auto& [id, prober] : probers_) prober->kick(until);
}

TopologyPtr Monitor::Core::current() const {
    const std::lock_guard lock(mutex_);
    return topology_;
}

Monitor::Monitor(config::ConfigPtr config, Publish publish, MonitorOptions options)
    : core_(std::make_unique<Core>(std::move(config), std::move(publish), options)) {}
Monitor::~Monitor() = default;

void Monitor::start() {
    core_->start();
}
void Monitor::stop() {
    core_->stop();
}
void Monitor::reload(config::ConfigPtr config) {
    core_->reload(std::move(config));
}
void Monitor::kick(NodeId node, std::string_view reason) {
    core_->kick(node, reason);
}
void Monitor::follow(cluster::Membership membership, bool is_open) {
    core_->follow(std::move(membership), is_open);
}
void Monitor::follow(cluster::Decision decision) {
    core_->follow(std::move(decision));
}
void Monitor::on_failure(Failed failed) {
    core_->on_failure(std::move(failed));
}
void Monitor::on_suspected(Suspected suspected) {
    core_->on_suspected(std::move(suspected));
}
void Monitor::kick_all(std::string_view reason) {
    core_->kick_all(reason);
}
TopologyPtr Monitor::current() const {
    return core_->current();
}

}  // namespace pgpool::health
