// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/worker.h"

#include <pthread.h>

#include <algorithm>
#include <set>

#include "common/cluster/decided_topology.h"
#include "common/obs/log.h"
#include "common/page/boot_now.h"
#include "common/pg/session_settings.h"
#include "common/wire/error_fields.h"
#include "proxy/session/catalog_reading.h"

namespace pgpool::session {

namespace {

thread_local Worker* this_worker = nullptr;  // of() only: tasks posted to a worker find it again

constexpr milliseconds kTick{1000};
constexpr milliseconds kAcceptAgain{100};
constexpr milliseconds kLookForStuck{100};
constexpr milliseconds kStuckAfter{200};  // mode replication: a node owes what main has answered
constexpr milliseconds kOpenAgain{50};    // after an attempt to connect has failed

template <typename T>
std::unique_ptr<T> take_out(std::vector<std::unique_ptr<T>>& from, const T& wanted) {
    const auto at =
        std::find_if(from.begin(), from.end(), [&](const auto& owned) { return owned.get() == &wanted; });
    PGPOOL_ASSERT(at != from.end());
    std::unique_ptr<T> taken = std::move(*at);
    *at = std::move(from.back());
    from.pop_back();
    return taken;
}

// Each may end itself, and so leave the map.
template <typename Map, typename Tell>
void tell_all(const Map& owned, Tell tell) {
    std::vector<typename Map::mapped_type::pointer> all;
    for (const auto& [id, connection] : owned) all.push_back(connection.get());
    for (const auto connection : all) tell(*connection);
}

}  // namespace

// Where no connection can be accepted, for want of descriptors, it pauses: who wants to connect waits in the
// kernel's queue.
class Worker::Listener final : public net::Watch, public net::TimerTarget {
public:
    Listener(Worker& worker, UniqueFd fd) : worker_(worker), fd_(std::move(fd)), again_(*this) { watch(); }
    void on_ready(net::Readiness /*readiness*/) override {
        const auto accepted = worker_.accept_all(fd_.get());
        if (!accepted) return pause(accepted.error());
        if (std::exchange(is_failing_, false)) log::info("accept_resumed");
    }
    void on_timer(net::Timer& /*timer*/) override { watch(); }

private:
    void watch() { worker_.loop_.add(fd_.get(), *this); }  // an event follows if somebody waits already
    void pause(const Error& error) {
        if (!std::exchange(is_failing_, true)) log::warning("accept_failed", {{"reason", error.message}});
        worker_.loop_.remove(*this);
        worker_.loop_.arm(again_, kAcceptAgain);
    }

    Worker& worker_;
    UniqueFd fd_;
    net::Timer again_;
    bool is_failing_ = false;
};

class Worker::Ticker final : public net::TimerTarget {
public:
    explicit Ticker(Worker& worker) : worker_(worker), timer_(*this), retry_(*this), stuck_(*this) {
        worker.loop_.arm(timer_, kTick);
        if (worker.config().mode == config::ClusterMode::Replication) worker.loop_.arm(stuck_, kLookForStuck);
    }
    void retry_soon() {
        if (!retry_.armed()) worker_.loop_.arm(retry_, kOpenAgain);
    }
    void on_timer(net::Timer& timer) override {
        if (&timer == &retry_) return worker_.serve_all_waiters();
        if (&timer == &stuck_) {
            worker_.look_for_stuck();
            return worker_.loop_.arm(stuck_, kLookForStuck);
        }
        worker_.maintain();
        worker_.loop_.arm(timer, kTick);
    }

private:
    Worker& worker_;
    net::Timer timer_;
    net::Timer retry_;
    net::Timer stuck_;
};

Worker::Worker(Shared& shared, std::uint32_t index, config::ConfigPtr config, AuthTablesPtr auth_tables)
    : shared_(shared),
      index_(index),
      scratch_(new char[kScratch]),
      surroundings_(std::move(config), shared.statement_prefix, secure_random()),
      told_(surroundings_.topology),
      auth_tables_(std::move(auth_tables)),
      last_client_(std::uint64_t{index} << 48U) {
    surroundings_.next_sequence = &shared.next_sequence;
    surroundings_.logins = &shared.logins;
    surroundings_.shared_ddl = &shared.shared_ddl;
    surroundings_.gate = shared.gate.get();
    surroundings_.catalog_reading = catalog_reading();
    if (this->config().mode == config::ClusterMode::Replication) take_slots();
    turn_begin();
    loop_.at_turn_begin([this] { turn_begin(); });
    loop_.at_turn_end([this] { turn_end(); });
    ticker_ = std::make_unique<Ticker>(*this);
}

Worker::~Worker() = default;

// Each worker has slots of its own.
void Worker::take_slots() {
    const std::uint32_t workers = std::max(shared_.worker_count, 1U);
    for (std::uint32_t slot = index_; slot < config().replication.slots; slot += workers) {
        surroundings_.free_slots.push_back(slot);
    }
}

Worker& Worker::of(Shared& /*shared*/, std::uint32_t index) {
    PGPOOL_ASSERT(this_worker != nullptr && this_worker->index_ == index);
    return *this_worker;
}

void Worker::run() {
    this_worker = this;
    // No thread is ever cancelled. Told so, glibc spends no locked instructions on it around system calls.
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    ::pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
    loop_.run();
}

void Worker::stop() {
    loop_.stop();
}

void Worker::listen(UniqueFd listener) {
    listeners_.push_back(std::make_unique<Listener>(*this, std::move(listener)));
}

Result<void> Worker::accept_all(int listener) {
    while (true) {
        auto accepted = net::accept_from(listener);
        if (!accepted) return tl::unexpected(accepted.error());
        if (!accepted->fd.valid()) return {};
        const auto peer = auth::PeerAddress::parse(accepted->peer.host());
        const std::uint64_t id = ++last_client_;
        auto& client = clients_[id];
        client = std::make_unique<ClientConnection>(*this, std::move(accepted->fd),
                                                    peer.value_or(auth::PeerAddress::local()), id);
        client->begin();
        shared_.connections_seen.fetch_add(1, std::memory_order_relaxed);
    }
}

void Worker::turn_begin() {
    surroundings_.now = loop_.now();
    last_turn_.store(loop_.now().time_since_epoch().count(), std::memory_order_relaxed);
    withhold_if_past_deadline();
}

// What the turn has produced: connections change hands first, then everything is written.
void Worker::turn_end() {
    if (!dirty_.empty()) withhold_if_past_deadline();
    while (!handoffs_.empty() || !dirty_.empty()) {
        run_handoffs();
        std::vector<Stream*> streams;
        streams.swap(dirty_);
        for (Stream* stream : streams) stream->settle();
        if (dirty_.empty()) {
            streams.clear();
            dirty_.swap(streams);  // keeps its memory
        }
    }
    if (draining_ && clients_.empty() && replications_.empty() && when_empty_)
        std::exchange(when_empty_, nullptr)();
}

void Worker::run_handoffs() {
    for (std::size_t i = 0; i < handoffs_.size(); ++i) {
        const Handoff handoff = handoffs_[i];
        if (handoff.server == nullptr) continue;
        if (handoff.client != nullptr) {
            handoff.client->on_server_free(*handoff.server);
            handoff.server->input_wanted();
        } else {
            handoff.server->take_back(exec::Disposal::Keep);
        }
    }
    handoffs_.clear();
}

CountedPool& Worker::pool(const std::string& user, const std::string& database) {
    auto& slot = pools_[{user, database}];
    if (!slot) slot = std::make_unique<CountedPool>(user, database, loop_.now());
    return *slot;
}

exec::Database& Worker::database(const std::string& name) {
    auto& slot = databases_[name];
    const bool is_new = !slot;
    if (is_new) {
        auto [marks, facts] = shared_.databases.use(name, loop_.now());
        slot = std::make_unique<exec::Database>(exec::Database{name, std::move(facts), std::move(marks)});
    }
    slot->is_admin = name == config().admin.database;
    if (is_new && !slot->is_admin && shared_.catalogs) shared_.catalogs->request(name);
    return *slot;
}

// A database is kept for its pools.
void Worker::drop_outlived() {
    const std::size_t dropped = std::erase_if(pools_, [this](const auto& entry) {
        CountedPool& pool = *entry.second;
        if (!pool.outlived(loop_.now())) return false;
        shared_.ledger.withdraw_wishes(pool.user(), pool.database(), {index_});
        return true;
    });
    if (dropped == 0) return;
    std::set<std::string_view> used;
    for (const auto& [key, pool] : pools_) used.insert(pool->database());
    for (auto at = databases_.begin(); at != databases_.end();) {
        if (used.contains(at->first)) {
            ++at;
            continue;
        }
        const std::string name = at->first;
        at = databases_.erase(at);
        shared_.databases.left(name);
    }
}

std::optional<NodeId> Worker::resolve(const route::Target& target) const {
    return target.is_primary() ? surroundings_.topology->primary : std::optional(target.node);
}

ServerConnection* Worker::acquire(pool::Pool& pool, ClientConnection& client, const route::Target& target) {
    retire_outdated();
    const auto node = resolve(target);
    if (node && !pool.has_waiter(*node, is_primary(*node))) {
        if (pool::Pooled* idle = pool.take_idle(*node)) return static_cast<ServerConnection*>(idle);
    }
    pool.enqueue(client, target, loop_.now());
    if (node) open_if_wanted(pool, *node);
    return nullptr;
}

void Worker::withdraw(pool::Pool& pool, ClientConnection& client) {
    if (client.waiting()) return pool.remove(client);
    for (Handoff& handoff : handoffs_) {
        if (handoff.client == &client) handoff.client = nullptr;
    }
}

Ledger::Key Worker::ledger_key(const pool::Pool& pool, NodeId node) const {
    return {pool.user(), pool.database(), node};
}

// As many connections are being opened as there are clients waiting for that node, within the limits.
void Worker::open_if_wanted(pool::Pool& pool, NodeId node) {
    const std::uint32_t waiting = pool.waiting(node, is_primary(node));
    while (pool.count(node).opening < waiting) {
        if (!open(pool, node)) return;
    }
}

bool Worker::open(pool::Pool& pool, NodeId node) {
    if (shared_.vacated.has(pool.database())) return false;  // maintain() tries again
    if (!may_serve(node) || !pool.may_open(node, loop_.now()) || !reserve(pool, node)) return false;
    const Ledger::Key key = ledger_key(pool, node);
    const auto address = address_of(node);
    if (!address) {
        shared_.ledger.release(key);
        return false;
    }
    auto fd = net::start_connect(*address);
    if (!fd) {
        shared_.addresses.distrust(*address);
        shared_.ledger.release(key);
        node_suspect(node, fd.error().message);
        return false;
    }
    std::array<char, 16> random{};
    fill_secure_random(random.data(), random.size());
    ServerLogin::Parameters startup{{"user", pool.user()}, {"database", pool.database()}};
    startup.insert(startup.end(), pg::kKeepalives.begin(), pg::kKeepalives.end());
    ServerLogin login(shared_.credentials.find(pool.user()), random, std::move(startup));
    pool.opening(node);
    servers_.push_back(
        std::make_unique<ServerConnection>(*this, pool, node, *address, std::move(*fd), std::move(login)));
    return true;
}

// Asks the ledger only if something has changed there since it said no: requests that queue must not lock.
bool Worker::reserve(pool::Pool& pool, NodeId node) {
    const std::uint64_t version = shared_.ledger.version();
    if (pool.refused_at(node) == version) return false;
    const Ledger::Key key = ledger_key(pool, node);
    const Ledger::Limit limit = shared_.ledger.reserve(key, config().pool);
    if (limit == Ledger::Limit::None) return true;
    pool.refused(node, version);
    const bool is_new =
        shared_.ledger.wish(key, {index_}, limit, pool.count(node).open(), serving_later(pool));
    if (is_new) ask_for_idle();
    return false;
}

// No wake-up is needed: who asks tries again by itself.
bool Worker::reserve_apart(const Ledger::Key& key, std::uint64_t client) {
    const Ledger::Limit limit = shared_.ledger.reserve_apart(key, config().pool);
    if (limit == Ledger::Limit::None) return true;
    if (shared_.ledger.wish(key, {index_, client}, limit, 0, [] {})) ask_for_idle();
    return false;
}

void Worker::ask_for_idle() {
    for (std::uint32_t i = 0; i < shared_.worker_count; ++i) {
        shared_.post_to_worker(i, [&shared = shared_, i] { of(shared, i).give_up_idle(); });
    }
}

// Idle connections that others need more.
void Worker::give_up_idle() {
    for (const auto& [key, pool] : pools_) {
        for (const cluster::NodeStatus& node : surroundings_.topology->nodes) {
            for (pool::Pooled* idle : pool->idle(node.id)) {
                auto& server = static_cast<ServerConnection&>(*idle);
                if (!shared_.ledger.any_wish()) return;
                if (give_up_for_others(server)) server.retire();
            }
        }
    }
}

std::optional<net::Address> Worker::address_of(NodeId node) const {
    const cluster::NodeStatus* status = surroundings_.topology->find(node);
    return status != nullptr ? shared_.addresses.find(status->host, status->port) : std::nullopt;
}

std::string_view Worker::name_of(NodeId node) const {
    const cluster::NodeStatus* status = surroundings_.topology->find(node);
    return status != nullptr ? std::string_view(status->name) : "removed";
}

void Worker::opened(ServerConnection& server) {
    if (log::enabled(log::Level::Debug)) {
        log::debug("server_connected", {{"node", name_of(server.node)}, {"user", server.pool().user()}});
    }
}

void Worker::released(ServerConnection& server, exec::Disposal disposal) {
    server.take_back(disposal);
}

// A clean connection that nobody holds: the first who waits gets it.
void Worker::returned(ServerConnection& server) {
    if (!may_serve(server.node)) return server.close("its node is down or removed");
    if (is_too_old(server) || give_up_for_others(server)) return server.retire();
    pool::Waiter* waiter = server.pool().take_waiter(server.node, is_primary(server.node));
    if (waiter == nullptr) return;
    auto& client = static_cast<ClientConnection&>(*waiter);
    server.lend(client);
    handoffs_.push_back({&client, &server});
}

// Idle connections of before logins have come to mean something else; others are seen when they return.
void Worker::retire_outdated() {
    const TimePoint latest = shared_.logins.latest();
    if (std::exchange(logins_seen_, latest) == latest) return;
    std::vector<ServerConnection*> outdated;
    for (const auto& server : servers_) {
        const bool is_idle = server->state() == ServerConnection::State::Idle;
        if (is_idle && shared_.logins.is_outdated(server->born())) outdated.push_back(server.get());
    }
    for (ServerConnection* server : outdated) server->retire();
}

// One that always has somebody waiting is never seen idle by maintain(). A new one serves once at least, but
// for settings that were changed while it logged in.
bool Worker::is_too_old(const ServerConnection& server) const {
    if (shared_.logins.is_outdated(server.born())) return true;
    const milliseconds lifetime = config().pool.server_lifetime;
    return lifetime.count() > 0 && server.times_lent() > 0 && loop_.now() - server.born() > lifetime;
}

// Another worker or pool has none, or far fewer, and may not open one because of those that we hold.
bool Worker::give_up_for_others(ServerConnection& server) {
    if (!shared_.ledger.any_wish()) return false;
    const std::uint32_t own = server.pool().count(server.node).open();
    return shared_.ledger.grant(ledger_key(server.pool(), server.node), index_, own);
}

void Worker::closed(ServerConnection& server, ServerConnection::State before, std::string_view reason) {
    using State = ServerConnection::State;
    pool::Pool& pool = server.pool();
    if (before == State::Opening) {
        pool.open_failed(server.node, loop_.now() + kOpenAgain);
        ticker_->retry_soon();
    } else if (before == State::Idle) {
        pool.remove_idle(server);
    } else {
        pool.left_use(server.node);
    }
    shared_.ledger.release(ledger_key(pool, server.node));
    for (const auto& cancel : cancels_) {
        if (cancel->server() == &server) cancel->server_gone();
    }
    ClientConnection* client = server.client();
    for (Handoff& handoff : handoffs_) {
        if (handoff.server == &server) handoff.server = nullptr;
    }
    if (before == State::Opening || client != nullptr) node_suspect(server.node, reason);
    if (client != nullptr) {
        if (client->session()->holds(server)) {
            client->on_server_lost(server, reason);
        } else {  // it was on its way to this client
            loop_.post([this, id = client->id()] { plan_again(id); });
        }
    }
    loop_.dispose(take_out(servers_, server));
    serving_later(pool)();
}

// The node said no to this login. If it is about the user or the database, all who wait hear it; if the node
// has no room or is not ready, they wait on.
void Worker::login_refused(ServerConnection& server, std::string_view error_body) {
    const wire::ErrorFields fields = wire::read_error_fields(error_body);
    surroundings_.node_statistics.count(server.node, Counted::Fatal);
    const std::string body(error_body);
    const std::string reason(fields.message);
    const bool not_now = fields.sqlstate.starts_with("57P") || fields.sqlstate == "53300";
    pool::Pool& pool = server.pool();
    const NodeId node = server.node;
    log::warning("server_login_refused", {{"node", name_of(node)},
                                          {"user", pool.user()},
                                          {"database", pool.database()},
                                          {"sqlstate", fields.sqlstate},
                                          {"reason", reason}});
    // By what a kept verifier has let in, maybe.
    if (fields.sqlstate == sqlstate::kInvalidPassword.view() && shared_.auth_lookup)
        shared_.auth_lookup->doubt(pool.user());
    if (!not_now) {
        while (pool::Waiter* waiter = pool.take_waiter(node, is_primary(node))) {
            static_cast<ClientConnection*>(waiter)->on_server_refused(body);
        }
    }
    server.close(reason);
}

void Worker::serve_waiters(pool::Pool& pool) {
    for (const cluster::NodeStatus& node : surroundings_.topology->nodes) {
        if (node.state == cluster::NodeState::Down) continue;
        while (pool.has_waiter(node.id, is_primary(node.id))) {
            pool::Pooled* idle = pool.take_idle(node.id);
            if (idle == nullptr) break;
            auto& server = static_cast<ServerConnection&>(*idle);
            server.take_back(exec::Disposal::Keep);
        }
        open_if_wanted(pool, node.id);
    }
}

// The pool may be gone by then.
std::function<void()> Worker::serving_later(const pool::Pool& pool) {
    return [this, key = std::pair(pool.user(), pool.database())] {
        loop_.post([this, key] {
            const auto at = pools_.find(key);
            if (at != pools_.end()) serve_waiters(*at->second);
        });
    };
}

void Worker::serve_all_waiters() {
    for (auto& [key, pool] : pools_) {
        if (pool->waiting() > 0) serve_waiters(*pool);
    }
}

bool Worker::is_past_deadline() const {
    return good_until_ != BootTime::max() && page::boot_now() >= good_until_;
}

// A timer would be too late for who was stopped: first of all, what waits in the sockets would be handled. So
// before anything is read, or an answer would be passed on of what was committed later; and before anything
// is written, as the stop may have been in between.
void Worker::withhold_if_past_deadline() {
    if (is_withheld_ || !is_past_deadline()) return;
    log::warning("decision_withheld", {{"worker", index_}, {"reason", cluster::kLeaseIsOver}});
    is_withheld_ = true;
    use_topology();
}

void Worker::on_good_until(BootTime until) {
    good_until_ = until;
    if (is_past_deadline() || !std::exchange(is_withheld_, false)) return;
    use_topology();
}

void Worker::on_topology(cluster::TopologyPtr topology) {
    told_ = std::move(topology);
    use_topology();
}

void Worker::use_topology() {
    auto next =
        is_withheld_
            ? std::make_shared<const cluster::Topology>(cluster::withheld(*told_, cluster::kLeaseIsOver))
            : told_;
    const auto before = std::exchange(surroundings_.topology, std::move(next));
    if (before->primary != surroundings_.topology->primary) surroundings_.parameters.clear();
    close_servers_of_lost_nodes();
    redirect_waiters_of_lost_nodes();
    tell_all(replications_, [](ReplicationConnection& replication) { replication.on_topology(); });
    serve_all_waiters();
    wake_waiters();
}

// Neither down nor removed.
bool Worker::may_serve(NodeId id) const {
    const cluster::NodeStatus* node = surroundings_.topology->find(id);
    return node != nullptr && node->state != cluster::NodeState::Down;
}

// Those who wait for a standby to catch up, or for catalog facts.
void Worker::wake_waiters() {
    std::vector<std::uint64_t> waiters;
    waiters.swap(replay_waiters_);
    for (const std::uint64_t id : waiters) {
        const auto at = clients_.find(id);
        if (at != clients_.end()) at->second->on_news();
    }
}

// What a client holds at a removed node it keeps until it gives it back, at the end of its transaction.
void Worker::close_servers_of_lost_nodes() {
    std::vector<ServerConnection*> lost;
    for (const auto& server : servers_) {
        const cluster::NodeStatus* node = surroundings_.topology->find(server->node);
        const bool gone = node == nullptr && server->client() == nullptr;
        if (gone || (node != nullptr && node->state == cluster::NodeState::Down))
            lost.push_back(server.get());
    }
    for (ServerConnection* server : lost) server->close("its node is down or removed");
}

// What it waits for does not come, or need not: its node is gone, or it is a login and there is no primary.
bool Worker::is_served_elsewhere(const pool::Waiter& waiter) const {
    if (!waiter.target().is_primary()) return !may_serve(waiter.target().node);
    const auto& topology = *surroundings_.topology;
    return static_cast<const ClientConnection&>(waiter).session()->is_starting() && !topology.primary &&
           topology.any_standby() != nullptr;
}

// Who waits for a connection to a node that is gone asks the planner again.
void Worker::redirect_waiters_of_lost_nodes() {
    std::vector<std::uint64_t> clients;
    for (const auto& [key, pool] : pools_) {
        for (pool::Waiter* waiter : pool->waiters()) {
            if (!is_served_elsewhere(*waiter)) continue;
            pool->remove(*waiter);
            clients.push_back(static_cast<ClientConnection*>(waiter)->id());
        }
    }
    for (const std::uint64_t id : clients) plan_again(id);
}

void Worker::plan_again(std::uint64_t client) {
    const auto at = clients_.find(client);
    if (at == clients_.end() || at->second->waiting()) return;
    const bool is_served = std::any_of(handoffs_.begin(), handoffs_.end(), [&](const Handoff& handoff) {
        return handoff.server != nullptr && handoff.client == at->second.get();
    });
    if (!is_served) at->second->on_target_lost();
}

void Worker::on_facts(const std::string& name, sql::CatalogFactsPtr facts) {
    const auto at = databases_.find(name);
    if (at == databases_.end()) return;
    at->second->facts = std::move(facts);
    wake_waiters();
    tell_all(replications_, [](ReplicationConnection& replication) { replication.on_facts(); });
}

void Worker::on_config(config::ConfigPtr config, AuthTablesPtr auth_tables) {
    surroundings_.replace_config(std::move(config));
    shared_.ledger.limits_changed();
    auth_tables_ = std::move(auth_tables);
    serve_all_waiters();
}

void Worker::look_for_stuck() {
    const bool any = std::any_of(servers_.begin(), servers_.end(), [](const auto& server) {
        const ClientConnection* client = server->client();
        return client != nullptr && client->session()->is_stuck(kStuckAfter);
    });
    if (any && shared_.deadlocks) shared_.deadlocks->look();
}

std::vector<replication::Participant> Worker::participants() const {
    std::set<const ClientConnection*> seen;
    std::vector<replication::Participant> all;
    for (const auto& server : servers_) {
        const ClientConnection* client = server->client();
        if (client != nullptr && seen.insert(client).second) all.push_back(client->session()->participant());
    }
    return all;
}

void Worker::on_deadlock(const replication::TransactionId& victim) {
    const auto at = clients_.find(victim.session);
    if (at != clients_.end() && at->second->session() != nullptr) at->second->on_deadlock(victim);
}

Occupants Worker::vacate(const std::string& database, std::uint64_t but, bool ends_clients) {
    Occupants found;
    tell_all(clients_, [&](ClientConnection& client) {
        if (client.id() == but || client.session() == nullptr) return;
        const exec::Session::Login& login = client.session()->login();
        if (login.database->name != database) return;
        found.users.push_back(login.user);
        if (ends_clients) client.kill();
    });
    std::vector<ServerConnection*> unused;
    for (const auto& server : servers_) {
        if (server->pool().database() == database && server->client() == nullptr)
            unused.push_back(server.get());
    }
    for (ServerConnection* server : unused) leave(*server, found);
    return found;
}

// An idle one is there until its node has closed it.
void Worker::leave(ServerConnection& server, Occupants& found) {
    const bool is_idle = server.state() == ServerConnection::State::Idle;
    if (!is_idle && !server.retires()) return server.close("its database must have no sessions");
    if (is_idle) server.retire();
    found.are_leaving = true;
}

void Worker::tell_news(std::uint64_t client) {
    const auto at = clients_.find(client);
    if (at != clients_.end() && at->second->session() != nullptr) at->second->on_news();
}

void Worker::drain(std::function<void()> when_empty) {
    draining_ = true;
    when_empty_ = std::move(when_empty);
    for (auto& listener : listeners_) loop_.dispose(std::move(listener));
    listeners_.clear();
    tell_all(clients_, [](ClientConnection& client) { client.on_drain(); });
    tell_all(replications_, [](ReplicationConnection& replication) { replication.on_drain(); });
}

void Worker::end_clients() {
    tell_all(clients_, [](ClientConnection& client) { client.kill(); });
    tell_all(replications_, [](ReplicationConnection& replication) { replication.end(); });
}

void Worker::maintain() {
    drop_outlived();
    for (auto& [key, pool] : pools_) maintain(*pool);
    check_pins();
}

void Worker::maintain(CountedPool& pool) {
    const auto& limits = config().pool;
    const TimePoint now = loop_.now();
    pool.history.tick(now);
    const auto before = [&](milliseconds age) { return age.count() > 0 ? now - age : TimePoint::min(); };
    for (pool::Pooled* old :
         pool.surplus(before(limits.server_idle_timeout), before(limits.server_lifetime), limits.min_size)) {
        static_cast<ServerConnection*>(old)->close("idle or alive for too long");
    }
    for (const cluster::NodeStatus& node : surroundings_.topology->nodes) {
        for (pool::Pooled* idle : pool.idle(node.id)) {
            if (limits.server_check_delay.count() > 0 && now - idle->alive_at() > limits.server_check_delay)
                static_cast<ServerConnection*>(idle)->check();
        }
        const bool serves = node.state == cluster::NodeState::Up && is_primary(node.id);
        if (serves && pool.count(node.id).open() < limits.min_size && !draining_)
            static_cast<void>(open(pool, node.id));
    }
    if (pool.waiting() > 0) serve_waiters(pool);
}

// Clients that rest may have ended by now what pinned them.
void Worker::check_pins() {
    for (const auto& server : servers_) {
        ClientConnection* client = server->client();
        if (client != nullptr && client->session()->link() == server.get() && client->connection_wanted())
            client->check_pins();
    }
}

void Worker::cancel_at_node(ServerConnection& server) {
    const net::Address address = server.peer_address();  // also that of a node that was removed
    if (address.family() == AF_UNSPEC) return;
    auto fd = net::start_connect(address);
    if (!fd) return;
    cancels_.push_back(std::make_unique<CancelConnection>(*this, std::move(*fd), server));
}

void Worker::cancel_at_node(const WalsenderConnection& walsender) {
    auto fd = net::start_connect(walsender.peer_address());
    if (!fd) return;
    cancels_.push_back(std::make_unique<CancelConnection>(*this, std::move(*fd), walsender.key()));
}

void Worker::cancel_ended(CancelConnection& connection) {
    loop_.dispose(take_out(cancels_, connection));
}

void Worker::cancel_requested(const CancelKey& key) {
    const auto target = shared_.cancels.find(key);
    if (!target) return;
    Shared& shared = shared_;
    shared.post_to_worker(target->worker, [&shared, target = *target] {
        Worker& worker = of(shared, target.worker);
        const auto at = worker.clients_.find(target.session);
        if (at != worker.clients_.end() && at->second->session() != nullptr) at->second->on_cancel();
        const auto replication = worker.replications_.find(target.session);
        if (replication != worker.replications_.end()) replication->second->on_cancel();
    });
}

void Worker::await_news(ClientConnection& client) {
    if (std::find(replay_waiters_.begin(), replay_waiters_.end(), client.id()) == replay_waiters_.end()) {
        replay_waiters_.push_back(client.id());
    }
    if (shared_.monitor) shared_.monitor->kick_all("a reader waits for replay");
}

void Worker::client_ended(ClientConnection& client) {
    const auto at = clients_.find(client.id());
    PGPOOL_ASSERT(at != clients_.end());
    loop_.dispose(std::move(at->second));
    clients_.erase(at);
    shared_.connections_seen.fetch_add(1, std::memory_order_relaxed);
}

// Later: the client's own bytes are being handled now.
void Worker::replicate(ClientConnection& client, std::shared_ptr<const ClientLogin> login) {
    loop_.post([this, id = client.id(), login = std::move(login)] { hand_over(id, *login); });
}

void Worker::hand_over(std::uint64_t client, const ClientLogin& login) {
    const auto at = clients_.find(client);
    if (at == clients_.end() || at->second->closing()) return;
    ClientConnection& before = *at->second;
    auto& replication = replications_[client];
    replication = std::make_unique<ReplicationConnection>(
        *this, before.hand_over(),
        ReplicationConnection::Origin{client, before.peer(), before.connected_at()}, login);
    client_ended(before);
    replication->start();
}

void Worker::replication_ended(ReplicationConnection& replication) {
    const auto at = replications_.find(replication.origin().id);
    PGPOOL_ASSERT(at != replications_.end());
    loop_.dispose(std::move(at->second));
    replications_.erase(at);
    shared_.connections_seen.fetch_add(1, std::memory_order_relaxed);
}

void Worker::verifier_found(std::uint64_t client, const health::AuthLookup::Answer& answer) {
    const auto at = clients_.find(client);
    if (at != clients_.end()) at->second->on_verifier(answer);
}

void Worker::ddl_seen(const std::string& name) {
    database(name).marks->ddl_seen(SteadyClock::now());
    if (shared_.catalogs) shared_.catalogs->ddl_seen(name);
}

void Worker::facts_wanted(const exec::Database& database) {
    if (!shared_.catalogs) return;
    shared_.catalogs->request(database.name);
    if (config().mode == config::ClusterMode::Replication) shared_.catalogs->hurry(database.name);
}

void Worker::node_suspect(NodeId node, std::string_view reason) {
    if (shared_.monitor) shared_.monitor->kick(node, reason);
    // Not what was closed because the node is known to be down.
    if (shared_.watchdog && may_serve(node))
        shared_.watchdog->session_failed(node, *surroundings_.topology, reason);
}

void Worker::node_failed(NodeId node, std::uint64_t epoch, cluster::Sign sign, std::string_view reason) {
    if (shared_.decider != nullptr) shared_.decider->report(node, epoch, sign, std::string(reason));
}

void Worker::own_ready(std::uint64_t client, const PendingAnswer& pending) {
    const auto at = clients_.find(client);
    if (at != clients_.end()) at->second->on_own_ready(pending);
}

}  // namespace pgpool::session
