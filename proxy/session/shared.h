// SPDX-License-Identifier: PostgreSQL
#pragma once

// Shared: what all workers use. Everything in it may be called from any thread.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/cluster/decider.h"
#include "common/config/config.h"
#include "proxy/auth/access_list.h"
#include "proxy/auth/credentials.h"
#include "proxy/auth/users_file.h"
#include "proxy/exec/session.h"
#include "proxy/health/auth_lookup.h"
#include "proxy/health/catalog_loader.h"
#include "proxy/health/deadlock_watch.h"
#include "proxy/health/monitor.h"
#include "proxy/member/watchdog_client.h"
#include "proxy/session/address_book.h"
#include "proxy/session/cancel_registry.h"
#include "proxy/session/ledger.h"
#include "proxy/session/statistics.h"
#include "proxy/session/vacancies.h"

namespace pgpool::session {

// Who may log in and how; replaced whole at a reload.
struct AuthTables {
    auth::UserMap users;
    auth::AccessList access;
};
using AuthTablesPtr = std::shared_ptr<const AuthTables>;

// What logs each user in at the nodes: learned from the clients' own logins, or from the users file. Only
// those are kept that have something to prove: the names of trusted users are whatever clients say.
class CredentialStore {
public:
    void remember(const auth::Credentials& credentials);
    [[nodiscard]] auth::Credentials find(
        const std::string& user) const;  // with nothing but the name if unknown
    [[nodiscard]] std::size_t size() const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, auth::Credentials> by_user_;
};

class Worker;
class ClientConnection;

// The rest of a result is on its way: from other workers, or from the main thread.
class PendingAnswer {
public:
    PendingAnswer() = default;
    PendingAnswer(const PendingAnswer&) = delete;
    PendingAnswer& operator=(const PendingAnswer&) = delete;
    virtual ~PendingAnswer() = default;
    // On the asker's thread, once: when Worker::own_ready() was told, or when `patience` is over.
    [[nodiscard]] virtual Result<exec::OwnResult> take() = 0;
};
struct Promise {
    std::shared_ptr<PendingAnswer> pending;
    milliseconds patience{};
};
using OwnOutcome = std::variant<Result<exec::OwnResult>, Promise>;

// What came of a reload, one line each.
struct ReloadOutcome {
    std::vector<std::string> refused;        // then nothing has changed
    std::vector<std::string> needs_restart;  // changes that did not take effect
};

// The databases that any worker uses, with what all workers know of them. A name is what a client says: it is
// forgotten when no worker uses it any more.
class DatabasesInUse {
public:
    struct Known {
        std::shared_ptr<exec::DatabaseMarks> marks;  // in use as long as somebody holds this
        sql::CatalogFactsPtr facts;                  // null: not loaded yet
    };
    // Of a database that was not in use nobody knows who has written there last: as if it were just now.
    [[nodiscard]] Known use(const std::string& database, TimePoint now);
    void changed(const std::string& database, TimePoint now);  // it may be another one by now
    void left(const std::string& database);                    // after the marks were given up
    void keep(std::string_view database, sql::CatalogFactsPtr facts);
    [[nodiscard]] bool has(std::string_view database) const;
    // Mode replication: see exec::DatabaseMarks.
    void sequences_moved(const std::string& database, TimePoint look_at);
    [[nodiscard]] std::vector<std::string> take_sequences(TimePoint now);

private:
    [[nodiscard]] std::shared_ptr<exec::DatabaseMarks> marks_of(const std::string& database) const;

    struct Entry {
        std::weak_ptr<exec::DatabaseMarks> marks;
        sql::CatalogFactsPtr facts;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Entry, std::less<>> by_name_;
};

struct Shared {
    Shared() = default;
    explicit Shared(AddressBook::LookUp look_up) : addresses(std::move(look_up)) {}

    Ledger ledger;
    CancelRegistry cancels;
    AddressBook addresses;
    CredentialStore credentials;
    DatabasesInUse databases;
    VacatedDatabases vacated;
    NodeTotals node_statistics;
    std::string mock_secret;       // see auth::FrontendAuth
    std::string statement_prefix;  // see exec::PreparedRegistry
    std::unique_ptr<health::Monitor> monitor;
    std::unique_ptr<member::WatchdogClient> watchdog;  // watchdog.enabled
    std::atomic<std::uint64_t> connections_seen{0};    // clients that came or went
    std::unique_ptr<health::CatalogLoader> catalogs;
    std::unique_ptr<health::AuthLookup> auth_lookup;
    std::unique_ptr<health::DeadlockWatch> deadlocks;  // mode replication
    // Mode replication; null elsewhere. Outlives the workers.
    cluster::Decider* decider = nullptr;
    // Mode replication: the next transaction's sequence number (fetch_add). Higher than all in the nodes'
    // slots as soon as a node is up.
    std::atomic<std::uint64_t> next_sequence{1};
    exec::LoginMarks logins;
    exec::DdlCommits shared_ddl;
    std::unique_ptr<exec::CommitGate> gate;  // mode replication
    std::uint32_t worker_count = 0;
    // Runs `task` on that worker's thread.
    std::function<void(std::uint32_t worker, std::function<void()> task)> post_to_worker;
    // SHOW POOL_NODES and its kin; called on the worker's thread.
    std::function<OwnOutcome(Worker&, const ClientConnection& asker, const sql::Statement&, exec::Run)>
        run_own_command;
    // As SIGHUP does; `done` runs on the main thread.
    using Reloaded = std::function<void(const ReloadOutcome& outcome)>;
    std::function<void(Reloaded done)> reload;
};

[[nodiscard]] std::uint64_t secure_random();
void fill_secure_random(char* to, std::size_t size);

}  // namespace pgpool::session
