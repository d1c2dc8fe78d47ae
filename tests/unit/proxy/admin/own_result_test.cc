// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/own_result.h"

#include <gtest/gtest.h>

#include "common/base/bytes.h"
#include "common/wire/messages.h"

namespace pgpool::exec {
namespace {

using wire::ColumnType;
using wire::Format;

// The value of a row of one column in that format, as hex; what PostgreSQL sends is in the tests.
std::string binary(ColumnType type, Value value) {
    OwnResult result;
    result.columns = {{"v", type}};
    const std::array formats{Format::Binary};
    std::string frame;
    append_data_row(frame, result, {std::move(value)}, formats);
    return to_hex(std::string_view(frame).substr(7));  // after type, length, number of columns
}

// Compared with what PostgreSQL 15 answers to SELECT of these values in binary format.
TEST(OwnResult, BinaryIsPostgreSQLs) {
    EXPECT_EQ(binary(ColumnType::Bool, true), "0000000101");
    EXPECT_EQ(binary(ColumnType::Int4, std::int64_t{-2}), "00000004fffffffe");
    EXPECT_EQ(binary(ColumnType::Int8, std::int64_t{258}), "000000080000000000000102");
    EXPECT_EQ(binary(ColumnType::Float8, 0.5), "000000083fe0000000000000");
    EXPECT_EQ(binary(ColumnType::Text, std::string("ab")), "000000026162");
    EXPECT_EQ(binary(ColumnType::Timestamptz, WallTime(seconds(946'684'801))), "0000000800000000000f4240");
    EXPECT_EQ(binary(ColumnType::Timestamptz, WallTime(seconds(946'684'799))), "00000008fffffffffff0bdc0");
    EXPECT_EQ(binary(ColumnType::Text, Value()), "ffffffff");
}

TEST(OwnResult, Text) {
    EXPECT_EQ(to_text(false), "f");
    EXPECT_EQ(to_text(std::int64_t{-5}), "-5");
    EXPECT_EQ(to_text(0.25), "0.25");
    EXPECT_EQ(to_text(WallTime(microseconds(1'000'000'000'000'005))), "2001-09-09 01:46:40.000005+00");
}

TEST(OwnResult, FormatsOfABind) {
    const std::array one{Format::Binary};
    const std::array two{Format::Text, Format::Binary};
    EXPECT_EQ(formats_of({}, 2), std::vector(2, Format::Text));
    EXPECT_EQ(formats_of(one, 2), std::vector(2, Format::Binary));
    EXPECT_EQ(formats_of(two, 2), std::vector(two.begin(), two.end()));
    EXPECT_EQ(formats_of(two, 3).error().sqlstate, sqlstate::kProtocolViolation);
}

TEST(OwnResult, ReadBindValues) {
    const auto read = [](std::string_view hex) { return wire::read_bind_values(*from_hex(hex)); };
    const auto none = read("000000000000");
    ASSERT_TRUE(none);
    EXPECT_EQ(none->parameters, 0);
    EXPECT_TRUE(none->result_formats.empty());
    const auto some = read(
        "00010001"
        "0002"
        "0000000161"
        "ffffffff"
        "00020001"
        "0000");
    ASSERT_TRUE(some);
    EXPECT_EQ(some->parameters, 2);
    EXPECT_EQ(some->result_formats, (std::vector{Format::Binary, Format::Text}));
    EXPECT_FALSE(read("0000000000010002")) << "no such format";
    EXPECT_FALSE(read("00000001000000ff61")) << "shorter than it says";
    EXPECT_FALSE(read("00000000000000")) << "longer than it says";
}

}  // namespace
}  // namespace pgpool::exec
