// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/arp.h"

#include <gtest/gtest.h>

namespace pgpool::vip {
namespace {

const MacAddress kOwn = MacAddress::from_bytes(ByteView("\x02\x00\x00\x00\x00\x01", 6));
const IpAddress kVip = *IpAddress::parse("10.77.0.100");

// Destination, source, type; hardware 1, protocol 0800, lengths 6 and 4 (RFC 826).
constexpr std::string_view kHead =
    "ffffffffffff0200000000010806"
    "0001080006"
    "04";

std::string frame(std::string_view rest) {
    return std::string(kHead) + std::string(rest);
}

TEST(Arp, ProbeHasNoSenderAddress) {
    EXPECT_EQ(to_hex(arp_probe(kOwn, kVip)), frame("0001"
                                                   "020000000001"
                                                   "00000000"
                                                   "000000000000"
                                                   "0a4d0064"));
}

TEST(Arp, AnnouncementsNameTheAddressTwice) {
    EXPECT_EQ(to_hex(arp_announcement_request(kOwn, kVip)), frame("0001"
                                                                  "020000000001"
                                                                  "0a4d0064"
                                                                  "000000000000"
                                                                  "0a4d0064"));
    EXPECT_EQ(to_hex(arp_announcement_reply(kOwn, kVip)), frame("0002"
                                                                "020000000001"
                                                                "0a4d0064"
                                                                "ffffffffffff"
                                                                "0a4d0064"));
}

TEST(Arp, RequestAsksForAnother) {
    EXPECT_EQ(to_hex(arp_request(kOwn, kVip, *IpAddress::parse("10.77.0.9"))), frame("0001"
                                                                                     "020000000001"
                                                                                     "0a4d0064"
                                                                                     "000000000000"
                                                                                     "0a4d0009"));
}

TEST(Arp, ClaimsAreRead) {
    for (const std::string& sent :
         {arp_announcement_request(kOwn, kVip), arp_announcement_reply(kOwn, kVip)}) {
        const auto claim = read_arp_claim(sent + std::string(18, '\0'));  // as padded by Ethernet
        ASSERT_TRUE(claim.has_value());
        EXPECT_EQ(claim->address, kVip);
        EXPECT_EQ(claim->by, kOwn);
    }
    EXPECT_FALSE(read_arp_claim(arp_probe(kOwn, kVip)).has_value());
}

TEST(Arp, NothingIsReadFromOtherFrames) {
    const std::string good = arp_announcement_reply(kOwn, kVip);
    for (std::size_t length = 0; length < good.size(); ++length)
        EXPECT_FALSE(read_arp_claim(ByteView(good).substr(0, length)).has_value()) << length;
    for (const std::size_t at :
         {12U, 15U, 17U, 18U, 19U, 20U}) {  // type, hardware, protocol, lengths, operation
        std::string bad = good;
        bad[at] = '\x7f';
        EXPECT_FALSE(read_arp_claim(bad).has_value()) << at;
    }
}

}  // namespace
}  // namespace pgpool::vip
