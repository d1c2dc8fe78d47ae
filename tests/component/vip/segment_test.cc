// SPDX-License-Identifier: PostgreSQL
// A Segment at one end of a cable in a network namespace of its own, another one at the other end. Needs
// root.
#include "vip/kernel/segment.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>

namespace pgpool::vip {
namespace {

const MacAddress kRival = MacAddress::from_bytes(ByteView("\x02\0\0\0\0\x66", 6));

class SegmentTest : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs root";
        ASSERT_EQ(std::system("ip link add left type veth peer name right && ip link set left up && "
                              "ip link set right up"),
                  0);
    }
    static Segment open(const char* interface) {
        return std::move(*Segment::open(*VirtualAddress::make(GetParam(), interface)));
    }
};

TEST_P(SegmentTest, AFloodOfClaimsIsReadPieceByPiece) {
    Segment here = open("left");
    Segment there = open("right");
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(there.announce(kRival));
    int frames = 16;
    int heard = 0;
    while (here.next_claim(frames)) ++heard;
    EXPECT_EQ(heard, 16);
    EXPECT_EQ(frames, 0);
    frames = 1000;
    EXPECT_EQ(here.next_claim(frames), kRival) << "the rest is still there";
    while (here.next_claim(frames)) {
    }
    EXPECT_GT(frames, 0) << "all is read";
}

INSTANTIATE_TEST_SUITE_P(Families, SegmentTest, ::testing::Values("10.77.0.100", "fd77::100"));

}  // namespace
}  // namespace pgpool::vip
