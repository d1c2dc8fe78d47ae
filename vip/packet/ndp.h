// SPDX-License-Identifier: PostgreSQL
#pragma once

// Neighbour discovery (RFC 4861, RFC 4862): what ARP is for IPv4. Frames with Ethernet and IPv6 headers.

#include <optional>
#include <string>

#include "vip/packet/ip_address.h"
#include "vip/packet/mac_address.h"

namespace pgpool::vip {

enum class Forwards : std::uint8_t { No, Yes };  // the sender is a router

// The probe of duplicate address detection: a neighbour solicitation from `::`.
[[nodiscard]] std::string nd_probe(const MacAddress& own, const IpAddress& address);

// Unsolicited neighbour advertisement to all nodes, with the override flag.
[[nodiscard]] std::string nd_announcement(const MacAddress& own, const IpAddress& address, Forwards forwards);

// A neighbour solicitation from an address of ours.
[[nodiscard]] std::string nd_solicitation(const MacAddress& own, const IpAddress& own_address,
                                          const IpAddress& wanted);

// The group that whoever has the address listens to: ff02::1:ff and its last three bytes.
[[nodiscard]] IpAddress solicited_node_group(const IpAddress& address);

struct NdClaim {
    IpAddress address;
    MacAddress by;
};
// Of a neighbour advertisement with a right checksum and hop limit; nothing for any other frame.
[[nodiscard]] std::optional<NdClaim> read_nd_claim(ByteView frame);

}  // namespace pgpool::vip
