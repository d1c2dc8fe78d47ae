// SPDX-License-Identifier: PostgreSQL
#include "proxy/pool/pool.h"

#include <algorithm>

#include "common/base/error.h"

namespace pgpool::pool {

Pool::NodeSlot& Pool::slot(NodeId node) {
    for (NodeSlot& slot : slots_) {
        if (slot.node == node) return slot;
    }
    return slots_.emplace_back(NodeSlot{node, {}, {}, 0, {}});
}

const Pool::NodeSlot* Pool::find(NodeId node) const {
    for (const NodeSlot& slot : slots_) {
        if (slot.node == node) return &slot;
    }
    return nullptr;
}

Pool::Counts Pool::count(NodeId node) const {
    const NodeSlot* known = find(node);
    return known != nullptr ? known->counts : Counts{};
}

void Pool::joined(TimePoint now) {
    ++clients_;
    used_at_ = now;
}

bool Pool::in_use() const {
    return clients_ > 0 || std::any_of(slots_.begin(), slots_.end(),
                                       [](const NodeSlot& slot) { return slot.counts.open() > 0; });
}

bool Pool::outlived(TimePoint now) {
    if (in_use()) {
        used_at_ = now;
        return false;
    }
    return !was_let_in_ || now - used_at_ >= kKeepUnused;
}

void Pool::open_failed(NodeId node, TimePoint again_at) {
    --counts(node).opening;
    slot(node).open_again_at = again_at;
}

bool Pool::may_open(NodeId node, TimePoint now) const {
    const NodeSlot* known = find(node);
    return known == nullptr || now >= known->open_again_at;
}

std::uint64_t Pool::refused_at(NodeId node) const {
    const NodeSlot* known = find(node);
    return known != nullptr ? known->refused_at : 0;
}

void Pool::opened(NodeId node) {
    --counts(node).opening;
    ++counts(node).in_use;
    was_let_in_ = true;
}

Pooled* Pool::take_idle(NodeId node) {
    NodeSlot& at = slot(node);
    if (at.idle.empty()) return nullptr;
    Pooled* connection = at.idle.back();
    at.idle.pop_back();
    --at.counts.idle;
    ++at.counts.in_use;
    return connection;
}

void Pool::put_idle(Pooled& connection, TimePoint now) {
    connection.idle_since_ = now;
    put_back(connection, now);
}

void Pool::put_back(Pooled& connection, TimePoint now) {
    NodeSlot& at = slot(connection.node_);
    connection.alive_at_ = now;
    const auto place = std::ranges::upper_bound(at.idle, connection.idle_since_, {}, &Pooled::idle_since_);
    at.idle.insert(place, &connection);
    --at.counts.in_use;
    ++at.counts.idle;
}

void Pool::remove_idle(Pooled& connection) {
    NodeSlot& at = slot(connection.node_);
    const auto found = std::find(at.idle.begin(), at.idle.end(), &connection);
    PGPOOL_ASSERT(found != at.idle.end());
    at.idle.erase(found);
    --at.counts.idle;
}

std::vector<Pooled*> Pool::idle(NodeId node) const {
    const NodeSlot* known = find(node);
    return known != nullptr ? known->idle : std::vector<Pooled*>{};
}

std::vector<Pooled*> Pool::surplus(TimePoint idle_before, TimePoint born_before, std::uint32_t keep) const {
    std::vector<Pooled*> found;
    for (const NodeSlot& slot : slots_) {
        std::uint32_t open = slot.counts.open();
        for (Pooled* connection : slot.idle) {
            const bool too_old = connection->born_ < born_before;
            const bool too_idle = connection->idle_since_ < idle_before && open > keep;
            if (!too_old && !too_idle) continue;
            found.push_back(connection);
            --open;
        }
    }
    return found;
}

void Pool::enqueue(Waiter& waiter, const route::Target& target, TimePoint now) {
    PGPOOL_ASSERT(!waiter.waiting_);
    waiter.target_ = target;
    waiter.since_ = now;
    waiter.waiting_ = true;
    waiter.next_ = nullptr;
    waiter.previous_ = last_;
    (last_ != nullptr ? last_->next_ : first_) = &waiter;
    last_ = &waiter;
    ++waiting_;
}

void Pool::remove(Waiter& waiter) {
    if (!waiter.waiting_) return;
    (waiter.previous_ != nullptr ? waiter.previous_->next_ : first_) = waiter.next_;
    (waiter.next_ != nullptr ? waiter.next_->previous_ : last_) = waiter.previous_;
    waiter.next_ = waiter.previous_ = nullptr;
    waiter.waiting_ = false;
    --waiting_;
}

bool Pool::fits(const Waiter& waiter, NodeId node, bool primary) {
    return waiter.target_.is_primary() ? primary : waiter.target_.node == node;
}

Waiter* Pool::take_waiter(NodeId node, bool primary) {
    for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next_) {
        if (!fits(*waiter, node, primary)) continue;
        remove(*waiter);
        return waiter;
    }
    return nullptr;
}

bool Pool::has_waiter(NodeId node, bool primary) const {
    for (const Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next_) {
        if (fits(*waiter, node, primary)) return true;
    }
    return false;
}

std::uint32_t Pool::waiting(NodeId node, bool primary) const {
    std::uint32_t count = 0;
    for (const Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next_) {
        if (fits(*waiter, node, primary)) ++count;
    }
    return count;
}

std::vector<Waiter*> Pool::waiters() const {
    std::vector<Waiter*> all;
    for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next_) all.push_back(waiter);
    return all;
}

}  // namespace pgpool::pool
