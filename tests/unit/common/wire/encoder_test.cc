// SPDX-License-Identifier: PostgreSQL
#include "common/wire/encoder.h"

#include <gtest/gtest.h>

#include <array>

#include "common/wire/error_fields.h"

namespace pgpool::wire {
namespace {

TEST(Encoder, LengthCountsItselfButNotTheType) {
    std::string out;
    append_ready_for_query(out, TransactionStatus::InTransaction);
    EXPECT_EQ(out, std::string("Z\0\0\0\5T", 6));
    out.clear();
    append_command_complete(out, "BEGIN");
    EXPECT_EQ(out, std::string("C\0\0\0\12BEGIN\0", 11));
    out.clear();
    append_backend_key_data(out, 1, 2);
    EXPECT_EQ(out, std::string("K\0\0\0\14\0\0\0\1\0\0\0\2", 13));
}

TEST(Encoder, RowsOfOurOwnHaveRealTypes) {
    std::string out;
    const std::array<Column, 1> columns{Column{"n", ColumnType::Int8}};
    append_row_description(out, columns);
    const std::string expected("T\0\0\0\32\0\1n\0\0\0\0\0\0\0\0\0\0\24\0\10\377\377\377\377\0\0", 27);
    EXPECT_EQ(out, expected);
    out.clear();
    const std::array<std::optional<std::string>, 2> row{"42", std::nullopt};
    append_data_row(out, row);
    EXPECT_EQ(out, std::string("D\0\0\0\20\0\2\0\0\0\00242\377\377\377\377", 17));
}

TEST(ErrorFields, WrittenAndReadBack) {
    std::string out;
    append_error(
        out, {.severity = Severity::Fatal, .sqlstate = sqlstate::kAdminShutdown, .message = "going down"});
    EXPECT_EQ(out[0], 'E');
    const ErrorFields fields = read_error_fields(ByteView(out).substr(5));
    EXPECT_TRUE(fields.fatal());
    EXPECT_EQ(fields.sqlstate, "57P01");
    EXPECT_EQ(fields.message, "going down");
}

TEST(ErrorFields, SeverityFieldVWinsOverTheLocalisedOne) {
    const std::string body("SERREUR\0VERROR\0C42601\0Mfaute\0", 30);
    EXPECT_EQ(read_error_fields(body).severity, "ERROR");
    const std::string fatal = as_fatal(body);
    EXPECT_EQ(fatal, std::string("SFATAL\0VFATAL\0C42601\0Mfaute\0", 29));
}

TEST(ErrorFields, AllButTheContextIsKept) {
    using std::literals::operator""sv;
    EXPECT_EQ(without_context("SERROR\0C55P03\0Mm\0WSQL\nportal with parameters: $1 = '7'\0Ff.c\0\0"sv),
              "SERROR\0C55P03\0Mm\0Ff.c\0\0"sv);
    EXPECT_EQ(without_context("SERROR\0C55P03\0Mm\0\0"sv), "SERROR\0C55P03\0Mm\0\0"sv);
}

TEST(ErrorFields, APlaceInTheQueryIsNoneOfRunningCode) {
    using std::literals::operator""sv;
    EXPECT_TRUE(read_error_fields("SERROR\0C42601\0Mm\0P1\0\0"sv).points_into_query);
    EXPECT_FALSE(read_error_fields("SERROR\0C42601\0Mm\0\0"sv).points_into_query);
    EXPECT_FALSE(read_error_fields("SERROR\0C42601\0Mm\0P1\0Wfunction f\0\0"sv).points_into_query);
    EXPECT_FALSE(read_error_fields("SERROR\0C42601\0Mm\0p1\0qselec\0P1\0\0"sv).points_into_query);
}

TEST(ErrorFields, CutOffBodiesAreReadAsFarAsTheyGo) {
    const std::string body("SERROR\0C42601\0Mmessage", 22);
    for (std::size_t n = 0; n <= body.size(); ++n) {
        const ErrorFields fields = read_error_fields(ByteView(body).substr(0, n));
        EXPECT_TRUE(fields.message.empty());
    }
}

}  // namespace
}  // namespace pgpool::wire
