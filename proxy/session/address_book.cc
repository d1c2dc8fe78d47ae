// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/address_book.h"

namespace pgpool::session {

void AddressBook::refresh(const std::vector<config::Node>& nodes) {
    for (const config::Node& node : nodes) {
        const auto resolved = net::resolve(node.host, node.port);
        if (!resolved || resolved->empty()) continue;
        const std::lock_guard lock(mutex_);
        addresses_[{node.host, node.port}] = resolved->front();
    }
}

std::optional<net::Address> AddressBook::find(const std::string& host, std::uint16_t port) const {
    const std::lock_guard lock(mutex_);
    const auto at = addresses_.find({host, port});
    return at == addresses_.end() ? std::nullopt : std::optional(at->second);
}

}  // namespace pgpool::session
