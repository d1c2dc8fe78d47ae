// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the sessions of one worker count, for SHOW. Counting is an addition to memory of the worker's own: no
// lock, no locked instruction, no line that another worker writes.
//
// Threads: one worker writes. NodeStatistics may be read by any thread at any time, PoolStatistics by its
// worker only.

#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "proxy/sql/statement.h"

namespace pgpool::exec {

// Per node: statements sent to it by their kind, and errors that came from it by their severity.
enum class Counted : std::uint8_t { Select, Insert, Update, Delete, Ddl, Other, Panic, Fatal, Error };
inline constexpr std::size_t kCountedKinds = 9;

[[nodiscard]] constexpr Counted counted_as(const sql::Statement& statement) {
    if (statement.explained) return Counted::Other;
    switch (statement.kind) {
        case sql::Kind::Select:
            return Counted::Select;
        case sql::Kind::Insert:
            return Counted::Insert;
        case sql::Kind::Update:
            return Counted::Update;
        case sql::Kind::Delete:
            return Counted::Delete;
        case sql::Kind::Ddl:
        case sql::Kind::SelectInto:
        case sql::Kind::Truncate:
            return Counted::Ddl;
        default:
            return Counted::Other;
    }
}

class NodeStatistics {
public:
    static constexpr std::size_t kMaxNodes = 64;  // ids from here on are not counted

    void count(NodeId node, Counted kind) {
        if (node.value >= kMaxNodes) return;
        auto& counter = counters_[node.value][static_cast<std::size_t>(kind)];
        counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t get(NodeId node, Counted kind) const {
        if (node.value >= kMaxNodes) return 0;
        return counters_[node.value][static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
    }

private:
    alignas(64) std::array<std::array<std::atomic<std::uint64_t>, kCountedKinds>, kMaxNodes> counters_{};
};

// Per pool, since the start. A query is what ends with a ReadyForQuery; times count while a server connection
// is held, `wait` while a client waits for one.
struct PoolStatistics {
    std::uint64_t transactions = 0;
    std::uint64_t queries = 0;
    std::uint64_t received = 0;  // bytes, from clients
    std::uint64_t sent = 0;      // bytes, to clients
    Duration transaction_time{};
    Duration query_time{};
    Duration wait_time{};

    PoolStatistics& operator+=(const PoolStatistics& other) {
        transactions += other.transactions;
        queries += other.queries;
        received += other.received;
        sent += other.sent;
        transaction_time += other.transaction_time;
        query_time += other.query_time;
        wait_time += other.wait_time;
        return *this;
    }
    friend bool operator==(const PoolStatistics&, const PoolStatistics&) = default;
};

}  // namespace pgpool::exec
