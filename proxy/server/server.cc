// SPDX-License-Identifier: PostgreSQL
#include "proxy/server/server.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "common/base/raise.h"
#include "common/config/diff.h"
#include "common/config/load.h"
#include "common/net/signals.h"
#include "common/obs/log.h"
#include "common/obs/log_change.h"
#include "proxy/admin/show_commands.h"
#include "proxy/server/liveness.h"
#include "proxy/session/census.h"

namespace pgpool::server {

namespace {

constexpr milliseconds kHousekeeping{1000};
constexpr seconds kResolveAgain{30};
constexpr seconds kGiveUp{5};  // after the last clients were told to end

[[noreturn]] void cannot_start(const Error& error) {
    throw std::runtime_error(error.message);
}

std::uint32_t worker_count(const config::Config& config) {
    return config.workers > 0 ? config.workers : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

Server::Server(config::ConfigPtr config, std::string config_file, Preparation ready)
    : config_(std::move(config)),
      config_file_(std::move(config_file)),
      auth_tables_(std::move(ready.auth_tables)),
      addresses_(std::move(ready.addresses)) {
    shared_.mock_secret = fmt::format("{:016x}{:016x}", session::secure_random(), session::secure_random());
    shared_.statement_prefix = fmt::format("_pgpool_{:08x}_", session::secure_random() >> 32U);
    shared_.run_own_command = admin::run_own_command;
    shared_.reload = [this](session::Shared::Reloaded done) { request_reload(std::move(done)); };
    shared_.post_to_worker = [this](std::uint32_t worker, std::function<void()> task) {
        workers_.at(worker)->run_on(std::move(task));
    };
    shared_.addresses.refresh(config_->nodes);
    remember_passwords(*auth_tables_);
    shared_.worker_count = worker_count(*config_);
    if (config_->mode == config::ClusterMode::Replication)
        shared_.gate = std::make_unique<exec::CommitGate>(config_->replication.slots);
    for (std::uint32_t i = 0; i < shared_.worker_count; ++i) {
        workers_.push_back(std::make_unique<session::Worker>(shared_, i, config_, auth_tables_));
        shared_.node_statistics.add(workers_.back()->surroundings().node_statistics);
    }
    const auto publish = [this](cluster::TopologyPtr topology) {
        broadcast([topology](session::Worker& worker) { worker.on_topology(topology); });
        if (shared_.watchdog) shared_.watchdog->on_topology(topology);  // after the workers
    };
    shared_.monitor = std::make_unique<health::Monitor>(config_, publish);
    if (ready.bus) join_member(std::move(*ready.bus));
    const auto topology = [this] { return shared_.monitor->current(); };
    shared_.catalogs = std::make_unique<health::CatalogLoader>(
        config_, topology,
        [this](std::string_view database) {
            return shared_.databases.has(database) && !shared_.vacated.has(std::string(database));
        },
        [this](std::string_view database, sql::CatalogFactsPtr facts) {
            shared_.databases.keep(database, facts);
            broadcast([name = std::string(database), facts](session::Worker& worker) {
                worker.on_facts(name, facts);
            });
        });
    shared_.auth_lookup = std::make_unique<health::AuthLookup>(config_, topology);
    if (config_->mode != config::ClusterMode::Replication) return;
    make_keeper();
    follow_sequences();
    watch_deadlocks();
}

void Server::join_member(ipc::MemberBus bus) {
    const auto virtual_addresses = session::addresses_of(config_->vip);
    member::WatchdogClient::Wiring wiring;
    wiring.decided = [this](cluster::Decision decision) { shared_.monitor->follow(std::move(decision)); };
    wiring.good_until = [this](BootTime until) {
        broadcast([until](session::Worker& worker) { worker.on_good_until(until); });
    };
    wiring.clients_in_transaction = [this](NodeId leaving, std::function<void(std::uint32_t)> answer) {
        session::take_census<std::uint32_t>(
            workers_,
            [leaving](const session::Worker& worker) { return session::under_way_at(worker, leaving); },
            [](std::uint32_t& all, std::uint32_t some) { all += some; }, std::move(answer));
    };
    wiring.connections_seen = [this] { return shared_.connections_seen.load(std::memory_order_relaxed); };
    wiring.clients_of_virtual_addresses =
        [this, virtual_addresses](std::function<void(std::vector<bus::Connection>)> answer) {
            using Connections = std::vector<bus::Connection>;
            session::take_census<Connections>(
                workers_,
                [virtual_addresses](const session::Worker& worker) {
                    return session::connections_to(worker, virtual_addresses);
                },
                [](Connections& all, Connections some) { all.insert(all.end(), some.begin(), some.end()); },
                std::move(answer));
        };
    wiring.is_alive = [this] { return !stuck_worker(last_turns(), SteadyClock::now(), kStandstill); };
    shared_.watchdog = std::make_unique<member::WatchdogClient>(config_, std::move(bus), std::move(wiring));
    shared_.monitor->on_failure([this](const cluster::NodeEvidence& node, const cluster::Topology& under) {
        shared_.watchdog->probe_failed(node, under);
    });
}

// Sequence numbers go on from what the nodes hold, or from the clock if that is further: what a lost node
// holds may be higher.
void Server::make_keeper() {
    const auto raise_sequence = [this](std::uint64_t at_least) {
        const auto clock =
            std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch());
        raise(shared_.next_sequence, std::max(at_least, static_cast<std::uint64_t>(clock.count())));
    };
    keeper::Keeper::Lease lease;
    if (shared_.watchdog && !config_->watchdog.members.empty())
        lease = [this] { return shared_.watchdog->lease(); };
    keeper_ = std::make_unique<keeper::Keeper>(
        config_, [this] { return shared_.monitor->current(); },
        [this](const cluster::Membership& membership, bool is_open) {
            shared_.monitor->follow(membership, is_open);
        },
        raise_sequence,
        [gate = shared_.gate.get()](std::uint32_t slot) { return gate->may_be_built_on(slot); },
        std::move(lease));
    shared_.decider = keeper_.get();
    if (shared_.watchdog) {
        reporting_ = std::make_unique<member::ReportingDecider>(
            *keeper_,
            [this](NodeId node, std::uint64_t epoch, cluster::Sign sign, const std::string& reason) {
                shared_.watchdog->node_failed(node, epoch, sign, reason);
            });
        shared_.decider = reporting_.get();
    }
    shared_.monitor->on_suspected([this](const std::vector<cluster::Suspect>& suspects, std::uint64_t epoch) {
        keeper_->suspected(suspects, epoch);
    });
    keeper_->load();
}

void Server::follow_sequences() {
    sequences_ = std::make_unique<keeper::SequenceFollower>(
        config_, [this] { return shared_.monitor->current(); },
        [this](TimePoint now) {
            auto due = shared_.databases.take_sequences(now);
            std::erase_if(due, [this, now](const std::string& name) {
                if (!shared_.vacated.has(name)) return false;
                shared_.databases.sequences_moved(name, now + seconds(1));
                return true;
            });
            return due;
        },
        [this](const std::string& database, TimePoint look_at) {
            shared_.databases.sequences_moved(database, look_at);
        });
}

void Server::watch_deadlocks() {
    const auto census = [this](const std::function<void(health::DeadlockWatch::Participants)>& answer) {
        broadcast([answer](session::Worker& worker) { answer(worker.participants()); });
    };
    const auto end = [this](const replication::TransactionId& victim) {
        broadcast([victim](session::Worker& worker) { worker.on_deadlock(victim); });
    };
    shared_.deadlocks = std::make_unique<health::DeadlockWatch>(
        config_, workers_.size(), [this] { return shared_.monitor->current(); }, census, end);
}

Server::~Server() {
    // Those who post to workers end first.
    if (shared_.deadlocks) shared_.deadlocks->stop();
    if (sequences_) sequences_->stop();
    if (keeper_) keeper_->stop();
    if (shared_.watchdog) shared_.watchdog->stop();
    if (shared_.auth_lookup) shared_.auth_lookup->stop();
    if (shared_.catalogs) shared_.catalogs->stop();
    if (shared_.monitor) shared_.monitor->stop();
    for (const auto& worker : workers_) worker->stop();
    for (std::thread& thread : threads_) thread.join();
}

// A user who is trusted here may still have to prove something at the nodes: what the users file knows serves
// for that.
void Server::remember_passwords(const session::AuthTables& tables) {
    for (const auto& [user, verifier] : tables.users) {
        auth::Credentials credentials;
        credentials.user = user;
        if (const auto* plain = std::get_if<auth::PlainPassword>(&verifier))
            credentials.password = plain->password;
        if (const auto* md5 = std::get_if<auth::Md5Verifier>(&verifier)) credentials.md5_hash = md5->hash;
        shared_.credentials.remember(credentials);
    }
}

void Server::broadcast(const std::function<void(session::Worker&)>& task) {
    for (const auto& worker : workers_) worker->run_on([task, target = worker.get()] { task(*target); });
}

int Server::run() {
    ::signal(SIGPIPE, SIG_IGN);  // whoever reads the log may end before us
    const auto signals = net::receive_signals({SIGTERM, SIGINT, SIGHUP});
    if (!signals) cannot_start(signals.error());
    listen_all();
    start_workers();
    shared_.monitor->start();
    if (shared_.watchdog) shared_.watchdog->start();
    shared_.catalogs->start();
    shared_.auth_lookup->start();
    if (keeper_) keeper_->start();
    if (sequences_) sequences_->start();
    if (shared_.deadlocks) shared_.deadlocks->start();
    log::info("started", {{"version", PGPOOL_VERSION},
                          {"port", config_->listen.port},
                          {"workers", workers_.size()},
                          {"nodes", config_->nodes.size()}});
    ::sd_notify(0, "READY=1");
    const int status = serve(signals->get());
    ::sd_notify(0, "STOPPING=1");
    log::info("stopped");
    return status;
}

void Server::start_workers() {
    for (const auto& worker : workers_) threads_.emplace_back([target = worker.get()] { target->run(); });
}

// Before the first listener: those of the workers share the port with each other, and with whoever has it.
void Server::listen_all() {
    for (const net::Address& address : addresses_) {
        if (const auto unused = net::check_unused(address); !unused) cannot_start(unused.error());
    }
    for (const net::Address& address : addresses_) {
        address.family() == AF_UNIX ? listen_unix(address) : listen_tcp(address);
    }
}

void Server::listen_tcp(const net::Address& address) {
    for (const auto& worker : workers_) {
        auto fd = net::listen_on(address, static_cast<int>(config_->listen.backlog), net::ReusePort::Yes);
        if (!fd) cannot_start(fd.error());
        worker->listen(std::move(*fd));
    }
}

// One socket for all workers: whoever is awake first accepts.
void Server::listen_unix(const net::Address& address) {
    auto fd = net::listen_on(address, static_cast<int>(config_->listen.backlog), net::ReusePort::No);
    if (!fd) cannot_start(fd.error());
    ::chmod(address.text().c_str(), 0777);
    for (const auto& worker : workers_) worker->listen(UniqueFd(::dup(fd->get())));
}

int Server::serve(int signals) {
    TimePoint resolve_at = SteadyClock::now() + kResolveAgain;
    TimePoint drain_until = TimePoint::max();
    TimePoint give_up_at = TimePoint::max();
    while (!(draining_ && all_drained())) {
        pollfd poll{.fd = signals, .events = POLLIN, .revents = 0};
        ::poll(&poll, 1, static_cast<int>(draining_ ? 20 : kHousekeeping.count()));
        feed_watchdog();
        while (const int signal = net::next_signal(signals)) {
            if (signal == SIGHUP) {
                on_hangup();
            } else if (signal == SIGTERM && !draining_) {
                drain();
                drain_until = SteadyClock::now() + config_->limits.drain_timeout;
            } else {
                if (!draining_) drain();
                drain_until = SteadyClock::now();
            }
        }
        const TimePoint now = SteadyClock::now();
        if (now >= drain_until) {
            broadcast([](session::Worker& worker) { worker.end_clients(); });
            drain_until = TimePoint::max();
            give_up_at = now + kGiveUp;
        }
        if (now >= give_up_at) {
            log::error("forced_exit", {{"reason", "clients did not end"}});
            ::_exit(1);
        }
        if (now >= resolve_at) {
            shared_.addresses.refresh(config_->nodes);
            resolve_at = now + kResolveAgain;
        }
    }
    return 0;
}

std::vector<TimePoint> Server::last_turns() const {
    std::vector<TimePoint> turns;
    for (const auto& worker : workers_) turns.push_back(worker->last_turn());
    return turns;
}

// Not while a worker hangs: its clients have nobody then, and the service manager starts us anew.
void Server::feed_watchdog() {
    const auto stuck = stuck_worker(last_turns(), SteadyClock::now(), kPatience);
    if (stuck && stuck != stuck_) log::error("worker_stuck", {{"worker", *stuck}});
    stuck_ = stuck;
    if (!stuck) ::sd_notify(0, "WATCHDOG=1");
}

void Server::drain() {
    draining_ = true;
    log::info("draining", {{"clients", shared_.ledger.clients()}});
    ::sd_notify(0, "STOPPING=1");
    broadcast([this](session::Worker& worker) { worker.drain([this] { ++workers_empty_; }); });
}

// Any thread: the reload itself is the main thread's work, as if a SIGHUP had come.
void Server::request_reload(session::Shared::Reloaded done) {
    {
        const std::lock_guard lock(reload_mutex_);
        reload_requests_.push_back(std::move(done));
    }
    ::kill(::getpid(), SIGHUP);
}

void Server::on_hangup() {
    ::sd_notify(0, "RELOADING=1");
    std::vector<session::Shared::Reloaded> requests;
    {
        const std::lock_guard lock(reload_mutex_);
        requests.swap(reload_requests_);
    }
    const session::ReloadOutcome outcome = reload();
    for (const std::string& reason : outcome.refused) log::error("reload_refused", {{"reason", reason}});
    for (const auto& done : requests) done(outcome);
    ::sd_notify(0, "READY=1");
}

session::ReloadOutcome Server::reload() {
    config::Reread reread = config::load_again(config_file_, *config_);
    if (!reread.plan) return {.refused = std::move(reread.refused), .needs_restart = {}};
    auto tables = load_auth(reread.plan->effective);
    if (!tables) return {.refused = {tables.error().message}, .needs_restart = {}};
    apply(reread.plan->effective, std::move(*tables));
    session::ReloadOutcome outcome;
    for (const auto& change : reread.plan->changes) {
        log::change(change);
        if (change.reload == config::Reload::Restart)
            outcome.needs_restart.push_back(config::to_string(change));
    }
    log::info("reloaded");
    return outcome;
}

void Server::apply(const config::Config& next, session::AuthTablesPtr tables) {
    auth_tables_ = std::move(tables);
    config_ = std::make_shared<const config::Config>(next);
    remember_passwords(*auth_tables_);
    shared_.addresses.refresh(config_->nodes);
    shared_.monitor->reload(config_);
    if (shared_.watchdog) shared_.watchdog->reload(config_);
    if (keeper_) keeper_->reload(config_);
    if (sequences_) sequences_->reload(config_);
    if (shared_.deadlocks) shared_.deadlocks->reload(config_);
    shared_.catalogs->reload(config_);
    shared_.auth_lookup->reload(config_);
    log::set_level(config_->log.level);
    broadcast([config = config_, tables = auth_tables_](session::Worker& worker) {
        worker.on_config(config, tables);
    });
}

}  // namespace pgpool::server
