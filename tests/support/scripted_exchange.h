// SPDX-License-Identifier: PostgreSQL
#pragma once

// Clients, the proxy's sessions and a small cluster of fake PostgreSQL nodes, all in one thread, without
// sockets and without a clock: what the shell does for a session (proxy/session), done by hand and in a fixed
// order.
//
//   Exchange x;
//   Client& amy = x.client();
//   amy >> query("SELECT 'one'");
//   amy.expect("T D(one) C(SELECT 1) Z(I)");
//   x.expect_server(0, "Q(SELECT 'one')");
//
// Everything runs until nothing moves after each >>. What a script checks always: the rules of
// reply_checker.h for every client; that servers are sent nothing impossible; that a connection is given back
// without transaction, owed answers or state of its user.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/cluster/topology.h"
#include "common/config/config.h"
#include "proxy/exec/session.h"
#include "proxy/exec/surroundings.h"
#include "tests/support/fake_postgres.h"
#include "tests/support/reply_checker.h"

namespace pgpool::support {

class Exchange;

// How a script is disturbed, or its bytes are cut. The values by default: not at all.
struct Disturbance {
    std::optional<std::size_t> lose_links_at_step = {};    // every connection in use is lost before this step
    std::optional<std::size_t> lose_clients_at_step = {};  // every client is gone before this step
    std::optional<std::size_t> cut_client_at = {};         // byte of what each client sends
    std::optional<std::size_t> cut_server_at = {};         // byte of what each connection gets back
    std::size_t piece = SIZE_MAX;                          // bytes that go by at once, in both directions

    [[nodiscard]] bool loses() const { return lose_links_at_step || lose_clients_at_step; }
};

// A server connection with its server.
class Link final : public exec::ServerLink {
public:
    Link(Exchange& exchange, std::size_t number, NodeId node, FakeNode& at);

    FakePostgres postgres;
    std::size_t number;
    class Client* client = nullptr;  // that it is lent to
    bool alive = true;
    std::string to_server;    // on its way
    std::string from_server;  // on its way
    std::string kept;         // arrived, and not handled yet
    std::string log;          // what was sent to it, printed, since the last expectation
    std::string unprinted;    // the beginning of a message
    std::size_t received = 0;
};

class Client final : public exec::Effects {
public:
    Client(Exchange& exchange, std::uint64_t id, std::string user, exec::NameValuesPtr startup);

    Client& operator>>(const std::string& messages);  // sends, and lets everything run
    void send(std::string_view messages);             // sends only
    void expect(std::string_view printed);            // all that came since the last call
    [[nodiscard]] std::string received();             // the same, to look at
    [[nodiscard]] std::string statements();           // that log.statements has told since the last call
    [[nodiscard]] std::string transcript() const { return transcript_; }  // all of it
    void cancel();                                                        // CancelRequest
    void leave();                                                         // without Terminate

    [[nodiscard]] exec::Session& session() { return *session_; }
    [[nodiscard]] const ReplyChecker& checker() const { return checker_; }
    [[nodiscard]] bool closed() const { return closed_; }
    [[nodiscard]] bool has_timer(exec::TimerKind kind) const { return timers_.contains(kind); }
    void tag(std::string text) { own_tag_ = std::move(text); }  // rows that begin with it are its own

    // exec::Effects
    void reply(ByteView bytes) override;
    bool client_is_behind() override { return false; }
    void send(exec::ServerLink& link, ByteView bytes) override;
    exec::ServerLink* acquire(const route::Target& target) override;
    void withdraw() override;
    void release(exec::ServerLink& link, exec::Disposal disposal) override;
    bool connection_wanted() override { return false; }
    void cancel(exec::ServerLink& link) override;
    void await_news() override;
    void arm(exec::TimerKind timer, milliseconds after) override;
    void disarm(exec::TimerKind timer) override { timers_.erase(timer); }
    void login_refused(const Error& /*error*/) override {}
    void close() override { closed_ = true; }
    TimePoint clock() override;
    void ddl_seen() override;
    void facts_wanted() override { ++facts_wanted_; }
    void statement(std::string_view sql, const exec::ServerLink* at) override;
    void node_suspect(NodeId node) override { suspects_.push_back(node); }
    void node_failed(NodeId node, std::uint64_t /*epoch*/, cluster::Sign /*sign*/,
                     std::string_view /*reason*/) override {
        suspects_.push_back(node);
    }
    void mark_refused(std::uint64_t /*epoch*/) override {}
    void prepared_left(std::uint64_t /*epoch*/) override {}
    std::shared_ptr<exec::Vacancy> vacate(const sql::DatabaseUse& /*use*/) override { return nullptr; }
    exec::OwnAnswer own_command(const sql::Statement& statement, exec::Run run) override;
    Result<exec::OwnResult> own_result() override;

private:
    friend class Exchange;

    void start();
    void vanish();
    void pump();
    void take_replies();
    [[nodiscard]] bool deliver();  // a piece of what was sent; false: nothing is left

    Exchange& exchange_;
    exec::NameValuesPtr startup_;
    std::unique_ptr<exec::Session> session_;
    std::string sending_;  // not there yet
    std::string kept_;     // there, and not consumed
    std::string unread_;   // replies of which the rest is missing
    std::string printed_;  // since the last expectation
    std::string transcript_;
    std::string statements_;
    std::string unchecked_;  // sent, for the checker: the beginning of a message
    ReplyChecker checker_;
    std::map<exec::TimerKind, TimePoint> timers_;
    std::optional<route::Target> waits_for_;
    bool awaits_replay_ = false;
    bool closed_ = false;
    bool gone_ = false;
    bool ready_ = false;  // the login is over
    std::size_t delivered_ = 0;
    int facts_wanted_ = 0;
    std::vector<NodeId> suspects_;
    std::string own_tag_;
};

class Exchange {
public:
    struct Setup {
        std::size_t standbys = 0;
        std::size_t links_per_node = 2;
        std::uint32_t prepared_statements = 100;
        std::function<void(config::Config&)> configure = [](config::Config&) {};
    };
    explicit Exchange(Setup setup, Disturbance disturbance = {});
    Exchange() : Exchange(Setup{}) {}
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    ~Exchange();

    // A client that is logged in; with startup settings.
    Client& client(const std::map<std::string, std::string>& startup = {}, const std::string& user = "amy");

    void run();                                                      // until nothing moves
    void advance(milliseconds time);                                 // timers fire in their order
    void expect_server(std::size_t link, std::string_view printed);  // all it was sent since the last call
    // The end of every script: what is open is ended, everything runs out. Then nothing may be left.
    void finish();
    [[nodiscard]] const std::string& problem() const { return problem_; }  // the first; empty: none

    // Things that happen to servers.
    [[nodiscard]] Link& link(std::size_t number) { return *links_.at(number); }
    [[nodiscard]] std::size_t links() const { return links_.size(); }
    void hold_servers() { held_ = true; }  // they get nothing more
    void let_servers_go();
    void hold_replies() { replies_held_ = true; }  // they answer, but nothing arrives
    void let_replies_go();
    void wake_sleepers();
    void lose(std::size_t link);
    void lose_all_links();
    void lose_all_clients();
    void stop_node(std::size_t node);  // its connections break, new ones are not to be had
    void promote(std::size_t node);    // ... and this one is the primary
    void lose_primary();               // no node is the primary
    void park_primary();               // ... any more, because its role moves
    void refuse_connections(std::string sqlstate) { refusal_ = std::move(sqlstate); }  // empty: no more
    [[nodiscard]] FakeNode& node(std::size_t number) { return *nodes_.at(number); }

    [[nodiscard]] exec::Surroundings& surroundings() { return around_; }
    [[nodiscard]] exec::Database& database() { return database_; }
    void configure(const std::function<void(config::Config&)>& change);
    void set_topology(const std::function<void(cluster::Topology&)>& change);
    [[nodiscard]] const Disturbance& disturbance() const { return disturbance_; }
    [[nodiscard]] std::size_t steps() const { return steps_; }                // that a disturbance can name
    [[nodiscard]] std::size_t most_sent() const { return most_sent_; }        // by one client
    [[nodiscard]] std::size_t most_replied() const { return most_replied_; }  // by one connection
    void blame(std::string_view what);
    static constexpr const char* kPrefix = "pgpool_x_";  // of the names of prepared statements

private:
    friend class Client;
    friend class Link;

    struct Handoff {
        Client* client = nullptr;
        Link* link = nullptr;
    };

    void step();
    [[nodiscard]] bool is_foreign(std::string_view row, const Client& receiver) const;
    [[nodiscard]] bool run_link(Link& link);
    [[nodiscard]] bool give_to_server(Link& link);
    [[nodiscard]] bool give_to_client(Link& link);
    void handle_server_bytes(Link& link);
    void take_own_bytes(Link& link);
    [[nodiscard]] bool open_for_waiters();
    [[nodiscard]] bool run_handoffs();
    void returned(Link& link);
    void check_clean(const Link& link);
    void check_same_settings(Link& link);
    void end_requests(Client& client);
    void end_client(Client& client);
    [[nodiscard]] std::optional<std::size_t> resolve(const route::Target& target) const;
    [[nodiscard]] std::size_t size_of_piece(std::size_t position, std::size_t available,
                                            std::optional<std::size_t> cut) const;
    [[nodiscard]] Link* idle_link(std::size_t node);
    [[nodiscard]] std::size_t open_links(std::size_t node) const;

    Setup setup_;
    Disturbance disturbance_;
    std::vector<std::unique_ptr<FakeNode>> nodes_;
    std::vector<bool> stopped_;
    exec::Surroundings around_;
    exec::Database database_;
    std::vector<std::unique_ptr<Link>> links_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::deque<Client*> waiters_;
    std::deque<Handoff> handoffs_;
    std::string refusal_;
    bool held_ = false;
    bool replies_held_ = false;
    bool finishing_ = false;
    std::size_t steps_ = 0;
    std::size_t most_sent_ = 0;
    std::size_t most_replied_ = 0;
    std::string problem_;
};

// A script, which is run as it is, then with every connection lost at each step, then with every client lost
// at each step, then with its bytes cut at every position; expectations are left out where somebody is lost.
// Fails the running test.
using Script = std::function<void(Exchange&)>;
void run_script(const Exchange::Setup& setup, const Script& script);
void run_script(const Script& script);

}  // namespace pgpool::support
