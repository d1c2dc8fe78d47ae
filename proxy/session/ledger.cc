// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/ledger.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace pgpool::session {

namespace {

template <typename Map, typename Key>
std::uint32_t count_of(const Map& map, const Key& key) {
    const auto at = map.find(key);
    return at == map.end() ? 0 : at->second;
}

template <typename Map, typename Key>
void take_one(Map& map, const Key& key) {
    const auto at = map.find(key);
    PGPOOL_ASSERT(at != map.end() && at->second > 0);
    if (--at->second == 0) map.erase(at);
}

bool reached(std::uint32_t limit, std::uint32_t count) {
    return limit > 0 && count >= limit;
}

// Whether a connection of pool `key` counts against the limit that refused one to `wanted`.
bool is_within(Ledger::Limit limit, const Ledger::Key& wanted, const Ledger::Key& key) {
    if (wanted.node != key.node) return false;
    if (limit == Ledger::Limit::Pool) return wanted == key;
    if (limit == Ledger::Limit::User) return wanted.user == key.user;
    if (limit == Ledger::Limit::Database) return wanted.database == key.database;
    return true;
}

}  // namespace

Ledger::Limit Ledger::reserve(const Key& key, const config::Pool& limits) {
    const std::lock_guard lock(mutex_);
    if (reached(limits.size, count_of(pools_, key))) return Limit::Pool;
    const Limit limit = count(key, limits);
    if (limit == Limit::None) ++pools_[key];
    return limit;
}

Ledger::Limit Ledger::reserve_apart(const Key& key, const config::Pool& limits) {
    const std::lock_guard lock(mutex_);
    return count(key, limits);
}

// One more for all but the pool itself, if they have room.
Ledger::Limit Ledger::count(const Key& key, const config::Pool& limits) {
    const auto user = std::pair(key.user, key.node);
    const auto database = std::pair(key.database, key.node);
    if (reached(limits.max_user_connections, count_of(by_user_, user))) return Limit::User;
    if (reached(limits.max_database_connections, count_of(by_database_, database))) return Limit::Database;
    if (reached(limits.max_server_connections, count_of(by_node_, key.node))) return Limit::Node;
    ++by_user_[user];
    ++by_database_[database];
    ++by_node_[key.node];
    return Limit::None;
}

void Ledger::release(const Key& key) {
    std::vector<std::function<void()>> wake;
    {
        const std::lock_guard lock(mutex_);
        take_one(pools_, key);
        wake = uncount(key);
    }
    for (const auto& callback : wake) callback();
}

void Ledger::release_apart(const Key& key) {
    std::vector<std::function<void()>> wake;
    {
        const std::lock_guard lock(mutex_);
        wake = uncount(key);
    }
    for (const auto& callback : wake) callback();
}

// Whom to wake: a limit over several pools may have been in the way of any of them, so all who wish try
// again.
std::vector<std::function<void()>> Ledger::uncount(const Key& key) {
    take_one(by_user_, std::pair(key.user, key.node));
    take_one(by_database_, std::pair(key.database, key.node));
    take_one(by_node_, key.node);
    std::vector<std::function<void()>> wake = std::exchange(granted_, {});
    for (auto& [who, wish] : wishes_) wake.push_back(std::move(wish.wake));
    wishes_.clear();
    wishes_waiting_.store(0, std::memory_order_relaxed);
    version_.fetch_add(1, std::memory_order_acq_rel);
    return wake;
}

bool Ledger::wish(const Key& key, const Wisher& wisher, Limit limit, std::uint32_t own,
                  std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    const bool others_have_more = limit == Limit::Pool && count_of(pools_, key) > 2 * own + 1;
    if (own > 0 && !others_have_more) return false;
    const bool is_new = wishes_.insert_or_assign({key, wisher}, Wish{limit, own, std::move(wake)}).second;
    wishes_waiting_.store(static_cast<std::uint32_t>(wishes_.size()), std::memory_order_relaxed);
    return is_new;
}

void Ledger::withdraw_wishes(const std::string& user, const std::string& database, const Wisher& wisher) {
    const std::lock_guard lock(mutex_);
    std::erase_if(wishes_, [&](const auto& entry) {
        const auto& [wanted, who] = entry.first;
        return who == wisher && wanted.user == user && wanted.database == database;
    });
    wishes_waiting_.store(static_cast<std::uint32_t>(wishes_.size()), std::memory_order_relaxed);
}

bool Ledger::grant(const Key& key, std::uint32_t worker, std::uint32_t own) {
    const std::lock_guard lock(mutex_);
    const auto helped = std::find_if(wishes_.begin(), wishes_.end(), [&](const auto& entry) {
        const auto& [wanted, wisher] = entry.first;
        if (wanted == key && wisher == Wisher{worker}) return false;
        const Wish& wish = entry.second;
        return (wish.own == 0 || own > wish.own + 1) && is_within(wish.limit, wanted, key);
    });
    if (helped == wishes_.end()) return false;
    granted_.push_back(std::move(helped->second.wake));
    wishes_.erase(helped);
    wishes_waiting_.store(static_cast<std::uint32_t>(wishes_.size()), std::memory_order_relaxed);
    return true;
}

Result<void> Ledger::admit_client(const std::string& user, const std::string& database,
                                  const config::Limits& limits) {
    const std::lock_guard lock(mutex_);
    if (reached(limits.max_clients, clients_)) {
        return fail(sqlstate::kTooManyConnections, "sorry, too many clients already");
    }
    if (reached(limits.max_clients_per_user, count_of(clients_by_user_, user))) {
        return fail(sqlstate::kTooManyConnections, fmt::format("too many connections for role \"{}\"", user));
    }
    if (reached(limits.max_clients_per_database, count_of(clients_by_database_, database))) {
        return fail(sqlstate::kTooManyConnections,
                    fmt::format("too many connections for database \"{}\"", database));
    }
    ++clients_;
    ++clients_by_user_[user];
    ++clients_by_database_[database];
    return {};
}

void Ledger::client_left(const std::string& user, const std::string& database) {
    const std::lock_guard lock(mutex_);
    --clients_;
    take_one(clients_by_user_, user);
    take_one(clients_by_database_, database);
}

Result<Ledger::LoginPlace> Ledger::admit_login(const config::Limits& limits) {
    const std::uint32_t others = logins_.fetch_add(1);
    LoginPlace place(&logins_);
    if (others < limits.max_logins) return place;
    return fail(sqlstate::kTooManyConnections,
                "sorry, too many connections have not logged in yet (limits.max_logins)");
}

std::uint32_t Ledger::clients() const {
    const std::lock_guard lock(mutex_);
    return clients_;
}

}  // namespace pgpool::session
