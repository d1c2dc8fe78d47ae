// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/checksum.h"

#include <gtest/gtest.h>

namespace pgpool::vip {
namespace {

// The numerical example of RFC 1071, section 3.
TEST(Checksum, OfTheRfc) {
    EXPECT_EQ(checksum(*from_hex("0001f203f4f5f6f7")), static_cast<std::uint16_t>(~0xddf2U));
}

TEST(Checksum, AnOddByteStandsInFront) {
    EXPECT_EQ(checksum(*from_hex("0001f2")), checksum(*from_hex("0001f200")));
    EXPECT_EQ(checksum(""), 0xffff);
}

TEST(Checksum, OfBytesWithTheirChecksumIsZero) {
    // An IPv4 header as it stands in many textbooks; its checksum is b861.
    EXPECT_EQ(checksum(*from_hex("45000073000040004011b861c0a80001c0a800c7")), 0);
    EXPECT_EQ(checksum(*from_hex("450000730000400040110000c0a80001c0a800c7")), 0xb861);
}

TEST(Checksum, ThePseudoHeaderCounts) {
    const std::string one = *from_hex("0a000001");
    const std::string two = *from_hex("0a000002");
    // 0a00 + 0001 + 0a00 + 0002 + length 0002 + protocol 0006 + 1234
    EXPECT_EQ(checksum_with_pseudo_header(one, two, 6, *from_hex("1234")),
              static_cast<std::uint16_t>(~(0x0a00U + 1U + 0x0a00U + 2U + 2U + 6U + 0x1234U)));
}

}  // namespace
}  // namespace pgpool::vip
