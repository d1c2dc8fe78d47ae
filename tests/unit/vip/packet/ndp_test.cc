// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/ndp.h"

#include <gtest/gtest.h>

#include "vip/packet/checksum.h"

namespace pgpool::vip {
namespace {

const MacAddress kOwn = MacAddress::from_bytes(ByteView("\x02\x00\x00\x00\x00\x01", 6));
const IpAddress kVip = *IpAddress::parse("fd00::12:3456");
constexpr std::size_t kIcmpAt = 14 + 40;
constexpr std::uint8_t kIcmp = 58;

std::string without_checksum(std::string frame) {
    frame.at(kIcmpAt + 2) = frame.at(kIcmpAt + 3) = '\0';
    return to_hex(frame);
}

std::uint16_t checksum_of(const std::string& frame) {
    return checksum_with_pseudo_header(ByteView(frame).substr(22, 16), ByteView(frame).substr(38, 16), kIcmp,
                                       ByteView(frame).substr(kIcmpAt));
}

TEST(Ndp, ProbeComesFromNowhereToTheGroupOfTheAddress) {
    const std::string frame = nd_probe(kOwn, kVip);
    EXPECT_EQ(without_checksum(frame),
              "3333ff123456"
              "020000000001"
              "86dd"
              "60000000"
              "0018"
              "3aff"
              "00000000000000000000000000000000"
              "ff0200000000000000000001ff123456"
              "87000000"
              "00000000"
              "fd000000000000000000000000123456");
    EXPECT_EQ(checksum_of(frame), 0);
}

TEST(Ndp, AnnouncementOverridesAndNamesTheMac) {
    const std::string frame = nd_announcement(kOwn, kVip, Forwards::No);
    EXPECT_EQ(without_checksum(frame),
              "333300000001"
              "020000000001"
              "86dd"
              "60000000"
              "0020"
              "3aff"
              "fd000000000000000000000000123456"
              "ff020000000000000000000000000001"
              "88000000"
              "20000000"
              "fd000000000000000000000000123456"
              "0201020000000001");
    EXPECT_EQ(checksum_of(frame), 0);
    EXPECT_EQ(static_cast<unsigned char>(nd_announcement(kOwn, kVip, Forwards::Yes)[kIcmpAt + 4]), 0xa0);
}

TEST(Ndp, SolicitationNamesItsSender) {
    const std::string frame = nd_solicitation(kOwn, kVip, *IpAddress::parse("fd00::9"));
    EXPECT_EQ(without_checksum(frame),
              "3333ff000009"
              "020000000001"
              "86dd"
              "60000000"
              "0020"
              "3aff"
              "fd000000000000000000000000123456"
              "ff0200000000000000000001ff000009"
              "87000000"
              "00000000"
              "fd000000000000000000000000000009"
              "0101020000000001");
    EXPECT_EQ(checksum_of(frame), 0);
}

TEST(Ndp, ClaimsAreRead) {
    const std::string frame = nd_announcement(kOwn, kVip, Forwards::No);
    const auto claim = read_nd_claim(frame + "padding");
    ASSERT_TRUE(claim.has_value());
    EXPECT_EQ(claim->address, kVip);
    EXPECT_EQ(claim->by, kOwn);
}

TEST(Ndp, WithoutTheOptionTheSenderOfTheFrameCounts) {
    std::string frame = nd_announcement(kOwn, kVip, Forwards::No);
    frame.at(kIcmpAt + 24) = '\x0e';  // an option (nonce) that names no address; the sum goes down by so much
    const std::uint16_t sum = load_be16(frame.data() + kIcmpAt + 2);
    store_be16(frame.data() + kIcmpAt + 2, static_cast<std::uint16_t>(sum - 0x0c00));
    frame.at(11) = '\x77';
    ASSERT_EQ(checksum_of(frame), 0);
    const auto claim = read_nd_claim(frame);
    ASSERT_TRUE(claim.has_value());
    EXPECT_EQ(claim->by.text(), "02:00:00:00:00:77");
}

TEST(Ndp, NothingIsReadFromOtherFrames) {
    const std::string good = nd_announcement(kOwn, kVip, Forwards::No);
    for (std::size_t length = 0; length < good.size(); ++length)
        EXPECT_FALSE(read_nd_claim(ByteView(good).substr(0, length)).has_value()) << length;
    EXPECT_FALSE(read_nd_claim(nd_probe(kOwn, kVip)).has_value());
    EXPECT_FALSE(read_nd_claim(nd_solicitation(kOwn, kVip, kVip)).has_value());
    for (const std::size_t at :
         {12U, 20U, 21U, 40U, 60U, 72U}) {  // type, next header, hop limit; the checksum's part
        std::string bad = good;
        bad[at] = '\x05';
        EXPECT_FALSE(read_nd_claim(bad).has_value()) << at;
    }
}

// What a host of the network sends must not stop us (an IPv4 address inside of IPv6 on one side only).
TEST(Ndp, AddressesOfTwoKindsAreRead) {
    std::string frame = nd_announcement(kOwn, kVip, Forwards::No);
    const std::string mapped = *from_hex("00000000000000000000ffff0a4d0001");
    frame.replace(22, 16, mapped);
    frame.at(kIcmpAt + 2) = frame.at(kIcmpAt + 3) = '\0';
    store_be16(frame.data() + kIcmpAt + 2, checksum_of(frame));
    EXPECT_EQ(read_nd_claim(frame)->address, kVip);
    EXPECT_FALSE(read_nd_claim(frame.replace(22, 16, std::string(16, '\x01'))).has_value());
}

}  // namespace
}  // namespace pgpool::vip
