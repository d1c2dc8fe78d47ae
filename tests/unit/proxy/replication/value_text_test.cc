// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/value_text.h"

#include <gtest/gtest.h>

namespace pgpool::replication {
namespace {

std::string why_of(std::string_view client, std::string_view server) {
    return why_read_otherwise({.client_encoding = client, .server_encoding = server});
}

TEST(ValueText, IsReadAsItWasWrittenByUsualSettings) {
    EXPECT_EQ(why_read_otherwise({}), "");
    for (const char* style : {"ISO, MDY", "ISO, DMY", "ISO, YMD"})
        EXPECT_EQ(why_read_otherwise({.date_style = style}), "") << style;
    for (const char* digits : {"1", "2", "3"})
        EXPECT_EQ(why_read_otherwise({.float_digits = digits}), "") << digits;
}

TEST(ValueText, LosesWhatItsSettingsLose) {
    for (const char* digits : {"0", "-15", ""})
        EXPECT_EQ(why_read_otherwise({.float_digits = digits}), "with extra_float_digits below 1") << digits;
    EXPECT_EQ(why_read_otherwise({.array_nulls = "off"}), "with array_nulls off");
    for (const char* style : {"SQL, DMY", "Postgres, MDY", "German, DMY"})
        EXPECT_EQ(why_read_otherwise({.date_style = style}), "with another DateStyle than ISO") << style;
    EXPECT_EQ(why_of("SJIS", "UTF8"),
              "from UTF8 to a client_encoding of SJIS, which does not give all characters back");
}

TEST(ValueText, KeepsCharactersOfMostEncodings) {
    struct Pair {
        const char* client;
        const char* server;
    };
    for (const auto& [client, server] :
         {Pair{"UTF8", "UTF8"}, Pair{"LATIN1", "UTF8"}, Pair{"WIN1251", "UTF8"}, Pair{"GB18030", "UTF8"},
          Pair{"EUC_KR", "UTF8"}, Pair{"BIG5", "UTF8"}, Pair{"EUC_JIS_2004", "UTF8"}, Pair{"UTF8", "LATIN1"},
          Pair{"UTF8", "EUC_KR"}, Pair{"EUC_JP", "EUC_JP"}, Pair{"SQL_ASCII", "EUC_JP"},
          Pair{"SJIS", "SQL_ASCII"}, Pair{"", "UTF8"}, Pair{"SJIS", ""}})
        EXPECT_EQ(why_of(client, server), "") << client << " at " << server;
    for (const auto& [client, server] :
         {Pair{"SJIS", "UTF8"}, Pair{"SHIFT_JIS_2004", "UTF8"}, Pair{"EUC_JP", "UTF8"},
          Pair{"UTF8", "EUC_JP"}, Pair{"UTF8", "EUC_TW"}, Pair{"BIG5", "EUC_TW"}, Pair{"WIN866", "KOI8R"},
          Pair{"SJIS", "EUC_JP"}})
        EXPECT_NE(why_of(client, server), "") << client << " at " << server;
}

TEST(ValueText, SettingsAreToldInFrontOfOtherThings) {
    std::string_view told = "2/off/ISO, DMY/LATIN1/UTF8/7";
    const TextSettings settings = take_settings(told);
    EXPECT_EQ(settings.float_digits, "2");
    EXPECT_EQ(settings.array_nulls, "off");
    EXPECT_EQ(settings.date_style, "ISO, DMY");
    EXPECT_EQ(settings.client_encoding, "LATIN1");
    EXPECT_EQ(settings.server_encoding, "UTF8");
    EXPECT_EQ(told, "7");
}

}  // namespace
}  // namespace pgpool::replication
