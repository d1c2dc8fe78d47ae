// SPDX-License-Identifier: PostgreSQL
#include "common/wire/startup.h"

#include <gtest/gtest.h>

namespace pgpool::wire {
namespace {

std::string packet(std::uint32_t version, std::string_view rest) {
    std::string bytes;
    append_be32(bytes, static_cast<std::uint32_t>(rest.size() + 8));
    append_be32(bytes, version);
    bytes.append(rest);
    return bytes;
}

TEST(Startup, ReadsWhatItWrites) {
    std::string bytes;
    append_startup(bytes, {{"user", "alice"}, {"database", "app"}});
    ASSERT_EQ(first_packet_size(bytes).value(), bytes.size());
    const auto first = read_first_packet(bytes);
    ASSERT_TRUE(first);
    const auto& startup = std::get<StartupMessage>(*first);
    EXPECT_EQ(startup.get("user"), "alice");
    EXPECT_EQ(startup.get("database"), "app");
    EXPECT_EQ(startup.get("nothing"), "");
    EXPECT_FALSE(needs_negotiation(startup));
}

TEST(Startup, NewerMinorAndUnknownOptionsAreNegotiated) {
    const auto first =
        read_first_packet(packet((3U << 16U) | 2U, std::string_view("user\0u\0_pq_.x\0on\0\0", 18)));
    ASSERT_TRUE(first);
    const auto& startup = std::get<StartupMessage>(*first);
    EXPECT_TRUE(needs_negotiation(startup));
    std::string reply;
    append_negotiate_protocol_version(reply, startup);
    EXPECT_EQ(reply, std::string("v\0\0\0\23\0\3\0\0\0\0\0\1_pq_.x\0", 20));
}

TEST(Startup, SpecialRequests) {
    EXPECT_TRUE(std::holds_alternative<SslRequest>(*read_first_packet(packet(80877103, ""))));
    EXPECT_TRUE(std::holds_alternative<GssEncRequest>(*read_first_packet(packet(80877104, ""))));
    std::string cancel;
    append_cancel_request(cancel, 7, 9);
    const auto request = read_first_packet(cancel);
    ASSERT_TRUE(request);
    EXPECT_EQ(std::get<CancelRequest>(*request).pid, 7U);
    EXPECT_EQ(std::get<CancelRequest>(*request).secret, 9U);
    EXPECT_EQ(std::get<CancelRequest>(*read_first_packet(packet(80877102, "abc"))).pid, 0U);
}

TEST(Startup, BadPacketsGetPostgresqlsErrors) {
    EXPECT_EQ(read_first_packet(packet(2U << 16U, std::string_view("\0", 1))).error().sqlstate.view(),
              "0A000");
    EXPECT_EQ(read_first_packet(packet(3U << 16U, "user")).error().message,
              "invalid startup packet layout: expected terminator as last byte");
    EXPECT_FALSE(read_first_packet(packet(3U << 16U, std::string_view("user\0u\0\0x", 9))));
    EXPECT_FALSE(read_first_packet(packet(3U << 16U, "")));
}

TEST(Startup, LengthBounds) {
    const auto size_of = [](std::uint32_t length) {
        std::string bytes;
        append_be32(bytes, length);
        return first_packet_size(bytes).has_value();
    };
    EXPECT_FALSE(size_of(0));
    EXPECT_FALSE(size_of(7));
    EXPECT_TRUE(size_of(8));
    EXPECT_TRUE(size_of(10'004));
    EXPECT_FALSE(size_of(10'005));
    EXPECT_FALSE(size_of(1U << 20U));
    EXPECT_FALSE(size_of(0x7fffffff));
}

TEST(Options, BothSpellingsAndEscapes) {
    const auto settings = parse_options(R"(-c search_path=a\ b  --work-mem=64MB -cgeqo=off)");
    ASSERT_TRUE(settings);
    ASSERT_EQ(settings->size(), 3U);
    EXPECT_EQ((*settings)[0], (std::pair<std::string, std::string>("search_path", "a b")));
    EXPECT_EQ((*settings)[1], (std::pair<std::string, std::string>("work_mem", "64MB")));
    EXPECT_EQ((*settings)[2], (std::pair<std::string, std::string>("geqo", "off")));
    EXPECT_TRUE(parse_options("  ")->empty());
    EXPECT_FALSE(parse_options("-x"));
    EXPECT_FALSE(parse_options("-c"));
    EXPECT_FALSE(parse_options("--name"));
    EXPECT_FALSE(parse_options("--=v"));
}

}  // namespace
}  // namespace pgpool::wire
