// SPDX-License-Identifier: PostgreSQL
#pragma once

// VirtualAddress: an address that moves between members, and the interface that it is put on.

#include <string>
#include <vector>

#include "common/config/config.h"
#include "vip/packet/ip_address.h"

namespace pgpool::vip {

struct VirtualAddress {
    IpAddress address;
    std::string interface;

    // `10.0.0.100` or `10.0.0.100/32`, `fd00::100` or `fd00::100/128`: any other prefix is an error, since
    // the address would pull routes along. So is one that no host can have to itself.
    [[nodiscard]] static Result<VirtualAddress> make(std::string_view address, std::string_view interface);
    [[nodiscard]] std::string text() const;  // 10.0.0.100/32@eth0

    friend auto operator<=>(const VirtualAddress&, const VirtualAddress&) = default;
};

[[nodiscard]] Result<std::vector<VirtualAddress>> virtual_addresses(const config::Vip& vip);

}  // namespace pgpool::vip
