// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/copy_dates.h"

#include <gtest/gtest.h>

#include "common/wire/encoder.h"

namespace pgpool::exec {
namespace {

std::string copy_data(std::string_view rows) {
    std::string out;
    wire::append_frame(out, 'd', rows);
    return out;
}

// However the messages are cut, and the bytes of them.
bool found_in(std::string_view rows) {
    const bool whole = CopyDates().found_in(copy_data(rows));
    CopyDates cut;
    bool by_bytes = false;
    for (const char row_byte : rows) {
        for (const char byte : copy_data({&row_byte, 1})) by_bytes |= cut.found_in({&byte, 1});
    }
    EXPECT_EQ(by_bytes, whole) << rows;
    return whole;
}

TEST(CopyDates, AreFieldsWithOneOfTheWords) {
    for (const char* rows : {"1\tnow\n", "1,today,2\n", "1;\"Tomorrow\";\n", "yesterday|1\n", "1\tNOW\r\n"})
        EXPECT_TRUE(found_in(rows)) << rows;
    for (const char* rows : {"1\t2020-01-01\n", "\\N\t1\n", "no\tw\n", "\\.\n", ""})
        EXPECT_FALSE(found_in(rows)) << rows;
}

TEST(CopyDates, AreSeenThroughQuotesAndEscapes) {
    for (const char* rows : {"n\\ow\n", "\\156ow\n", "\\x6eow\n", "\"n\"ow\n", "n\"o\"w\n"})
        EXPECT_TRUE(found_in(rows)) << rows;
    for (const char* rows : {"\\\\x4142\t1\n", "no\\tw\n"}) EXPECT_FALSE(found_in(rows)) << rows;
}

TEST(CopyDates, AreNotLong) {
    EXPECT_FALSE(found_in(std::string(60, 'x') + " now\n"));
    EXPECT_TRUE(found_in("now" + std::string(60, ' ') + "\n")) << "spaces do not count";
    EXPECT_TRUE(found_in(std::string(60, 'x') + "\tnow\n"));
}

}  // namespace
}  // namespace pgpool::exec
