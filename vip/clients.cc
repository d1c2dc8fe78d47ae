// SPDX-License-Identifier: PostgreSQL
#include "vip/clients.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/page/boot_now.h"
#include "vip/kernel/connections.h"
#include "vip/kernel/local_route.h"

namespace pgpool::vip {

void Clients::repeat() {
    tickler_.repeat(page::boot_now());
}

Result<std::size_t> Clients::address_taken(const VirtualAddress& address) {
    std::vector<Connection> clients = std::exchange(closed_[address.address], {});
    std::ranges::copy_if(expected_, std::back_inserter(clients),
                         [&](const Connection& one) { return one.own.address == address.address; });
    std::ranges::sort(clients);  // those that we have closed may have been told, too
    clients.erase(std::unique(clients.begin(), clients.end()), clients.end());
    if (clients.empty() || effect_ == Effect::DryRun) return 0;
    wait_until_local(address.address, seconds(1));  // their answers must reach our kernel
    return tickler_.begin(page::boot_now(), std::move(clients));
}

Result<std::size_t> Clients::address_gone(const VirtualAddress& address) {
    if (effect_ == Effect::DryRun) return 0;
    if (auto found = connections_at(address.address)) closed_[address.address] = std::move(*found);
    return close_connections_at(address.address);
}

}  // namespace pgpool::vip
