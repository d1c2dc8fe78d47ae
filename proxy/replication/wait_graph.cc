// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/wait_graph.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace pgpool::replication {

namespace {

using Vertex = std::size_t;  // an index of participants; beyond them: backends of others

struct Edge {
    Vertex to;
    NodeId node;
};

class Graph {
public:
    Graph(const std::vector<Participant>& participants, const std::vector<LockWait>& waits)
        : participants_(participants), edges_(participants.size()) {
        for (Vertex vertex = 0; vertex < participants.size(); ++vertex) {
            for (const Backend& backend : participants[vertex].backends) owners_[backend] = vertex;
        }
        for (const LockWait& wait : waits) add(wait);
    }

    [[nodiscard]] std::size_t size() const { return edges_.size(); }
    [[nodiscard]] const std::vector<Edge>& from(Vertex vertex) const { return edges_[vertex]; }

private:
    void add(const LockWait& wait) {
        const Vertex waiter = owner(wait.waiter);
        for (const std::uint64_t number : wait.blockers) {
            const Vertex blocker = owner({wait.waiter.node, number});
            const bool counts = blocker != waiter && !is_ending(waiter) && !is_ending(blocker);
            if (counts) edges_[waiter].push_back({blocker, wait.waiter.node});
        }
    }

    [[nodiscard]] Vertex owner(const Backend& backend) {
        const auto [at, is_new] = owners_.try_emplace(backend, edges_.size());
        if (is_new) edges_.emplace_back();
        return at->second;
    }

    [[nodiscard]] bool is_ending(Vertex vertex) const {
        return vertex < participants_.size() && participants_[vertex].fate == Fate::Ending;
    }

    const std::vector<Participant>& participants_;
    std::map<Backend, Vertex> owners_;
    std::vector<std::vector<Edge>> edges_;
};

class Components {
public:
    explicit Components(const Graph& graph) : graph_(graph), marks_(graph.size()) {
        for (Vertex vertex = 0; vertex < graph.size(); ++vertex) {
            if (marks_[vertex].index == 0) visit(vertex);
        }
    }

    [[nodiscard]] const std::vector<std::vector<Vertex>>& all() const { return found_; }

private:
    struct Mark {
        std::size_t index = 0;  // in the order of visits; 0: not visited
        std::size_t low = 0;    // the first that can be reached
        bool is_open = false;
    };

    void visit(Vertex vertex) {
        Mark& mark = marks_[vertex];
        mark = {.index = ++last_, .low = last_, .is_open = true};
        open_.push_back(vertex);
        for (const Edge& edge : graph_.from(vertex)) {
            const Mark& next = marks_[edge.to];
            if (next.index == 0) visit(edge.to);
            if (next.is_open) mark.low = std::min(mark.low, next.low);
        }
        if (mark.low == mark.index) close(vertex);
    }

    void close(Vertex root) {
        const auto begin = std::find(open_.begin(), open_.end(), root);
        for (auto at = begin; at != open_.end(); ++at) marks_[*at].is_open = false;
        if (open_.end() - begin > 1) found_.emplace_back(begin, open_.end());
        open_.erase(begin, open_.end());
    }

    const Graph& graph_;
    std::vector<Mark> marks_;
    std::vector<Vertex> open_;
    std::size_t last_ = 0;
    std::vector<std::vector<Vertex>> found_;
};

bool spans_nodes(const Graph& graph, const std::vector<Vertex>& component) {
    std::optional<NodeId> first;
    for (const Vertex vertex : component) {
        for (const Edge& edge : graph.from(vertex)) {
            if (std::find(component.begin(), component.end(), edge.to) == component.end()) continue;
            if (!first) first = edge.node;
            if (edge.node != *first) return true;
        }
    }
    return false;
}

std::optional<Deadlock> judge(const std::vector<Participant>& participants,
                              const std::vector<Vertex>& component) {
    Deadlock deadlock;
    std::optional<std::pair<Fate, TransactionId>> chosen;
    for (const Vertex vertex : component) {
        if (vertex >= participants.size()) continue;
        const Participant& participant = participants[vertex];
        deadlock.members.push_back(participant.id);
        const std::pair candidate(participant.fate, participant.id);
        if (participant.fate != Fate::MustStay && (!chosen || *chosen < candidate)) chosen = candidate;
    }
    if (!chosen) return std::nullopt;
    deadlock.victim = chosen->second;
    std::sort(deadlock.members.begin(), deadlock.members.end());
    return deadlock;
}

}  // namespace

std::vector<Deadlock> find_deadlocks(const std::vector<Participant>& participants,
                                     const std::vector<LockWait>& waits) {
    const Graph graph(participants, waits);
    const Components components(graph);
    std::vector<Deadlock> found;
    for (const auto& component : components.all()) {
        if (!spans_nodes(graph, component)) continue;
        if (const auto deadlock = judge(participants, component)) found.push_back(*deadlock);
    }
    return found;
}

}  // namespace pgpool::replication
