// SPDX-License-Identifier: PostgreSQL
#pragma once

// Worker: one thread with its event loop, its clients, its server connections and its caches; it shares
// nothing with other workers but what is in Shared (docs/adr/0003-workers.md).
//
// Threads: everything on the worker's own thread, except run_on(), stop(), last_turn() and the constructor.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/boot_clock.h"
#include "common/net/buffer.h"
#include "common/net/event_loop.h"
#include "proxy/exec/surroundings.h"
#include "proxy/pool/pool.h"
#include "proxy/session/cancel_connection.h"
#include "proxy/session/client_connection.h"
#include "proxy/session/replication_connection.h"
#include "proxy/session/server_connection.h"
#include "proxy/session/shared.h"

namespace pgpool::session {

class Worker {
public:
    static constexpr std::size_t kScratch = std::size_t{64} << 10U;

    Worker(Shared& shared, std::uint32_t index, config::ConfigPtr config, AuthTablesPtr auth_tables);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker();

    void run();   // the thread's body; returns after stop()
    void stop();  // any thread
    void run_on(std::function<void()> task) { loop_.post(std::move(task)); }  // any thread
    [[nodiscard]] TimePoint last_turn() const {  // any thread; a loop that is not stuck turns every second
        return TimePoint(Duration(last_turn_.load(std::memory_order_relaxed)));
    }
    [[nodiscard]] static Worker& of(Shared& shared, std::uint32_t index);  // on that worker's thread

    // News from the server.
    void listen(UniqueFd listener);
    void on_topology(cluster::TopologyPtr topology);
    // Until when it may be acted on; whatever stands still, nothing goes to a primary after it.
    void on_good_until(BootTime until);
    void on_facts(const std::string& database, sql::CatalogFactsPtr facts);
    void on_config(config::ConfigPtr config, AuthTablesPtr auth_tables);
    // Of all sessions that hold connections.
    [[nodiscard]] std::vector<replication::Participant> participants() const;
    void on_deadlock(const replication::TransactionId& victim);
    // Closes what no client holds of that database, and tells who else is connected to it, but for one
    // client; ends those, if told so.
    [[nodiscard]] Occupants vacate(const std::string& database, std::uint64_t but, bool ends_clients);
    void tell_news(std::uint64_t client);
    void drain(std::function<void()> when_empty);  // no new clients, the others end at their next good moment
    void end_clients();                            // now

    // For connections.
    [[nodiscard]] net::EventLoop& loop() { return loop_; }
    [[nodiscard]] net::BufferPool& buffers() { return buffers_; }
    [[nodiscard]] char* scratch() { return scratch_.get(); }
    [[nodiscard]] exec::Surroundings& surroundings() { return surroundings_; }
    [[nodiscard]] const config::Config& config() const { return *surroundings_.config; }
    [[nodiscard]] Shared& shared() { return shared_; }
    [[nodiscard]] const AuthTables& auth_tables() const { return *auth_tables_; }
    [[nodiscard]] std::uint32_t index() const { return index_; }
    [[nodiscard]] bool draining() const { return draining_; }
    void mark_dirty(Stream& stream) { dirty_.push_back(&stream); }
    // Reads the clock, if there is a deadline at all.
    [[nodiscard]] bool is_past_deadline() const;

    // For clients.
    [[nodiscard]] CountedPool& pool(const std::string& user, const std::string& database);
    [[nodiscard]] exec::Database& database(const std::string& name);
    [[nodiscard]] ServerConnection* acquire(pool::Pool& pool, ClientConnection& client,
                                            const route::Target& target);
    void withdraw(pool::Pool& pool, ClientConnection& client);
    void released(ServerConnection& server, exec::Disposal disposal);
    void cancel_at_node(ServerConnection& server);
    void cancel_requested(const CancelKey& key);
    void await_news(ClientConnection& client);
    void client_ended(ClientConnection& client);
    void verifier_found(std::uint64_t client, const health::AuthLookup::Answer& answer);
    void ddl_seen(const std::string& database);
    void facts_wanted(const exec::Database& database);
    void node_suspect(NodeId node, std::string_view reason);
    void node_failed(NodeId node, std::uint64_t epoch, cluster::Sign sign, std::string_view reason);
    void own_ready(std::uint64_t client, const PendingAnswer& pending);
    void replicate(ClientConnection& client,
                   std::shared_ptr<const ClientLogin> login);  // at the end of the turn

    // For replication connections.
    [[nodiscard]] std::string_view name_of(NodeId node) const;                // for the log
    [[nodiscard]] std::optional<net::Address> address_of(NodeId node) const;  // none: removed, or unresolved
    // A server connection that is in no pool.
    [[nodiscard]] bool reserve_apart(const Ledger::Key& key, std::uint64_t client);
    void cancel_at_node(const WalsenderConnection& walsender);
    void replication_ended(ReplicationConnection& replication);

    // For server connections.
    void opened(ServerConnection& server);
    void returned(ServerConnection& server);
    void closed(ServerConnection& server, ServerConnection::State before, std::string_view reason);
    void login_refused(ServerConnection& server, std::string_view error_body);
    void cancel_ended(CancelConnection& connection);

    // For SHOW.
    [[nodiscard]] TimePoint now() const { return loop_.now(); }
    [[nodiscard]] const exec::Surroundings& surroundings() const { return surroundings_; }
    [[nodiscard]] const Shared& shared() const { return shared_; }
    [[nodiscard]] const std::unordered_map<std::uint64_t, std::unique_ptr<ClientConnection>>& clients()
        const {
        return clients_;
    }
    [[nodiscard]] const std::unordered_map<std::uint64_t, std::unique_ptr<ReplicationConnection>>&
    replications() const {
        return replications_;
    }
    [[nodiscard]] const std::vector<std::unique_ptr<ServerConnection>>& servers() const { return servers_; }
    [[nodiscard]] const std::map<std::pair<std::string, std::string>, std::unique_ptr<CountedPool>>& pools()
        const {
        return pools_;
    }

private:
    class Listener;
    class Ticker;
    struct Handoff {
        ClientConnection* client = nullptr;
        ServerConnection* server = nullptr;
    };

    [[nodiscard]] Result<void> accept_all(int listener);
    void hand_over(std::uint64_t client, const ClientLogin& login);
    void take_slots();
    void turn_begin();
    void turn_end();
    void use_topology();
    void withhold_if_past_deadline();
    void run_handoffs();
    void look_for_stuck();
    void maintain();  // once a second: ages, checks, minimum sizes
    void maintain(CountedPool& pool);
    void leave(ServerConnection& server, Occupants& found);
    void drop_outlived();
    void serve_waiters(pool::Pool& pool);
    [[nodiscard]] std::function<void()> serving_later(const pool::Pool& pool);  // any thread may call it
    void serve_all_waiters();
    void wake_waiters();
    void open_if_wanted(pool::Pool& pool, NodeId node);
    [[nodiscard]] bool open(pool::Pool& pool, NodeId node);
    [[nodiscard]] bool reserve(pool::Pool& pool, NodeId node);
    void ask_for_idle();
    void give_up_idle();
    void check_pins();
    [[nodiscard]] Ledger::Key ledger_key(const pool::Pool& pool, NodeId node) const;
    [[nodiscard]] bool is_primary(NodeId node) const { return surroundings_.topology->primary == node; }
    [[nodiscard]] std::optional<NodeId> resolve(const route::Target& target) const;
    [[nodiscard]] bool may_serve(NodeId node) const;
    void close_servers_of_lost_nodes();
    [[nodiscard]] bool is_served_elsewhere(const pool::Waiter& waiter) const;
    void redirect_waiters_of_lost_nodes();
    void plan_again(std::uint64_t client);
    void retire_outdated();
    [[nodiscard]] bool is_too_old(const ServerConnection& server) const;
    [[nodiscard]] bool give_up_for_others(ServerConnection& server);

    Shared& shared_;
    std::uint32_t index_;
    net::EventLoop loop_;
    net::BufferPool buffers_;
    std::unique_ptr<char[]> scratch_;
    exec::Surroundings surroundings_;
    cluster::TopologyPtr told_;
    BootTime good_until_ = BootTime::max();
    bool is_withheld_ = false;  // past that the topology in use is without a primary
    AuthTablesPtr auth_tables_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::unordered_map<std::uint64_t, std::unique_ptr<ClientConnection>> clients_;
    std::unordered_map<std::uint64_t, std::unique_ptr<ReplicationConnection>> replications_;
    std::vector<std::unique_ptr<ServerConnection>> servers_;
    std::vector<std::unique_ptr<CancelConnection>> cancels_;
    std::map<std::pair<std::string, std::string>, std::unique_ptr<CountedPool>> pools_;
    std::map<std::string, std::unique_ptr<exec::Database>> databases_;
    std::vector<Stream*> dirty_;
    std::vector<Handoff> handoffs_;
    TimePoint logins_seen_;  // what is idle is newer than this
    std::vector<std::uint64_t> replay_waiters_;
    std::uint64_t last_client_ = 0;
    std::atomic<Duration::rep> last_turn_{0};
    bool draining_ = false;
    std::function<void()> when_empty_;
    std::unique_ptr<Ticker> ticker_;
};

}  // namespace pgpool::session
