// SPDX-License-Identifier: PostgreSQL
#pragma once

// Pool: the server connections of one (user, database) in one worker, and who waits for one. It decides; the
// shell opens and closes.
//
// Rules: (1) idle connections are used last-in first-out, so that surplus ones age and are closed; (2) who
// waits is served first-in first-out among those whose target fits; (3) who comes while others wait for the
// same node queues behind them; (4) names are what clients say, so a pool that nobody uses ends: after
// kKeepUnused, and at once if no node ever let it in. Pure; one worker only.

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "proxy/route/plan.h"

namespace pgpool::pool {

// A server connection as the pool sees it.
class Pooled {
public:
    explicit Pooled(NodeId node, TimePoint born)
        : node_(node), born_(born), idle_since_(born), alive_at_(born) {}
    Pooled(const Pooled&) = delete;
    Pooled& operator=(const Pooled&) = delete;

    [[nodiscard]] NodeId pool_node() const { return node_; }
    [[nodiscard]] TimePoint born() const { return born_; }
    [[nodiscard]] TimePoint idle_since() const { return idle_since_; }
    [[nodiscard]] TimePoint alive_at() const { return alive_at_; }  // of an idle one: its last use or check

protected:
    ~Pooled() = default;

private:
    friend class Pool;
    NodeId node_;
    TimePoint born_;
    TimePoint idle_since_;
    TimePoint alive_at_;
};

// One who waits; a link in the pool's queue.
class Waiter {
public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    [[nodiscard]] bool waiting() const { return waiting_; }
    [[nodiscard]] const route::Target& target() const { return target_; }
    [[nodiscard]] TimePoint since() const { return since_; }

protected:
    ~Waiter() = default;

private:
    friend class Pool;
    route::Target target_;
    TimePoint since_;
    Waiter* next_ = nullptr;
    Waiter* previous_ = nullptr;
    bool waiting_ = false;
};

class Pool {
public:
    static constexpr seconds kKeepUnused{3600};

    Pool(std::string user, std::string database) : user_(std::move(user)), database_(std::move(database)) {}

    [[nodiscard]] const std::string& user() const { return user_; }
    [[nodiscard]] const std::string& database() const { return database_; }

    // Connections. Each is idle, in use, or being opened; all count as open.
    void opening(NodeId node) { ++counts(node).opening; }
    void opened(NodeId node);
    void open_failed(NodeId node, TimePoint again_at);  // no further attempt before that
    [[nodiscard]] bool may_open(NodeId node, TimePoint now) const;
    // The limits said no when they had that version.
    void refused(NodeId node, std::uint64_t version) { slot(node).refused_at = version; }
    [[nodiscard]] std::uint64_t refused_at(NodeId node) const;
    [[nodiscard]] Pooled* take_idle(NodeId node);
    void put_idle(Pooled& connection, TimePoint now);
    void put_back(Pooled& connection, TimePoint now);        // after a check: idle for as long as it was
    void put_in_use(NodeId node) { ++counts(node).in_use; }  // handed over without having been idle
    void left_use(NodeId node) { --counts(node).in_use; }
    void remove_idle(Pooled& connection);  // it is closed or checked
    [[nodiscard]] std::vector<Pooled*> idle(NodeId node) const;
    // Idle ones beyond `keep` that have been so since before `since`, or were born before `born`.
    [[nodiscard]] std::vector<Pooled*> surplus(TimePoint idle_before, TimePoint born_before,
                                               std::uint32_t keep) const;

    // The queue.
    void enqueue(Waiter& waiter, const route::Target& target, TimePoint now);
    void remove(Waiter& waiter);
    // Takes the longest waiting one that a connection to this node serves. `primary`: that node is the
    // primary.
    [[nodiscard]] Waiter* take_waiter(NodeId node, bool primary);
    [[nodiscard]] bool has_waiter(NodeId node, bool primary) const;
    [[nodiscard]] std::uint32_t waiting(NodeId node, bool primary) const;
    [[nodiscard]] std::uint32_t waiting() const { return waiting_; }
    [[nodiscard]] std::vector<Waiter*> waiters() const;
    [[nodiscard]] const Waiter* longest_waiting() const { return first_; }

    struct Counts {
        std::uint32_t opening = 0;
        std::uint32_t idle = 0;
        std::uint32_t in_use = 0;
        [[nodiscard]] std::uint32_t open() const { return opening + idle + in_use; }
    };
    [[nodiscard]] Counts count(NodeId node) const;

    // Its end. Clients are those that are logged in, whether they wait or not.
    void joined(TimePoint now);
    void left() { --clients_; }
    [[nodiscard]] bool outlived(TimePoint now);  // may end now; asked again and again

private:
    struct NodeSlot {
        NodeId node;
        Counts counts;
        TimePoint open_again_at;
        std::uint64_t refused_at = 0;
        std::vector<Pooled*> idle;  // most recently used last
    };
    [[nodiscard]] NodeSlot& slot(NodeId node);
    [[nodiscard]] const NodeSlot* find(NodeId node) const;
    [[nodiscard]] Counts& counts(NodeId node) { return slot(node).counts; }
    [[nodiscard]] static bool fits(const Waiter& waiter, NodeId node, bool primary);
    [[nodiscard]] bool in_use() const;

    std::string user_;
    std::string database_;
    std::vector<NodeSlot> slots_;
    Waiter* first_ = nullptr;
    Waiter* last_ = nullptr;
    std::uint32_t waiting_ = 0;
    std::uint32_t clients_ = 0;
    bool was_let_in_ = false;  // by a node, once
    TimePoint used_at_;        // when a client came or housekeeping saw it in use
};

}  // namespace pgpool::pool
