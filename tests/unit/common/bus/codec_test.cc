// SPDX-License-Identifier: PostgreSQL
#include "common/bus/codec.h"

#include <gmock/gmock.h>

#include <random>

#include "tests/unit/common/bus/samples.h"

namespace pgpool::bus {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string encoded(const Message& message) {
    auto bytes = encode(message);
    EXPECT_TRUE(bytes) << bytes.error().message;
    return bytes.value_or("");
}

Message decoded(ByteView bytes) {
    const auto result = decode(bytes);
    EXPECT_TRUE(result) << result.error().message;
    return result ? std::get<Message>(*result) : Message{};
}

std::string error_of(ByteView bytes) {
    const auto result = decode(bytes);
    return result ? "" : result.error().message;
}

TEST(BusCodec, EveryTypeComesBackAsItWas) {
    EXPECT_EQ(samples().size(), std::variant_size_v<Message>);
    for (const Message& message : samples())
        EXPECT_TRUE(decoded(encoded(message)) == message) << type_name(message);
}

TEST(BusCodec, TheBytesAreLittleEndianAndFixed) {
    const VipOrder order{.id = 0x0102030405060708, .verb = VipVerb::Release, .epoch = 1, .deadline_ns = -2};
    const std::string expected{
        "\x0a\x00\x00\x00"
        "\x08\x07\x06\x05\x04\x03\x02\x01"
        "\x02"
        "\x01\x00\x00\x00\x00\x00\x00\x00"
        "\xfe\xff\xff\xff\xff\xff\xff\xff",
        29};
    EXPECT_EQ(encoded(order), expected);
}

// Programs of other versions find the version of a Hello here, whatever else changes.
TEST(BusCodec, ThePlaceOfTheVersionInHelloIsFixed) {
    const std::string bytes = encoded(Hello{.version = {.major = 0x0201, .minor = 0x0403}});
    EXPECT_EQ(bytes.substr(0, 10), (std::string{"\x01\x00\x00\x00\x04\x00\x01\x02\x03\x04", 10}));
}

TEST(BusCodec, EveryTruncationIsAnErrorThatNamesMessageFieldAndOffset) {
    for (const Message& message : samples()) {
        const std::string bytes = encoded(message);
        for (std::size_t size = 4; size < bytes.size(); ++size) {
            EXPECT_THAT(error_of(ByteView(bytes).substr(0, size)),
                        AllOf(HasSubstr(type_name(message)), HasSubstr("field "), HasSubstr("at offset ")))
                << type_name(message) << " cut at " << size;
        }
        for (std::size_t size = 0; size < 4; ++size) EXPECT_NE(error_of(ByteView(bytes).substr(0, size)), "");
    }
    const std::string order = encoded(VipOrder{});
    EXPECT_EQ(error_of(ByteView(order).substr(0, 15)),
              "VipOrder: field epoch at offset 13: 2 bytes are left where 8 belong");
}

TEST(BusCodec, FieldsOfANewerVersionAreSkipped) {
    for (const Message& message : samples()) {
        EXPECT_TRUE(decoded(encoded(message) + "more") == message) << type_name(message);
    }
}

TEST(BusCodec, FieldsOfANewerVersionInARecordAreSkipped) {
    const Command command{.id = 1, .verb = "v", .arguments = {"abc", "d"}};
    std::string bytes = encoded(command);
    const std::size_t record =
        bytes.find(std::string("\x05\x00\x03\x00"
                               "abc",
                               7));
    ASSERT_NE(record, std::string::npos);
    bytes[record] = 7;
    bytes.insert(record + 7, "xy");
    EXPECT_TRUE(decoded(bytes) == Message(command));
}

TEST(BusCodec, AnUnknownTypeIsNotAnError) {
    const auto result = decode(ByteView("\x39\x30\x00\x00whatever", 12));
    ASSERT_TRUE(result);
    EXPECT_EQ(std::get<Unknown>(*result).type, 12345);
}

TEST(BusCodec, AnUnknownEnumeratorBecomesTheHarmlessOne) {
    std::string bytes = encoded(VipOrder{.verb = VipVerb::Take});
    bytes[12] = 77;
    EXPECT_EQ(std::get<VipOrder>(decoded(bytes)).verb, VipVerb::None);
}

// The numbers that came with version 1.1: one of version 1.0 reads the harmless ones.
TEST(BusCodec, LaterEnumeratorsHaveTheirNumbers) {
    EXPECT_EQ(encoded(Observation{.suspicion = Suspicion::Unequal})[14], 2);
    const std::string topology =
        encoded(Topology{.nodes = {{.id = 1, .role = NodeRole::Primary, .state = NodeState::Parked}}});
    EXPECT_EQ(topology.substr(topology.size() - 4), (std::string{"\x01\x05\x00\x00", 4}));
    EXPECT_EQ(encoded(Parked{})[0], 14);
    EXPECT_EQ(encoded(Alive{})[0], 15);
}

TEST(BusCodec, AVerbOfVersion11HasItsNumber) {
    EXPECT_EQ(encoded(VipOrder{.verb = VipVerb::TakeReleased})[12], 3);
}

TEST(BusCodec, WhatIsNoMessageIsRefused) {
    EXPECT_THAT(error_of(ByteView("\0\0\0\0", 4)), HasSubstr("not a message"));
    EXPECT_THAT(error_of(ByteView("\1\0\0\1", 4)), HasSubstr("not a message"));
    EXPECT_THAT(error_of(std::string(kMessageLimit + 1, '\1')), HasSubstr("65537 bytes"));
}

TEST(BusCodec, LengthsAreBounded) {
    std::string bytes = encoded(Refusal{.reason = std::string(kMessageLimit / 2, 'x')});
    EXPECT_LT(bytes.size(), 1100U) << "prose is cut";
    bytes[10] = '\xff';
    bytes[11] = '\xff';
    EXPECT_EQ(error_of(bytes),
              "Refusal: field reason at offset 10: a text of 65535 bytes, at most 1000 are allowed");

    std::string list = encoded(Command{.id = 1, .verb = "", .arguments = {}});
    list[14] = '\x10';
    EXPECT_EQ(error_of(list), "Command: field arguments at offset 14: 16 entries in 0 bytes");
    list[15] = '\x7f';
    EXPECT_THAT(error_of(list), HasSubstr("at most 4096 are allowed"));
}

TEST(BusCodec, NothingTooLongIsWritten) {
    const auto name = encode(Hello{.program = std::string(256, 'p')});
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().message, "Hello: field program has 256 bytes, at most 255 are allowed");
    const auto whole =
        encode(Command{.id = 1, .verb = "v", .arguments = {std::string(60000, 'a'), std::string(9000, 'b')}});
    ASSERT_FALSE(whole);
    EXPECT_THAT(whole.error().message, HasSubstr("Command: 69"));
}

TEST(BusCodec, ProseIsCutBetweenCharacters) {
    for (std::size_t lead = 990; lead < 1001; ++lead) {
        std::string reason(lead, 'x');
        for (int i = 0; i < 20; ++i) reason += "\xe2\x82\xac";
        const auto back = std::get<Refusal>(decoded(encoded(Refusal{.reason = reason}))).reason;
        EXPECT_EQ((back.size() - std::min(back.size(), lead)) % 3, 0U);
        EXPECT_GT(back.size(), 996U);
        EXPECT_LE(back.size(), 1000U);
    }
}

// Whatever comes, decode() answers, and what it takes for a message it writes again and reads back alike.
TEST(BusCodec, RandomAndDamagedBytesDoNoHarm) {
    std::mt19937 random(20260101);  // NOLINT: the same every time
    for (int round = 0; round < 20000; ++round) {
        std::string bytes = encoded(samples()[random() % std::variant_size_v<Message>]);
        if (round % 2 == 0) {
            bytes.resize(4 + random() % 60);
            for (char& byte : bytes) byte = static_cast<char>(random());
            bytes[0] = static_cast<char>(random() % (std::variant_size_v<Message> + 2));
            bytes[1] = bytes[2] = bytes[3] = 0;
        } else {
            for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
        }
        const auto result = decode(bytes);
        if (!result || !std::holds_alternative<Message>(*result)) continue;
        const Message& message = std::get<Message>(*result);
        EXPECT_TRUE(decoded(encoded(message)) == message);
    }
}

}  // namespace
}  // namespace pgpool::bus
