// SPDX-License-Identifier: PostgreSQL
#pragma once

// Server: the whole proxy in one object: shared state, control-plane threads, workers, listeners; start,
// reload, drain, stop.
//
// Threads: constructed, used and destroyed on the main thread.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/config/config.h"
#include "proxy/keeper/keeper.h"
#include "proxy/keeper/sequence_follower.h"
#include "proxy/member/reporting_decider.h"
#include "proxy/server/preparation.h"
#include "proxy/session/shared.h"
#include "proxy/session/worker.h"

namespace pgpool::server {

class Server {
public:
    Server(config::ConfigPtr config, std::string config_file, Preparation ready);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    // Serves until a signal ends it; returns the exit status. SIGHUP reloads; SIGTERM lets clients finish
    // what they are at, for limits.drain_timeout at most; SIGINT, or a second SIGTERM, ends them at once.
    int run();

private:
    void join_member(ipc::MemberBus bus);
    void make_keeper();
    void follow_sequences();
    void watch_deadlocks();
    void start_workers();
    void listen_all();
    void listen_tcp(const net::Address& address);
    void listen_unix(const net::Address& address);
    void request_reload(session::Shared::Reloaded done);
    void on_hangup();
    [[nodiscard]] session::ReloadOutcome reload();
    void apply(const config::Config& next, session::AuthTablesPtr tables);
    void drain();
    [[nodiscard]] bool all_drained() const { return workers_empty_ == workers_.size(); }
    void broadcast(const std::function<void(session::Worker&)>& task);
    [[nodiscard]] int serve(int signals);
    [[nodiscard]] std::vector<TimePoint> last_turns() const;  // of the workers; any thread
    void feed_watchdog();
    void remember_passwords(const session::AuthTables& tables);

    config::ConfigPtr config_;
    std::string config_file_;
    session::AuthTablesPtr auth_tables_;
    std::vector<net::Address> addresses_;
    session::Shared shared_;
    std::unique_ptr<keeper::Keeper> keeper_;               // mode replication only
    std::unique_ptr<member::ReportingDecider> reporting_;  // the same, if a watchdog listens
    std::unique_ptr<keeper::SequenceFollower> sequences_;  // the same
    std::vector<std::unique_ptr<session::Worker>> workers_;
    std::vector<std::thread> threads_;
    std::atomic<std::size_t> workers_empty_{0};
    bool draining_ = false;
    std::optional<std::size_t> stuck_;  // the worker that hung when the watchdog was due last
    std::mutex reload_mutex_;           // guards reload_requests_
    std::vector<session::Shared::Reloaded> reload_requests_;
};

}  // namespace pgpool::server
