// SPDX-License-Identifier: PostgreSQL
#pragma once

// NodeAccess: connections of the keeper to one node, one for each database that holds markers
// (common/markers/setup.h), and what it does with them: raise the epoch, read the slots, end what is
// prepared.
//
// A database that is dropped meanwhile is no fault of the node: it is waited for who drops it, then the
// database is as if it had not been there.
//
// Every member is bounded: by the node's time to answer (health.timeout), by that of a DROP DATABASE that
// waits for sessions to end, and raise() by the time that it leaves to transactions in flight. Threads: one
// at a time.

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/cluster/fence.h"
#include "common/config/config.h"
#include "common/markers/repair_plan.h"
#include "common/markers/two_phase.h"
#include "common/pg/client.h"

namespace pgpool::keeper {

// How long transactions that have marked may take to end before their sessions are ended, and for how long
// that is repeated.
struct Patience {
    milliseconds grace{500};
    milliseconds limit{10'000};
};

class NodeAccess {
public:
    // `stop` outlives it.
    [[nodiscard]] static pg::ClientResult<NodeAccess> open(const config::Node& node,
                                                           const config::Health& login,
                                                           const std::atomic<bool>& stop);

    [[nodiscard]] const std::string& name() const { return node_.name; }
    [[nodiscard]] std::vector<std::string> databases() const;  // with markers
    [[nodiscard]] bool has(const std::string& database) const { return clients_.contains(database); }
    [[nodiscard]] const std::vector<std::string>& bare_databases() const { return bare_; }

    [[nodiscard]] pg::ClientResult<std::uint64_t> highest_epoch();  // of all databases; 0 without any
    [[nodiscard]] pg::ClientResult<std::uint64_t> lowest_epoch();
    // The highest above `known` that was raised with none of these tokens; 0: there is none.
    [[nodiscard]] pg::ClientResult<std::uint64_t> epoch_of_others(std::uint64_t known,
                                                                  const std::vector<std::int64_t>& tokens);
    // After it no transaction that was begun under another epoch can commit, and none is about to. The result
    // names a database where one is still in the way after `grace`; empty: the epoch is raised.
    [[nodiscard]] pg::ClientResult<std::string> raise(std::uint64_t epoch, cluster::Fence fence,
                                                      milliseconds grace);
    // Sessions whose transactions have marked in that database, and do not end.
    [[nodiscard]] pg::ClientResult<void> end_markers(const std::string& database);
    [[nodiscard]] pg::ClientResult<markers::NodeSequences> sequences();

    // Transactions of the proxy that are prepared there.
    [[nodiscard]] pg::ClientResult<std::vector<markers::Prepared>> prepared();
    // REQUIRES: `fate` is known. Nothing happens if somebody has ended it meanwhile.
    [[nodiscard]] pg::ClientResult<void> end(const markers::Prepared& prepared, markers::Fate fate);
    [[nodiscard]] std::uint64_t max_prepared_transactions() const { return max_prepared_transactions_; }

    // Why something in this database has failed: it is gone, and forgotten here.
    [[nodiscard]] bool has_dropped(const std::string& database);

    // A connection of its own, with pg::SessionSettings::OfLogin; and the one that is kept. REQUIRES:
    // has(database).
    [[nodiscard]] pg::ClientResult<pg::Client> connect_plainly(const std::string& database) const;
    [[nodiscard]] pg::Client& client(const std::string& database) { return clients_.at(database); }
    [[nodiscard]] TimePoint soon() const;  // when an answer is late

private:
    NodeAccess(config::Node node, config::Health login, const std::atomic<bool>& stop)
        : node_(std::move(node)), login_(std::move(login)), stop_(&stop) {}

    [[nodiscard]] pg::ClientResult<pg::Client> connect(const std::string& database,
                                                       pg::SessionSettings settings) const;
    [[nodiscard]] pg::ClientResult<pg::Client> connect(const std::string& database) const;
    [[nodiscard]] pg::ClientResult<void> connect_all();
    [[nodiscard]] pg::ClientResult<std::vector<std::uint64_t>> epochs(std::string_view sql);
    [[nodiscard]] pg::ClientResult<void> add(const std::string& database);
    [[nodiscard]] pg::ClientResult<void> add_unless_dropped(const std::string& database);
    enum class Presence : std::uint8_t { There, Locked, Gone };
    [[nodiscard]] Presence presence_of(const std::string& database);
    [[nodiscard]] Presence await_presence_of(const std::string& database);  // There or Gone, if it comes soon
    [[nodiscard]] pg::ClientResult<bool> raise_in(const std::string& database, std::uint64_t epoch,
                                                  cluster::Fence fence, milliseconds grace);

    config::Node node_;
    config::Health login_;
    const std::atomic<bool>* stop_;
    std::optional<pg::Client> home_;             // where it looks which databases there are
    std::map<std::string, pg::Client> clients_;  // by database
    std::vector<std::string> bare_;
    std::uint64_t max_prepared_transactions_ = 0;
};

}  // namespace pgpool::keeper
