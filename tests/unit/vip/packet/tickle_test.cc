// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/tickle.h"

#include <gtest/gtest.h>

#include "vip/packet/checksum.h"

namespace pgpool::vip {
namespace {

constexpr std::uint8_t kTcp = 6;

std::uint16_t tcp_checksum(const Connection& connection, ByteView segment) {
    return checksum_with_pseudo_header(connection.own.address.bytes(), connection.client.address.bytes(),
                                       kTcp, segment);
}

// Ports 5432 and 40000; numbers 0; five words, ACK; window; checksum; no urgent data (RFC 9293, 3.1).
std::string expected_segment(std::string_view sum) {
    return "15389c40"
           "00000000"
           "00000000"
           "50100400" +
           std::string(sum) + "0000";
}

TEST(Tickle, OverIpv4) {
    const Connection connection{*Endpoint::parse("10.77.0.100:5432"), *Endpoint::parse("10.77.0.9:40000")};
    const std::string packet = tickle(connection);
    ASSERT_EQ(packet.size(), 40U);
    EXPECT_EQ(to_hex(packet.substr(0, 10)),
              "4500"
              "0028"
              "0000"
              "4000"
              "4006");
    EXPECT_EQ(to_hex(packet.substr(12, 8)),
              "0a4d0064"
              "0a4d0009");
    EXPECT_EQ(checksum(ByteView(packet).substr(0, 20)), 0);
    EXPECT_EQ(to_hex(packet.substr(20)), expected_segment(to_hex(packet.substr(36, 2))));
    EXPECT_EQ(tcp_checksum(connection, ByteView(packet).substr(20)), 0);
}

TEST(Tickle, OverIpv6) {
    const Connection connection{*Endpoint::parse("[fd00::100]:5432"), *Endpoint::parse("[fd00::9]:40000")};
    const std::string packet = tickle(connection);
    ASSERT_EQ(packet.size(), 60U);
    EXPECT_EQ(to_hex(packet.substr(0, 8)),
              "60000000"
              "0014"
              "06"
              "40");
    EXPECT_EQ(to_hex(packet.substr(8, 32)),
              "fd000000000000000000000000000100"
              "fd000000000000000000000000000009");
    EXPECT_EQ(to_hex(packet.substr(40)), expected_segment(to_hex(packet.substr(56, 2))));
    EXPECT_EQ(tcp_checksum(connection, ByteView(packet).substr(40)), 0);
}

}  // namespace
}  // namespace pgpool::vip
