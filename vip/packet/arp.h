// SPDX-License-Identifier: PostgreSQL
#pragma once

// ARP over Ethernet (RFC 826): the frames that look for a holder of an IPv4 address and announce a new one
// (RFC 5227, RFC 5944 section 4.6), and who claims an address in a frame that was received.

#include <optional>
#include <string>

#include "vip/packet/ip_address.h"
#include "vip/packet/mac_address.h"

namespace pgpool::vip {

// "Who has this address?", with a sender of 0.0.0.0 so that nobody's cache changes.
[[nodiscard]] std::string arp_probe(const MacAddress& own, const IpAddress& address);

// Gratuitous ARP. Some hosts take over only one of the two forms: send both.
[[nodiscard]] std::string arp_announcement_request(const MacAddress& own, const IpAddress& address);
[[nodiscard]] std::string arp_announcement_reply(const MacAddress& own, const IpAddress& address);

// "Who has `wanted`? Tell `own_address`."
[[nodiscard]] std::string arp_request(const MacAddress& own, const IpAddress& own_address,
                                      const IpAddress& wanted);

struct ArpClaim {
    IpAddress address;
    MacAddress by;
};
// What the sender of the frame says of itself. Nothing for a probe, or if the frame is no ARP for IPv4.
[[nodiscard]] std::optional<ArpClaim> read_arp_claim(ByteView frame);

}  // namespace pgpool::vip
