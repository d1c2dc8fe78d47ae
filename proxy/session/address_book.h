// SPDX-License-Identifier: PostgreSQL
#pragma once

// AddressBook: where nodes are, resolved ahead of time, because getaddrinfo() blocks and a worker must not.
//
// Threads: any. refresh() blocks; it belongs to the server's own thread.

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "common/config/config.h"
#include "common/net/socket.h"

namespace pgpool::session {

class AddressBook {
public:
    void refresh(
        const std::vector<config::Node>& nodes);  // keeps the old address of a name that does not resolve now
    [[nodiscard]] std::optional<net::Address> find(const std::string& host, std::uint16_t port) const;

private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::uint16_t>, net::Address> addresses_;
};

}  // namespace pgpool::session
