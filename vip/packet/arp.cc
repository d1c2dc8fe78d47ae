// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/arp.h"

#include "vip/packet/ethernet.h"

namespace pgpool::vip {

namespace {

constexpr std::uint16_t kHardwareEthernet = 1;
constexpr std::uint16_t kRequest = 1;
constexpr std::uint16_t kReply = 2;

struct Party {
    MacAddress mac;
    IpAddress ip;
};

std::string arp_frame(std::uint16_t operation, const Party& sender, const Party& target) {
    std::string frame = ethernet_header(MacAddress::broadcast(), sender.mac, kEtherTypeArp);
    append_be16(frame, kHardwareEthernet);
    append_be16(frame, kEtherTypeIpv4);
    frame += '\x06';  // length of a hardware address
    frame += '\x04';  // length of a protocol address
    append_be16(frame, operation);
    frame.append(sender.mac.bytes()).append(sender.ip.bytes());
    frame.append(target.mac.bytes()).append(target.ip.bytes());
    return frame;
}

}  // namespace

std::string arp_probe(const MacAddress& own, const IpAddress& address) {
    return arp_request(own, IpAddress(), address);
}

std::string arp_announcement_request(const MacAddress& own, const IpAddress& address) {
    return arp_request(own, address, address);
}

std::string arp_announcement_reply(const MacAddress& own, const IpAddress& address) {
    return arp_frame(kReply, {own, address}, {MacAddress::broadcast(), address});
}

std::string arp_request(const MacAddress& own, const IpAddress& own_address, const IpAddress& wanted) {
    return arp_frame(kRequest, {own, own_address}, {MacAddress(), wanted});
}

std::optional<ArpClaim> read_arp_claim(ByteView frame) {
    Cursor cursor(frame);
    cursor.bytes(12);
    if (cursor.u16() != kEtherTypeArp) return std::nullopt;
    const bool is_ipv4_over_ethernet = cursor.u16() == kHardwareEthernet && cursor.u16() == kEtherTypeIpv4 &&
                                       cursor.u8() == 6 && cursor.u8() == 4;
    const std::uint16_t operation = cursor.u16();
    const ByteView mac = cursor.bytes(6);
    const ByteView ip = cursor.bytes(4);
    cursor.bytes(10);
    if (!cursor.ok() || !is_ipv4_over_ethernet || (operation != kRequest && operation != kReply))
        return std::nullopt;
    const ArpClaim claim{IpAddress::from_bytes(ip), MacAddress::from_bytes(mac)};
    if (claim.address == IpAddress()) return std::nullopt;
    return claim;
}

}  // namespace pgpool::vip
