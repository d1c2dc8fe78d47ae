// SPDX-License-Identifier: PostgreSQL
#pragma once

// ReplicationConnection: a client that has asked for the replication protocol (PG documentation 55.4): a
// standby, a backup, a consumer of logical changes. It gets a connection to a walsender of the primary for
// itself, and from its login's end on all bytes are relayed as they are. In mode replication SQL is looked at
// before: what may write would be written on one node only.
//
// Invariants: (1) nothing is pooled, balanced or repeated: what is lost with the node is the client's to do
// again; (2) nothing of ours comes between the bytes of one message of the node's; (3) a server connection
// is in the Ledger exactly as long as walsender_ is set.
//
// Owned by the worker; a ClientConnection becomes one after authentication. Threads: one worker only.

#include <memory>
#include <string>

#include "common/wire/message_boundary.h"
#include "proxy/session/client_login.h"
#include "proxy/session/ledger.h"
#include "proxy/session/walsender_connection.h"
#include "proxy/sql/catalog_facts.h"

namespace pgpool::session {

class ReplicationConnection final : public Stream, public net::TimerTarget {
public:
    enum class State : std::uint8_t {
        Seeking,   // a primary and a connection to it
        Relaying,  // both ways
        Stopping,  // what is left of a message to the client, then an error
        Ending,    // the client gets what is queued, the walsender is gone
        Left,      // the walsender gets what is queued, the client is gone
        Ended,
    };
    // Who a client is, as its first connection has found out.
    struct Origin {
        std::uint64_t id = 0;
        auth::PeerAddress peer;
        WallTime connected_at;
    };

    ReplicationConnection(Worker& worker, Remains remains, const Origin& origin, const ClientLogin& login);
    ~ReplicationConnection() override;

    void start();

    // From the worker.
    void on_topology();
    void on_facts();  // of a database, new ones
    void on_cancel();
    void on_drain();
    void end();  // now

    // From the walsender.
    void on_logged_in(ByteView welcome);
    void on_login_refused(ByteView error_body);
    void on_node_bytes(ByteView bytes);
    void on_node_closed();
    void on_node_lost(std::string_view reason);
    void on_node_written();

    [[nodiscard]] const Origin& origin() const { return origin_; }
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] TimePoint began() const { return began_; }
    [[nodiscard]] const std::string& user() const { return user_; }
    [[nodiscard]] const std::string& database() const { return database_; }
    [[nodiscard]] const std::string& application_name() const { return application_name_; }
    [[nodiscard]] std::uint32_t pid() const { return key_.pid; }  // as the client was told
    [[nodiscard]] const WalsenderConnection* walsender() const { return walsender_.get(); }

    void on_timer(net::Timer& timer) override;

protected:
    [[nodiscard]] std::size_t on_bytes(ByteView bytes) override;
    void on_closed(int error) override;
    void on_drained() override;
    void on_written() override;
    [[nodiscard]] bool may_read() const override;

private:
    void seek();
    [[nodiscard]] bool open();
    void seek_again(std::string_view reason);
    void give_up_seeking();
    void withdraw_wish();
    void drop_walsender();
    // The text of a Query, none of which has been sent. False: facts must come first, or it is the end.
    [[nodiscard]] bool may_pass(std::string_view text);
    [[nodiscard]] const sql::CatalogFacts* facts();
    [[nodiscard]] std::size_t relay_judged(ByteView bytes);
    void relay(ByteView bytes);
    void stop(const Error& error);
    void say_last(const Error& error);
    [[nodiscard]] Ledger::Key ledger_key(NodeId node) const { return {user_, database_, node}; }

    Origin origin_;
    TimePoint began_;
    std::string user_;
    std::string database_;
    std::string application_name_;
    std::string encoding_;  // as the client has asked for; empty: the server's
    ServerLogin::Parameters startup_;
    CancelKey key_;
    State state_ = State::Seeking;
    bool is_admitted_ = false;
    bool was_relaying_ = false;
    bool is_judged_ = false;        // SQL is looked at
    bool has_waited_long_ = false;  // for facts
    std::uint64_t refused_at_ = 0;  // version of the Ledger that had no room; 0: none
    std::unique_ptr<WalsenderConnection> walsender_;
    wire::MessageBoundary boundary_;  // in what the client was sent
    wire::MessageBoundary said_;      // in what it has sent itself
    Error last_words_;                // when Stopping
    net::Timer timer_;                // Seeking: try again; Relaying: facts; Left: the node takes no more
};

}  // namespace pgpool::session
