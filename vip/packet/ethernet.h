// SPDX-License-Identifier: PostgreSQL
#pragma once

// The header of an Ethernet frame, and the types that this folder sends.

#include <cstdint>
#include <string>

#include "vip/packet/mac_address.h"

namespace pgpool::vip {

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;

inline std::string ethernet_header(const MacAddress& to, const MacAddress& from, std::uint16_t type) {
    std::string header;
    header.append(to.bytes()).append(from.bytes());
    append_be16(header, type);
    return header;
}

}  // namespace pgpool::vip
