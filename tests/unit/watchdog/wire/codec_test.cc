// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "watchdog/wire/messages.h"

namespace pgpool::wire {
namespace {

std::vector<Message> samples() {
    const group::Record record{{7, 3}, "{\"epoch\": 7}\n"};
    return {
        group::message::Told{.view = {{1, 88}, {{1, 4711}, {2, 4712}}},
                             .protocol = 1,
                             .name = "m1",
                             .agreed = {{"nodes", "a:5432 b:5432"}, {"profile", "default"}},
                             .was_synced = true,
                             .latest = record,
                             .on_disk = {7, 2}},
        group::message::Proposed{record},
        group::message::Confirmed{{7, 3}},
        Vote{2, std::string("\1\0\2", 3)},
        Pulse{.epoch = 9,
              .probes = {{0, decide::Finding::Refused, "connection refused"}, {1, decide::Finding::Well, ""}},
              .sent_ns = 123'456'789'012,
              .remaining_ns = 1'300'000'000,
              .heard = {{{2, 4712}, 98'765'432'109}},
              .serves = true},
        Asked{5, "command"},
        Answered{{2, 4712}, 5, "answer"},
        Relayed{"message"},
        AddressesOff{7},
    };
}

TEST(MemberMessages, ArriveAsTheyWereSent) {
    for (const Message& message : samples()) {
        const auto bytes = encode(message);
        ASSERT_TRUE(bytes) << bytes.error().message;
        EXPECT_EQ(decode(*bytes), message) << message.index();
    }
}

TEST(MemberMessages, CutAnywhereAreNothing) {
    for (const Message& message : samples()) {
        const std::string bytes = *encode(message);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_EQ(decode(ByteView(bytes).substr(0, size)), std::nullopt)
                << message.index() << " " << size;
        }
    }
}

TEST(MemberMessages, NoChangeOfOneByteDoesHarm) {
    for (const Message& message : samples()) {
        const std::string bytes = *encode(message);
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            for (const char value : {'\0', '\1', '\x7f', '\xff'}) {
                std::string changed = bytes;
                changed[at] = value;
                if (const auto decoded = decode(changed)) {
                    EXPECT_TRUE(encode(*decoded)) << "what was read can be written";
                }
            }
        }
    }
}

TEST(MemberMessages, OfAnotherVersionOrKindAreNothing) {
    std::string bytes = *encode(Asked{1, "x"});
    bytes[0] = 2;
    EXPECT_EQ(decode(bytes), std::nullopt);
    bytes[0] = 1;
    bytes[1] = 0;
    EXPECT_EQ(decode(bytes), std::nullopt);
    bytes[1] = 10;
    EXPECT_EQ(decode(bytes), std::nullopt);
}

TEST(MemberMessages, WhatIsTooLongIsRefusedWithItsField) {
    const auto bytes = encode(group::message::Proposed{{{1, 1}, std::string(60'001, 'x')}});
    ASSERT_FALSE(bytes);
    EXPECT_NE(bytes.error().message.find("text"), std::string::npos) << bytes.error().message;
}

}  // namespace
}  // namespace pgpool::wire
