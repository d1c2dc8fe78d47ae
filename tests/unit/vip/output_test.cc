// SPDX-License-Identifier: PostgreSQL
#include "vip/output.h"

#include <gtest/gtest.h>

namespace pgpool::vip {
namespace {

const VirtualAddress kAddress = *VirtualAddress::make("10.0.0.100", "eth0");
const MacAddress kMac = MacAddress::from_bytes(ByteView("\x02\x00\x00\x00\x00\x01", 6));

TEST(Output, EventsAsText) {
    EXPECT_EQ(to_text(kAddress, {EventKind::Taken, Reason::None, {}, {}}), "taken 10.0.0.100/32@eth0");
    EXPECT_EQ(to_text(kAddress, {EventKind::Refused, Reason::Answered, kMac, {}}),
              "refused 10.0.0.100/32@eth0: answered by 02:00:00:00:00:01");
    EXPECT_EQ(to_text(kAddress, {EventKind::Conflict, Reason::None, kMac, {}}),
              "conflict 10.0.0.100/32@eth0: claimed by 02:00:00:00:00:01");
    EXPECT_EQ(to_text(kAddress, {EventKind::MacChanged, Reason::None, kMac, {}}),
              "mac_changed 10.0.0.100/32@eth0: 02:00:00:00:00:01");
    EXPECT_EQ(to_text(kAddress, {EventKind::Lost, Reason::Kernel, {}, "no"}),
              "lost 10.0.0.100/32@eth0: the kernel says no");
    EXPECT_EQ(to_text(kAddress, {EventKind::Planned, Reason::None, {}, "announce"}),
              "planned 10.0.0.100/32@eth0: announce");
}

TEST(Output, EventsAsJson) {
    EXPECT_EQ(to_json(kAddress, {EventKind::Taken, Reason::None, {}, {}}).dump(),
              R"({"event":"taken","address":"10.0.0.100","interface":"eth0"})");
    EXPECT_EQ(
        to_json(kAddress, {EventKind::Refused, Reason::Answered, kMac, {}}).dump(),
        R"({"event":"refused","address":"10.0.0.100","interface":"eth0","reason":"answered","mac":"02:00:00:00:00:01"})");
    EXPECT_EQ(
        to_json(kAddress, {EventKind::Lost, Reason::Kernel, {}, "no"}).dump(),
        R"({"event":"lost","address":"10.0.0.100","interface":"eth0","reason":"kernel","detail":"no"})");
}

}  // namespace
}  // namespace pgpool::vip
