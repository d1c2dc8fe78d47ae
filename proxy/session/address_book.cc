// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/address_book.h"

#include <algorithm>
#include <utility>

#include "common/pg/resolve.h"

namespace pgpool::session {

namespace {

// The one that was used last comes first, if it is still there.
void prefer(std::vector<net::Address>& addresses, const net::Address& wanted) {
    const auto at = std::find(addresses.begin(), addresses.end(), wanted);
    if (at != addresses.end()) std::rotate(addresses.begin(), at, addresses.end());
}

}  // namespace

std::vector<net::Address> AddressBook::resolve_name(const config::Node& node, TimePoint deadline) {
    std::vector<net::Address> found;
    const auto numeric = pg::resolve(node.host, deadline, nullptr);
    if (!numeric) return found;
    for (const std::string& host : *numeric) {
        const auto address = net::resolve(host, node.port);
        if (address && !address->empty()) found.push_back(address->front());
    }
    return found;
}

void AddressBook::refresh(const std::vector<config::Node>& nodes) {
    const TimePoint deadline = SteadyClock::now() + kPatience;
    auto left = static_cast<Duration::rep>(nodes.size());
    Addresses next;
    for (const config::Node& node : nodes) {
        const TimePoint now = SteadyClock::now();
        auto addresses = look_up_(node, now + (deadline - now) / left--);
        auto known = find_all(node.host, node.port);
        if (addresses.empty()) {
            addresses = std::move(known);
        } else if (!known.empty()) {
            prefer(addresses, known.front());
        }
        if (!addresses.empty()) next.insert_or_assign({node.host, node.port}, std::move(addresses));
    }
    const std::lock_guard lock(mutex_);
    addresses_.swap(next);
}

std::optional<net::Address> AddressBook::find(const std::string& host, std::uint16_t port) const {
    const std::vector<net::Address> all = find_all(host, port);
    return all.empty() ? std::nullopt : std::optional(all.front());
}

std::vector<net::Address> AddressBook::find_all(const std::string& host, std::uint16_t port) const {
    const std::lock_guard lock(mutex_);
    const auto at = addresses_.find({host, port});
    return at == addresses_.end() ? std::vector<net::Address>() : at->second;
}

void AddressBook::distrust(const net::Address& address) {
    const std::lock_guard lock(mutex_);
    for (auto& [place, addresses] : addresses_) {
        if (addresses.front() == address)
            std::rotate(addresses.begin(), addresses.begin() + 1, addresses.end());
    }
}

}  // namespace pgpool::session
