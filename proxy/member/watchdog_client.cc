// SPDX-License-Identifier: PostgreSQL
#include "proxy/member/watchdog_client.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "common/ipc/client.h"
#include "common/net/event_loop.h"
#include "common/obs/log.h"
#include "common/page/boot_now.h"
#include "common/page/lease_page_reader.h"
#include "common/page/page_path.h"
#include "proxy/member/observation_limiter.h"
#include "proxy/member/translate.h"
#include "proxy/member/view.h"

namespace pgpool::member {

namespace {

constexpr milliseconds kTick{100};
constexpr milliseconds kCensusEvery{20};  // while a primary is parked
constexpr milliseconds kListEvery{300};
constexpr seconds kPageEvery{1};
constexpr int kTicksToHear = 5;  // what waits in the bus is heard within them

ipc::ClientOptions options_of(const config::Config& config, ipc::MemberBus bus) {
    std::random_device random;
    return {.service = std::move(bus.service),
            .trust = bus.trust,
            .hello = {.program = "pgpool-proxy",
                      .instance = ipc::member_name(config.watchdog),
                      .pid = static_cast<std::uint32_t>(::getpid()),
                      .incarnation = (std::uint64_t{random()} << 32U) | random()},
            .limits = {}};
}

std::uint64_t epoch_of(const cluster::Topology& topology) {
    return topology.decided ? topology.decided->epoch : topology.epoch;
}

// Answers that come late, or after the end, are of no use: what they would touch may be gone.
template <typename T>
class Inquiry {
public:
    [[nodiscard]] bool is_due(TimePoint now, Duration every) const {
        return !(pending_ && now - asked_ < seconds(2)) && now - asked_ >= every;
    }
    [[nodiscard]] std::uint64_t begin(TimePoint now) {
        asked_ = now;
        pending_ = true;
        return ++number_;
    }
    [[nodiscard]] bool ends(std::uint64_t number) {
        return number == number_ && std::exchange(pending_, false);
    }
    std::optional<T> told;  // to the hub that is there

private:
    TimePoint asked_;
    bool pending_ = false;
    std::uint64_t number_ = 0;
};

}  // namespace

class WatchdogClient::Core final : public ipc::ClientHandler, public net::TimerTarget {
public:
    Core(config::ConfigPtr config, ipc::MemberBus bus, Wiring wiring);
    ~Core() override { stop(); }

    void start();
    void reload(config::ConfigPtr config);
    void stop();
    void observe(NodeId node, std::uint64_t epoch, bus::Suspicion suspicion, bus::FailureClass failure,
                 std::string reason);
    void on_topology(cluster::TopologyPtr topology);
    [[nodiscard]] WatchdogStatus status() const;
    [[nodiscard]] std::uint64_t lease() const;

    void on_up(const bus::Welcome& hub) override;
    void on_down(const std::string& reason) override;
    void on_message(bus::Message message) override;
    void on_timer(net::Timer& timer) override;

private:
    [[nodiscard]] bool is_replicated() const { return config_->mode == config::ClusterMode::Replication; }
    void add(bus::Topology page);
    void read_page();
    void act();
    void tell_good_until();
    [[nodiscard]] Duration until_next() const;
    void tell(const bus::Observation& observation);
    void tell_membership();
    void count_parked();
    void list_clients();
    void tell_alive();
    void send_list(std::vector<bus::Connection> connections);
    [[nodiscard]] std::optional<bus::Observation> observation_of(NodeId node) const;
    void note_status();
    // `use` runs on the loop's thread, unless this has ended.
    template <typename T>
    [[nodiscard]] std::function<void(T)> later(std::function<void(T)> use);

    config::ConfigPtr config_;
    const Wiring wiring_;
    net::EventLoop loop_;
    net::Timer timer_;
    page::LeasePageReader page_;
    TimePoint page_looked_at_;
    View view_;
    int ticks_past_ = 0;  // since good_until()
    std::optional<cluster::Decision> last_decision_;
    BootTime told_until_ = BootTime::max();
    ObservationLimiter limiter_;
    std::uint64_t observed_ = 0;
    std::uint64_t suppressed_ = 0;
    cluster::TopologyPtr topology_ = std::make_shared<const cluster::Topology>();  // published last
    std::optional<bus::Topology> membership_;
    Inquiry<bus::Parked> parked_;
    Inquiry<std::vector<bus::Connection>> clients_;
    std::uint64_t list_revision_ = 0;
    std::uint64_t beats_ = 0;  // told
    TimePoint beaten_;
    std::uint64_t listed_ = 0;  // connections_seen when clients were listed last
    mutable std::mutex mutex_;  // guards status_ and own_lease_
    page::LeaseView own_lease_;
    WatchdogStatus status_;
    ipc::ClientOptions options_;
    std::unique_ptr<ipc::Client> client_;
    std::thread thread_;
    // Tasks of other threads hold it: what they post must meet a loop.
    struct Door {
        std::mutex mutex;
        net::EventLoop* loop = nullptr;  // null: closed
    };
    const std::shared_ptr<Door> door_ = std::make_shared<Door>();
};

WatchdogClient::Core::Core(config::ConfigPtr config, ipc::MemberBus bus, Wiring wiring)
    : config_(std::move(config)),
      wiring_(std::move(wiring)),
      timer_(*this),
      page_(page::page_path(config_->watchdog.runtime_directory)),
      view_(config_->watchdog.durability),
      options_(options_of(*config_, std::move(bus))) {
    door_->loop = &loop_;
}

void WatchdogClient::Core::start() {
    loop_.post([this] {
        read_page();
        act();
        loop_.arm(timer_, kTick);
    });
    client_ = std::make_unique<ipc::Client>(std::move(options_), *this,
                                            [this](ipc::Task task) { loop_.post(std::move(task)); });
    thread_ = std::thread([this] { loop_.run(); });
}

void WatchdogClient::Core::reload(config::ConfigPtr config) {
    later<config::ConfigPtr>([this](config::ConfigPtr next) {
        config_ = std::move(next);
        view_.use(config_->watchdog.durability);
        act();
    })(std::move(config));
}

void WatchdogClient::Core::stop() {
    {
        const std::lock_guard lock(door_->mutex);
        door_->loop = nullptr;
    }
    loop_.stop();
    if (thread_.joinable()) thread_.join();
    client_.reset();
}

template <typename T>
std::function<void(T)> WatchdogClient::Core::later(std::function<void(T)> use) {
    return [door = door_, use = std::move(use)](T value) {
        const std::lock_guard lock(door->mutex);
        if (door->loop == nullptr) return;
        door->loop->post([use, value = std::move(value)]() mutable { use(std::move(value)); });
    };
}

void WatchdogClient::Core::on_up(const bus::Welcome& hub) {
    view_.up(hub.member);
    limiter_.forget();
    parked_.told.reset();
    clients_.told.reset();
    log::info("watchdog_found", {{"member", hub.member}, {"program", hub.program}, {"pid", hub.pid}});
    if (membership_) tell_membership();
    act();
}

void WatchdogClient::Core::on_down(const std::string& reason) {
    view_.down(reason);
    log::warning("watchdog_away", {{"reason", reason}});
    act();
}

void WatchdogClient::Core::on_message(bus::Message message) {
    if (auto* topology = std::get_if<bus::Topology>(&message)) add(std::move(*topology));
    if (const auto* lease = std::get_if<bus::LeaseView>(&message)) view_.add(*lease);
    act();
}

void WatchdogClient::Core::add(bus::Topology page) {
    const bus::Topology head{.epoch = page.epoch, .revision = page.revision, .nodes = {}};
    const auto news = view_.add(std::move(page));
    if (!news) return log::error("watchdog_topology_damaged", {{"reason", news.error().message}});
    if (*news == View::News::Older) {
        log::warning("watchdog_topology_ignored", {{"epoch", head.epoch},
                                                   {"revision", head.revision},
                                                   {"reason", "a newer one is in force"},
                                                   {"epoch_in_force", view_.topology()->epoch},
                                                   {"revision_in_force", view_.topology()->revision}});
    } else if (*news == View::News::Newer) {
        log::info("watchdog_topology", {{"epoch", head.epoch}, {"revision", head.revision}});
    }
}

// The page goes on when the hub's thread stands still. But if we stood still, for longer than the lease, what
// was decided meanwhile waits in the bus, and is heard before the page counts again.
void WatchdogClient::Core::read_page() {
    if (loop_.now() - page_looked_at_ >= kPageEvery) {
        page_looked_at_ = loop_.now();
        if (const auto why = page_.refresh()) log::debug("lease_page_unreadable", {{"reason", why->message}});
    }
    const page::LeaseView own = page_.read();
    ticks_past_ = page::boot_now() < view_.good_until() ? 0 : ticks_past_ + 1;
    if (ticks_past_ == 0 || ticks_past_ > kTicksToHear) view_.add_deadline(own.deadline);
    const std::lock_guard lock(mutex_);
    own_lease_ = own;
}

// Carries out what has changed in what is known, or is over.
void WatchdogClient::Core::act() {
    if (!is_replicated()) {
        cluster::Decision decision = view_.decision(page::boot_now());
        if (decision != last_decision_) {
            const bool is_new = !last_decision_ || last_decision_->withheld != decision.withheld;
            if (is_new && !decision.withheld.empty())
                log::warning("decision_withheld", {{"reason", decision.withheld}});
            last_decision_ = decision;
            wiring_.decided(std::move(decision));
        }
        tell_good_until();
    }
    note_status();
}

void WatchdogClient::Core::tell_good_until() {
    const BootTime until = view_.needs_lease() ? view_.good_until() : BootTime::max();
    if (std::exchange(told_until_, until) != until) wiring_.good_until(until);
}

void WatchdogClient::Core::on_timer(net::Timer& timer) {
    read_page();
    act();
    count_parked();
    list_clients();
    tell_alive();
    loop_.arm(timer, until_next());
}

Duration WatchdogClient::Core::until_next() const {
    Duration next = topology_->leaving ? kCensusEvery : kTick;
    if (view_.needs_lease()) {
        const BootTime now = page::boot_now();
        if (view_.good_until() > now) next = std::min<Duration>(next, view_.good_until() - now);
    }
    return next;
}

// What names the node to the hub: its number in the hub's own topology, or in the configuration before.
std::optional<bus::Observation> WatchdogClient::Core::observation_of(NodeId node) const {
    const cluster::NodeStatus* status = topology_->find(node);
    if (status == nullptr) return std::nullopt;
    bus::Observation observation;
    if (const bus::Topology* told = view_.topology()) {
        for (const bus::Node& known : told->nodes) {
            if (known.name != status->name) continue;
            observation.node = known.id;
            return observation;
        }
        return std::nullopt;
    }
    for (const config::Node& known : config_->nodes) {
        if (known.name == status->name) return observation;
        ++observation.node;
    }
    return std::nullopt;
}

void WatchdogClient::Core::observe(NodeId node, std::uint64_t epoch, bus::Suspicion suspicion,
                                   bus::FailureClass failure, std::string reason) {
    later<std::string>([this, node, epoch, suspicion, failure](std::string why) {
        auto observation = observation_of(node);
        if (!observation) return;
        observation->epoch = epoch;
        observation->suspicion = suspicion;
        observation->failure = failure;
        observation->reason = std::move(why);
        tell(*observation);
    })(std::move(reason));
}

void WatchdogClient::Core::tell(const bus::Observation& observation) {
    if (!view_.is_up()) return;
    if (!limiter_.admits(observation, loop_.now())) {
        ++suppressed_;
        return;
    }
    if (const auto sent = client_->send(observation); sent) ++observed_;
}

void WatchdogClient::Core::on_topology(cluster::TopologyPtr topology) {
    later<cluster::TopologyPtr>([this](cluster::TopologyPtr next) {
        topology_ = std::move(next);
        if (!is_replicated()) return count_parked();
        bus::Topology membership = membership_of(*topology_);
        membership.revision = membership_ ? membership_->revision : 0;
        if (membership_ == membership) return;
        ++membership.revision;
        membership_ = std::move(membership);
        if (view_.is_up()) tell_membership();
    })(std::move(topology));
}

void WatchdogClient::Core::tell_membership() {
    for (const bus::Topology& page : bus::pages_of(*membership_)) {
        if (!client_->send(page)) return;
    }
}

// Who was counted was told of the topology before: workers take what is posted in order.
void WatchdogClient::Core::count_parked() {
    if (!topology_->leaving || !topology_->decided) {
        parked_.told.reset();
        return;
    }
    if (!view_.is_up() || !parked_.is_due(loop_.now(), kCensusEvery)) return;
    const std::uint64_t number = parked_.begin(loop_.now());
    const cluster::Revision under = *topology_->decided;
    wiring_.clients_in_transaction(*topology_->leaving, later<std::uint32_t>([=,
                                                                              this](std::uint32_t clients) {
        const bool is_of_now = topology_->leaving && topology_->decided == under;
        if (!parked_.ends(number) || !is_of_now) return;
        const bus::Parked now{under.epoch, under.number, clients};
        if (parked_.told == now || !client_->send(now)) return;
        const bool is_begin = !parked_.told || parked_.told->revision != now.revision;
        parked_.told = now;
        if (!is_begin && clients > 0) return;
        log::info(clients > 0 ? "parking" : "parked",
                  {{"epoch", now.epoch}, {"revision", now.revision}, {"clients_in_transaction", clients}});
    }));
}

void WatchdogClient::Core::tell_alive() {
    if (!view_.is_up() || loop_.now() - beaten_ < bus::kAliveEvery || !wiring_.is_alive()) return;
    beaten_ = loop_.now();
    static_cast<void>(client_->send(bus::Alive{++beats_}));
}

void WatchdogClient::Core::list_clients() {
    if (config_->vip.addresses.empty() || !view_.is_up() || !clients_.is_due(loop_.now(), kListEvery)) return;
    const std::uint64_t seen = wiring_.connections_seen();
    if (clients_.told && listed_ == seen) return;
    listed_ = seen;
    const std::uint64_t number = clients_.begin(loop_.now());
    wiring_.clients_of_virtual_addresses(
        later<std::vector<bus::Connection>>([=, this](std::vector<bus::Connection> connections) {
            if (!clients_.ends(number) || clients_.told == connections) return;
            send_list(std::move(connections));
        }));
}

void WatchdogClient::Core::send_list(std::vector<bus::Connection> connections) {
    const bus::ClientList list{.revision = ++list_revision_, .connections = connections};
    for (const bus::ClientList& page : bus::pages_of(list)) {
        if (client_->send(page)) continue;
        clients_.told.reset();  // the next one tells all again
        return;
    }
    clients_.told = std::move(connections);
}

void WatchdogClient::Core::note_status() {
    const auto left = view_.good_until() == BootTime::min()
                          ? BootDuration::zero()
                          : std::max(view_.good_until() - page::boot_now(), BootDuration::zero());
    const std::lock_guard lock(mutex_);
    status_.is_up = view_.is_up();
    status_.member = view_.member();
    status_.away = view_.away();
    status_.epoch = view_.topology() != nullptr ? view_.topology()->epoch : 0;
    status_.revision = view_.topology() != nullptr ? view_.topology()->revision : 0;
    status_.lease_holder = view_.lease().holder != 0 ? view_.lease().holder_name : "";
    status_.lease_left_ms = std::chrono::duration_cast<milliseconds>(left).count();
    status_.ignored = view_.ignored();
    status_.observed = observed_;
    status_.suppressed = suppressed_;
}

std::uint64_t WatchdogClient::Core::lease() const {
    const std::lock_guard lock(mutex_);
    const bool is_held = own_lease_.state == page::LeaseState::Held && own_lease_.may_act(page::boot_now());
    return is_held ? own_lease_.epoch.value : 0;
}

WatchdogStatus WatchdogClient::Core::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

WatchdogClient::WatchdogClient(config::ConfigPtr config, ipc::MemberBus bus, Wiring wiring)
    : core_(std::make_unique<Core>(std::move(config), std::move(bus), std::move(wiring))) {}
WatchdogClient::~WatchdogClient() = default;

void WatchdogClient::start() {
    core_->start();
}
void WatchdogClient::reload(config::ConfigPtr config) {
    core_->reload(std::move(config));
}
void WatchdogClient::stop() {
    core_->stop();
}
void WatchdogClient::probe_failed(const cluster::NodeEvidence& node, const cluster::Topology& under) {
    const bool is_gone = node.state == cluster::NodeState::Down;
    core_->observe(node.id, epoch_of(under), is_gone ? bus::Suspicion::Gone : bus::Suspicion::Doubtful,
                   failure_of(node.reach), node.reason);
}
void WatchdogClient::session_failed(NodeId node, const cluster::Topology& under, std::string_view reason) {
    core_->observe(node, epoch_of(under), bus::Suspicion::Doubtful, bus::FailureClass::Other,
                   std::string(reason));
}
void WatchdogClient::node_failed(NodeId node, std::uint64_t epoch, cluster::Sign sign,
                                 const std::string& reason) {
    core_->observe(node, epoch, suspicion_of(sign), bus::FailureClass::Other, reason);
}
void WatchdogClient::on_topology(cluster::TopologyPtr topology) {
    core_->on_topology(std::move(topology));
}
std::uint64_t WatchdogClient::lease() const {
    return core_->lease();
}
WatchdogStatus WatchdogClient::status() const {
    return core_->status();
}

}  // namespace pgpool::member
