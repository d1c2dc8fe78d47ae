// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/tickle.h"

#include "vip/packet/checksum.h"

namespace pgpool::vip {

namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint16_t kHeaderWords5Ack = 0x5010;  // a header of five words, flag ACK
constexpr std::uint16_t kWindow = 1024;
constexpr char kTimeToLive = 64;

std::string tcp_segment(const Connection& connection) {
    std::string segment;
    append_be16(segment, connection.own.port);
    append_be16(segment, connection.client.port);
    append_be32(segment, 0);  // a sequence number that is wrong with all probability
    append_be32(segment, 0);
    append_be16(segment, kHeaderWords5Ack);
    append_be16(segment, kWindow);
    append_be32(segment, 0);  // checksum, no urgent data
    store_be16(segment.data() + 16,
               checksum_with_pseudo_header(connection.own.address.bytes(), connection.client.address.bytes(),
                                           kTcp, segment));
    return segment;
}

std::string ipv4_header(const Connection& connection, std::size_t payload) {
    std::string header("\x45\0", 2);  // version 4, five words
    append_be16(header, static_cast<std::uint16_t>(20 + payload));
    append_be32(header, 0x4000U);  // not to be fragmented
    header += kTimeToLive;
    header += static_cast<char>(kTcp);
    append_be16(header, 0);
    header.append(connection.own.address.bytes()).append(connection.client.address.bytes());
    store_be16(header.data() + 10, checksum(header));
    return header;
}

std::string ipv6_header(const Connection& connection, std::size_t payload) {
    std::string header;
    append_be32(header, 0x60000000U);
    append_be16(header, static_cast<std::uint16_t>(payload));
    header += static_cast<char>(kTcp);
    header += kTimeToLive;
    return header.append(connection.own.address.bytes()).append(connection.client.address.bytes());
}

}  // namespace

std::string tickle(const Connection& connection) {
    const std::string segment = tcp_segment(connection);
    const bool is_v6 = connection.own.address.is_v6();
    return (is_v6 ? ipv6_header(connection, segment.size()) : ipv4_header(connection, segment.size())) +
           segment;
}

}  // namespace pgpool::vip
