// SPDX-License-Identifier: PostgreSQL
#pragma once

// AddressBook: where nodes are, resolved ahead of time, because getaddrinfo() blocks and a worker must not.
//
// Invariant: no lock is held while a name is being resolved, so find() never waits for a name server.
// Threads: any. refresh() blocks, for kPatience at most; it belongs to the server's own thread, whose signals
// and watchdog it delays by that much.

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "common/net/socket.h"

namespace pgpool::session {

class AddressBook {
public:
    static constexpr milliseconds kPatience{5000};
    // Where a node is; none: its name did not resolve before the deadline.
    using LookUp = std::function<std::vector<net::Address>(const config::Node& node, TimePoint deadline)>;

    explicit AddressBook(LookUp look_up = resolve_name) : look_up_(std::move(look_up)) {}

    // Holds these nodes from now on. A name that does not resolve in its share of the time keeps its old
    // addresses.
    void refresh(const std::vector<config::Node>& nodes);
    [[nodiscard]] std::optional<net::Address> find(const std::string& host, std::uint16_t port) const;
    // Nobody answers there: of a name with several addresses the next one is found from now on.
    void distrust(const net::Address& address);

private:
    // In the order in which they are to be tried; never empty.
    using Addresses = std::map<std::pair<std::string, std::uint16_t>, std::vector<net::Address>>;

    [[nodiscard]] static std::vector<net::Address> resolve_name(const config::Node& node, TimePoint deadline);
    [[nodiscard]] std::vector<net::Address> find_all(const std::string& host, std::uint16_t port) const;

    LookUp look_up_;
    mutable std::mutex mutex_;  // guards addresses_
    Addresses addresses_;
};

}  // namespace pgpool::session
