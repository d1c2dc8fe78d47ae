// SPDX-License-Identifier: PostgreSQL
#pragma once

// Ledger: how many server connections and clients exist over all workers, against the limits of the
// configuration. Opening and closing a connection go through it, queries do not.
//
// A worker that may not open a connection because of those that other workers or pools hold leaves a wish.
// Whoever has a connection free asks grant(), and closes it if that helps one who has notably fewer.
// Threads: any.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/config/config.h"

namespace pgpool::session {

class Ledger {
public:
    struct Key {
        std::string user;
        std::string database;
        NodeId node;
        friend auto operator<=>(const Key&, const Key&) = default;
    };

    // The narrowest limit that is in the way: of one pool, of its user, of its database, of the node.
    enum class Limit : std::uint8_t { None, Pool, User, Database, Node };

    // A server connection more, if pool.size and the other limits allow it (None).
    [[nodiscard]] Limit reserve(const Key& key, const config::Pool& limits);
    void release(const Key& key);
    // The same for one that is in no pool: all limits count but that of a pool's size.
    [[nodiscard]] Limit reserve_apart(const Key& key, const config::Pool& limits);
    void release_apart(const Key& key);

    // Changes with every release and whenever limits change: before that nothing refused is granted.
    [[nodiscard]] std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
    void limits_changed() { version_.fetch_add(1, std::memory_order_acq_rel); }

    // Who wishes: a worker for a pool, or for a client whose connection is in none.
    struct Wisher {
        std::uint32_t worker = 0;
        std::uint64_t client_apart = 0;  // its id; 0: the pool
        friend auto operator<=>(const Wisher&, const Wisher&) = default;
    };
    // Wishes for what `limit` has refused to one that has `own` open in that pool; `wake` runs on any
    // thread, once, when a connection was closed. False: giving up one would not be fair, or it is wished
    // already.
    [[nodiscard]] bool wish(const Key& key, const Wisher& wisher, Limit limit, std::uint32_t own,
                            std::function<void()> wake);
    void withdraw_wishes(const std::string& user, const std::string& database, const Wisher& wisher);
    [[nodiscard]] bool any_wish() const { return wishes_waiting_.load(std::memory_order_relaxed) > 0; }
    // Whether a worker that has `own` open in pool `key` should close one of them. If so one wish is over:
    // its `wake` runs when that connection is released.
    [[nodiscard]] bool grant(const Key& key, std::uint32_t worker, std::uint32_t own);

    // A client more; an error (53300) names the limit that is reached.
    [[nodiscard]] Result<void> admit_client(const std::string& user, const std::string& database,
                                            const config::Limits& limits);
    void client_left(const std::string& user, const std::string& database);
    [[nodiscard]] std::uint32_t clients() const;

    // A connection more that has not logged in; its place is given back when the pointer ends.
    struct GiveBack {
        void operator()(std::atomic<std::uint32_t>* places) const { places->fetch_sub(1); }
    };
    using LoginPlace = std::unique_ptr<std::atomic<std::uint32_t>, GiveBack>;
    [[nodiscard]] Result<LoginPlace> admit_login(const config::Limits& limits);

private:
    [[nodiscard]] Limit count(const Key& key, const config::Pool& limits);
    [[nodiscard]] std::vector<std::function<void()>> uncount(const Key& key);

    mutable std::mutex mutex_;  // guards all below
    std::map<Key, std::uint32_t> pools_;
    std::map<std::pair<std::string, NodeId>, std::uint32_t> by_user_;
    std::map<std::pair<std::string, NodeId>, std::uint32_t> by_database_;
    std::map<NodeId, std::uint32_t> by_node_;
    struct Wish {
        Limit limit = Limit::None;
        std::uint32_t own = 0;
        std::function<void()> wake;
    };
    std::map<std::pair<Key, Wisher>, Wish> wishes_;
    std::vector<std::function<void()>> granted_;
    std::map<std::string, std::uint32_t> clients_by_user_;
    std::map<std::string, std::uint32_t> clients_by_database_;
    std::uint32_t clients_ = 0;
    std::atomic<std::uint32_t> logins_{0};
    std::atomic<std::uint32_t> wishes_waiting_{0};
    std::atomic<std::uint64_t> version_{1};
};

}  // namespace pgpool::session
