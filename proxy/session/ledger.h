// SPDX-License-Identifier: PostgreSQL
#pragma once

// Ledger: how many server connections and clients exist over all workers, against the limits of the
// configuration. Opening and closing a connection go through it, queries do not.
//
// A worker that may not open a connection because others hold all of them leaves a wish; workers ask wished()
// when a connection becomes free, and then close it in favour of the wisher. Threads: any.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

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

    // A server connection more, if pool.size and the other limits allow it.
    [[nodiscard]] bool reserve(const Key& key, const config::Pool& limits);
    void release(const Key& key);

    // Wishes: `wake` runs on any thread, once, when a connection of that pool was given up.
    void wish(const Key& key, std::uint32_t worker, std::function<void()> wake);
    void withdraw(const Key& key, std::uint32_t worker);
    [[nodiscard]] bool any_wish() const { return wishes_waiting_.load(std::memory_order_relaxed) > 0; }
    [[nodiscard]] bool wished(const Key& key, std::uint32_t by_others_than) const;

    // A client more; an error (53300) names the limit that is reached.
    [[nodiscard]] Result<void> admit_client(const std::string& user, const std::string& database,
                                            const config::Limits& limits);
    void client_left(const std::string& user, const std::string& database);
    [[nodiscard]] std::uint32_t clients() const;

private:
    mutable std::mutex mutex_;  // guards all below
    std::map<Key, std::uint32_t> pools_;
    std::map<std::pair<std::string, NodeId>, std::uint32_t> by_user_;
    std::map<std::pair<std::string, NodeId>, std::uint32_t> by_database_;
    std::map<NodeId, std::uint32_t> by_node_;
    std::map<std::pair<Key, std::uint32_t>, std::function<void()>> wishes_;
    std::map<std::string, std::uint32_t> clients_by_user_;
    std::map<std::string, std::uint32_t> clients_by_database_;
    std::uint32_t clients_ = 0;
    std::atomic<std::uint32_t> wishes_waiting_{0};
};

}  // namespace pgpool::session
