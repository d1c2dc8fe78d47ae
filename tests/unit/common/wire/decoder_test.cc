// SPDX-License-Identifier: PostgreSQL
#include "common/wire/decoder.h"

#include <gtest/gtest.h>

#include "common/wire/encoder.h"
#include "common/wire/messages.h"

namespace pgpool::wire {
namespace {

std::string header(char type, std::uint32_t length) {
    std::string bytes(1, type);
    append_be32(bytes, length);
    return bytes;
}

TEST(Decoder, FindsAWholeMessageAndLeavesTheRest) {
    std::string bytes;
    append_query(bytes, "select 1");
    append_sync(bytes);
    const FrameResult first = next_frame(bytes);
    ASSERT_FALSE(first.error);
    EXPECT_TRUE(first.frame.complete());
    EXPECT_EQ(first.frame.type, 'Q');
    EXPECT_EQ(read_query(first.frame.body), "select 1");
    const FrameResult second = next_frame(ByteView(bytes).substr(first.frame.size));
    EXPECT_EQ(second.frame.type, 'S');
    EXPECT_EQ(second.frame.size, 5U);
    EXPECT_TRUE(second.frame.complete());
}

TEST(Decoder, EveryPrefixIsEitherNeedMoreOrIncomplete) {
    std::string bytes;
    append_query(bytes, "select 1");
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        const FrameResult result = next_frame(ByteView(bytes).substr(0, n));
        if (n < kFrameHeader) {
            EXPECT_EQ(result.error, FrameError::NeedMore) << n;
        } else {
            ASSERT_FALSE(result.error) << n;
            EXPECT_FALSE(result.frame.complete()) << n;
            EXPECT_EQ(result.frame.size, bytes.size());
        }
    }
}

TEST(Decoder, RefusesImpossibleLengths) {
    EXPECT_EQ(next_frame(header('Q', 0)).error, FrameError::BadLength);
    EXPECT_EQ(next_frame(header('Q', 3)).error, FrameError::BadLength);
    EXPECT_EQ(next_frame(header('Q', 0x7fffffff)).error, FrameError::BadLength);
    EXPECT_EQ(next_frame(header('Q', 0xffffffff)).error, FrameError::BadLength);
    EXPECT_FALSE(next_frame(header('Q', 0x3fffffff)).error);
    EXPECT_TRUE(next_frame(header('S', 4)).frame.complete());
}

TEST(Messages, ParseNeedsItsTypeListToBeThere) {
    const std::string good("s1\0select $1\0\0\1\0\0\0\27", 19);
    const auto parse = read_parse(good);
    ASSERT_TRUE(parse);
    EXPECT_EQ(parse->name, "s1");
    EXPECT_EQ(parse->sql, "select $1");
    EXPECT_EQ(parse->sql_and_types, ByteView(good).substr(3));
    for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(read_parse(ByteView(good).substr(0, n))) << n;
    EXPECT_FALSE(read_parse(good + "x"));
}

TEST(Messages, BindGivesItsNamesAndTheRest) {
    const auto bind = read_bind(std::string_view("p\0s\0rest", 8));
    ASSERT_TRUE(bind);
    EXPECT_EQ(bind->portal, "p");
    EXPECT_EQ(bind->statement, "s");
    EXPECT_EQ(bind->rest, "rest");
    EXPECT_FALSE(read_bind("p"));
}

TEST(Messages, DescribeAndCloseTakeOnlyStatementsAndPortals) {
    EXPECT_EQ(read_target(std::string_view("Sname\0", 6))->name, "name");
    EXPECT_EQ(read_target(std::string_view("P\0", 2))->kind, 'P');
    EXPECT_FALSE(read_target(std::string_view("X\0", 2)));
    EXPECT_FALSE(read_target("S"));
    EXPECT_FALSE(read_target(""));
}

TEST(Messages, ExecuteAndParameterStatus) {
    const auto execute = read_execute(std::string_view("p\0\0\0\0\5", 6));
    ASSERT_TRUE(execute);
    EXPECT_EQ(execute->max_rows, 5);
    EXPECT_FALSE(read_execute(std::string_view("p\0\0\0", 4)));
    const auto status = read_parameter_status(std::string_view("TimeZone\0UTC\0", 13));
    ASSERT_TRUE(status);
    EXPECT_EQ(status->value, "UTC");
    EXPECT_FALSE(read_query(std::string_view("a\0b\0", 4)));
}

}  // namespace
}  // namespace pgpool::wire
