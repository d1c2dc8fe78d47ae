// SPDX-License-Identifier: PostgreSQL
#include "common/config/value.h"

#include <gtest/gtest.h>

namespace pgpool::config {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kWords[] = {"auto", "session"};

struct Case {
    Type type;
    std::string_view text;
    Value value;
    std::string_view written;
};

TEST(Value, ReadAndWrite) {
    const Case cases[] = {
        {boolean(), "on", true, "on"},
        {boolean(), "YES", true, "on"},
        {boolean(), "True", true, "on"},
        {boolean(), "off", false, "off"},
        {boolean(), "no", false, "off"},
        {boolean(), "FALSE", false, "off"},
        {integer(0, 10), "0", std::uint64_t{0}, "0"},
        {integer(0, 10), "+7", std::uint64_t{7}, "7"},
        {integer(0, 10), "010", std::uint64_t{10}, "10"},
        {integer(0, 10), "-0", std::uint64_t{0}, "0"},
        {real(0, 10), "0.25", 0.25, "0.25"},
        {real(0, 10), "1e1", 10.0, "10"},
        {real(0, 10), "-0", 0.0, "0"},
        {duration(0ms, 24h), "0", 0ms, "0"},
        {duration(0ms, 24h), "1500", 1500ms, "1500ms"},
        {duration(0ms, 24h), "500ms", 500ms, "500ms"},
        {duration(0ms, 24h), "30 s", 30s, "30s"},
        {duration(0ms, 24h), "90s", 90s, "90s"},
        {duration(0ms, 24h), "120s", 2min, "2min"},
        {duration(0ms, 24h), "60min", 1h, "1h"},
        {duration(0ms, 24h), "1d", 24h, "1d"},
        {size(0, 1ULL << 41U), "16MB", std::uint64_t{16U << 20U}, "16MB"},
        {size(0, 1ULL << 41U), "64kB", std::uint64_t{64U << 10U}, "64kB"},
        {size(0, 1ULL << 41U), "1024", std::uint64_t{1024}, "1kB"},
        {size(0, 1ULL << 41U), "1023B", std::uint64_t{1023}, "1023B"},
        {size(0, 1ULL << 41U), "1TB", std::uint64_t{1} << 40U, "1TB"},
        {word(kWords), "session", std::uint64_t{1}, "session"},
        {text(0, 10), "", std::string(), "\"\""},
        {text(0, 10), "null", std::string("null"), "\"null\""},
        {text(0, 10), "a b", std::string("a b"), "\"a b\""},
        {text(0, 10), "a\"\\\n\t", std::string("a\"\\\n\t"), R"("a\"\\\n\t")"},
        {text(0, 10), "/var/run", std::string("/var/run"), "/var/run"},
        {text_list(0, 3), "one", std::vector<std::string>{"one"}, "[one]"},
    };
    for (const Case& item : cases) {
        const ReadResult read = read_scalar(item.type, item.text);
        ASSERT_TRUE(read.has_value()) << item.text << ": " << read.error();
        EXPECT_EQ(*read, item.value) << item.text;
        EXPECT_EQ(write_value(item.type, *read, Spelling::Yaml), item.written);
    }
}

TEST(Value, PlainSpellingHasNoQuotes) {
    EXPECT_EQ(write_value(text(0, 9), std::string("a b"), Spelling::Plain), "a b");
    EXPECT_EQ(write_value(text_list(0, 9), std::vector<std::string>{"a b", "*"}, Spelling::Plain), "a b, *");
}

TEST(Value, SecretsAreMaskedUnlessAskedFor) {
    const Value password = std::string("hunter2");
    EXPECT_EQ(write_value(secret(99), password, Spelling::Yaml), "hunter2");
    EXPECT_EQ(write_value(secret(99), password, Spelling::YamlMask), "\"***\"");
    EXPECT_EQ(write_value(secret(99), password, Spelling::Plain), "***");
    EXPECT_EQ(write_value(secret(99), std::string(), Spelling::Plain), "");
}

TEST(Value, TextsInMessagesAreShortAndPrintable) {
    EXPECT_EQ(shown_in_message("a\x1b[1m\n\xff\xc2\x9b"), "a?[1m???");
    EXPECT_EQ(shown_in_message(std::string(100, 'x')), std::string(60, 'x') + "...");
    EXPECT_EQ(quoted_for_message("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
}

}  // namespace
}  // namespace pgpool::config
