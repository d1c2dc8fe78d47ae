// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/ndp.h"

#include "vip/packet/checksum.h"
#include "vip/packet/ethernet.h"

namespace pgpool::vip {

namespace {

constexpr std::uint8_t kIcmpV6 = 58;
constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;
constexpr std::uint8_t kSourceLinkAddress = 1;
constexpr std::uint8_t kTargetLinkAddress = 2;
constexpr std::uint8_t kHopLimit = 255;  // proves that no router has passed it on (RFC 4861, 7.1)
constexpr std::uint32_t kRouterFlag = 0x80000000U;
constexpr std::uint32_t kOverrideFlag = 0x20000000U;
constexpr std::size_t kTargetBytes = 16;

char byte(std::uint8_t value) {
    return static_cast<char>(value);
}

IpAddress unspecified() {
    return IpAddress::from_bytes(ByteView("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16));
}

IpAddress all_nodes() {
    return IpAddress::from_bytes(ByteView("\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16));
}

// 33:33 and the last four bytes of the group (RFC 2464, 7).
MacAddress multicast_mac(const IpAddress& group) {
    return MacAddress::from_bytes("33" + std::string(group.bytes().substr(12)));
}

struct Message {
    std::uint8_t type = 0;
    std::uint32_t flags = 0;
    IpAddress target;
    std::string options;
};

std::string icmp_body(const Message& message) {
    std::string body{byte(message.type), '\0', '\0', '\0'};
    append_be32(body, message.flags);
    return body.append(message.target.bytes()).append(message.options);
}

std::string link_address_option(std::uint8_t kind, const MacAddress& mac) {
    return std::string{byte(kind), '\1'}.append(mac.bytes());  // length in units of 8 bytes
}

std::string nd_frame(const MacAddress& own, const IpAddress& source, const IpAddress& group,
                     const Message& message) {
    std::string body = icmp_body(message);
    store_be16(body.data() + 2, checksum_with_pseudo_header(source.bytes(), group.bytes(), kIcmpV6, body));
    std::string frame = ethernet_header(multicast_mac(group), own, kEtherTypeIpv6);
    append_be32(frame, 0x60000000U);  // version 6, no class, no flow
    append_be16(frame, static_cast<std::uint16_t>(body.size()));
    frame += byte(kIcmpV6);
    frame += byte(kHopLimit);
    frame.append(source.bytes()).append(group.bytes());
    return frame + body;
}

// The link address that the options name; else the frame's sender.
MacAddress link_address(ByteView options, const MacAddress& sender) {
    Cursor cursor(options);
    while (!cursor.at_end()) {
        const std::uint8_t kind = cursor.u8();
        const std::size_t length = std::size_t{cursor.u8()} * 8;
        const ByteView value = cursor.bytes(length < 2 ? options.size() + 1 : length - 2);
        if (!cursor.ok()) break;
        if (kind == kTargetLinkAddress && value.size() == 6) return MacAddress::from_bytes(value);
    }
    return sender;
}

}  // namespace

std::string nd_probe(const MacAddress& own, const IpAddress& address) {
    return nd_frame(own, unspecified(), solicited_node_group(address), {kSolicitation, 0, address, {}});
}

std::string nd_announcement(const MacAddress& own, const IpAddress& address, Forwards forwards) {
    const std::uint32_t flags = kOverrideFlag | (forwards == Forwards::Yes ? kRouterFlag : 0U);
    return nd_frame(own, address, all_nodes(),
                    {kAdvertisement, flags, address, link_address_option(kTargetLinkAddress, own)});
}

std::string nd_solicitation(const MacAddress& own, const IpAddress& own_address, const IpAddress& wanted) {
    return nd_frame(own, own_address, solicited_node_group(wanted),
                    {kSolicitation, 0, wanted, link_address_option(kSourceLinkAddress, own)});
}

IpAddress solicited_node_group(const IpAddress& address) {
    PGPOOL_ASSERT(address.is_v6());
    std::string group("\xff\x02\0\0\0\0\0\0\0\0\0\1\xff", 13);
    return IpAddress::from_bytes(group.append(address.bytes().substr(13)));
}

std::optional<NdClaim> read_nd_claim(ByteView frame) {
    Cursor cursor(frame);
    cursor.bytes(6);
    const ByteView sender = cursor.bytes(6);
    if (cursor.u16() != kEtherTypeIpv6) return std::nullopt;
    cursor.u32();
    const std::uint16_t length = cursor.u16();
    const bool is_icmp = cursor.u8() == kIcmpV6;
    const bool is_from_this_link = cursor.u8() == kHopLimit;
    const ByteView source = cursor.bytes(16);
    const ByteView destination = cursor.bytes(16);
    const ByteView body = cursor.bytes(length);  // what follows pads the frame
    if (!cursor.ok() || !is_icmp || !is_from_this_link || body.size() < 8 + kTargetBytes) return std::nullopt;
    if (static_cast<std::uint8_t>(body[0]) != kAdvertisement || body[1] != 0) return std::nullopt;
    const std::uint16_t sum = checksum_with_pseudo_header(source, destination, kIcmpV6, body);
    if (sum != 0) return std::nullopt;
    return NdClaim{IpAddress::from_bytes(body.substr(8, kTargetBytes)),
                   link_address(body.substr(8 + kTargetBytes), MacAddress::from_bytes(sender))};
}

}  // namespace pgpool::vip
