// SPDX-License-Identifier: PostgreSQL
#pragma once

// Work: the orders of one phase. Commands run at several nodes at once, at each one after the other; then
// goals are waited for, which probes show. Pure; the caller passes on what is to be sent and what became of
// it.
//
// Invariant: a node has one order at a time, whatever work it is of (Desk).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "watchdog/nodes/orders.h"
#include "watchdog/nodes/sight.h"

namespace pgpool::decider {

using OrderId = std::uint64_t;

struct Order {
    OrderId id = 0;
    std::size_t node = 0;
    voters::Command command;
};

// Which nodes have an order under way.
class Desk {
public:
    [[nodiscard]] bool is_free(std::size_t node) const { return !orders_.contains(node); }
    [[nodiscard]] OrderId take(std::size_t node) { return orders_[node] = ++last_; }
    void ended(OrderId id) {
        std::erase_if(orders_, [id](const auto& entry) { return entry.second == id; });
    }

private:
    std::map<std::size_t, OrderId> orders_;
    OrderId last_ = 0;
};

// The last probe of each node by this member.
using Probes = std::vector<std::optional<nodes::Probe>>;

// Of a probe that is well; null otherwise.
[[nodiscard]] const nodes::NodeFacts* facts_of(const Probes& probes, std::size_t node);

struct Goal {
    enum class Kind : std::uint8_t {
        Probed,     // it was asked since the work began, well or not
        CutOff,     // it follows nobody
        Promoted,   // it is no standby
        Following,  // it gets its WAL by this connection string
        Writing,    // it is a primary that takes writes
        Equal,      // it has flushed all that `other` had, which takes no writes and has no clients any more
        NotBehind,  // it has flushed all that `other` has, which is cut off
        Told,       // somebody else said so: told()
    };
    Kind kind = Kind::Probed;
    std::size_t node = 0;
    std::size_t other = 0;
    std::string conninfo = {};
};

class Work {
public:
    enum class State : std::uint8_t { None, UnderWay, Done, Failed };

    explicit Work(TimePoint begun = {}) : begun_(begun) {}

    void add(std::size_t node, nodes::Commands commands);
    void await(Goal goal) { goals_.push_back(std::move(goal)); }
    void fail(std::string problem) { problem_ = std::move(problem); }

    // Adds what the last probes call for: while Goal::Equal is waited for, clients that have come since.
    void look(const Probes& probes);
    // What can be sent now.
    [[nodiscard]] std::vector<Order> orders(Desk& desk);
    void ended(OrderId id, const voters::CommandOutcome& outcome);
    void told(bool is_well, std::string problem);  // what Goal::Told waits for

    [[nodiscard]] State state(const Probes& probes) const;
    [[nodiscard]] TimePoint begun() const { return begun_; }
    [[nodiscard]] const std::string& problem() const { return problem_; }  // the first; empty: none

private:
    struct Task {
        std::size_t node = 0;
        nodes::Commands commands;
        std::size_t next = 0;
        OrderId order = 0;  // under way
        [[nodiscard]] bool is_over() const { return order == 0 && next == commands.size(); }
    };
    [[nodiscard]] bool is_met(const Goal& goal, const Probes& probes) const;

    TimePoint begun_;
    std::vector<Task> tasks_;
    std::vector<Goal> goals_;
    std::string problem_;
    bool was_told_ = false;
    TimePoint shown_at_;  // of the last probe with clients that came after the stop
};

}  // namespace pgpool::decider
