// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/address_book.h"

#include <utility>

#include "common/pg/resolve.h"

namespace pgpool::session {

namespace {

std::optional<net::Address> look_up(const config::Node& node, TimePoint deadline) {
    const auto numeric = pg::resolve(node.host, deadline, nullptr);
    if (!numeric || numeric->empty()) return std::nullopt;
    const auto address = net::resolve(numeric->front(), node.port);
    if (!address || address->empty()) return std::nullopt;
    return address->front();
}

}  // namespace

void AddressBook::refresh(const std::vector<config::Node>& nodes) {
    const TimePoint deadline = SteadyClock::now() + kPatience;
    auto left = static_cast<Duration::rep>(nodes.size());
    Addresses next;
    for (const config::Node& node : nodes) {
        const TimePoint now = SteadyClock::now();
        auto address = look_up(node, now + (deadline - now) / left--);
        if (!address) address = find(node.host, node.port);
        if (address) next.insert_or_assign({node.host, node.port}, *address);
    }
    const std::lock_guard lock(mutex_);
    addresses_.swap(next);
}

std::optional<net::Address> AddressBook::find(const std::string& host, std::uint16_t port) const {
    const std::lock_guard lock(mutex_);
    const auto at = addresses_.find({host, port});
    return at == addresses_.end() ? std::nullopt : std::optional(at->second);
}

}  // namespace pgpool::session
