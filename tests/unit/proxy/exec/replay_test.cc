// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "proxy/exec/settings.h"

namespace pgpool::exec {
namespace {

using Pairs = std::vector<NameValues::Pair>;

Replay replay_of(Pairs from, Pairs to) {
    NameValuesTable table;
    return replay(*table.make(std::move(from)), *table.make(std::move(to)));
}

sql::SettingChange set(std::string name, std::string value) {
    return {sql::SettingChange::Act::Set, sql::Scope::Session, std::move(name), std::move(value)};
}

TEST(Settings, KeepNoMoreThanACopyMayCost) {
    NameValuesTable table;
    Settings settings(table, table.empty());
    std::size_t kept = 0;
    for (int i = 0; i < 60000; ++i) kept += settings.apply(set("a.b" + std::to_string(i), "'1'")) ? 1 : 0;
    EXPECT_GT(kept, 100U);
    EXPECT_LT(kept, Settings::kMostBytes / sizeof(NameValues::Pair));
    EXPECT_EQ(settings.current()->pairs().size(), kept);
    EXPECT_TRUE(settings.apply(set("a.b0", "'2'"))) << "takes the room of the value before";
    EXPECT_EQ(*settings.current()->find("a.b0"), "'2'");
    EXPECT_FALSE(settings.apply(set("a.b0", std::string(Settings::kMostBytes, 'x'))));
    EXPECT_EQ(*settings.current()->find("a.b0"), "'2'");
}

TEST(Replay, OfEqualSettingsIsEmpty) {
    for (const Pairs& settings :
         {Pairs{}, Pairs{{"work_mem", "'1MB'"}}, Pairs{{"role", "writer"}, {"search_path", "a, b"}},
          Pairs{{"session_authorization", "bob"}}, Pairs{{"client_encoding", "latin1"}, {"my.x", "'é'"}}}) {
        const Replay same = replay_of(settings, settings);
        EXPECT_EQ(same.sql, "");
        EXPECT_EQ(same.encoding, "");
        EXPECT_TRUE(same.cannot_fail);
    }
}

TEST(Replay, SetsWhatDiffersAndResetsWhatIsNotSetAnyMore) {
    EXPECT_EQ(replay_of({}, {{"work_mem", "'1MB'"}}).sql, "SET \"work_mem\" TO '1MB';");
    EXPECT_EQ(replay_of({{"work_mem", "'1MB'"}}, {{"work_mem", "'2MB'"}}).sql, "SET \"work_mem\" TO '2MB';");
    EXPECT_EQ(replay_of({{"work_mem", "'1MB'"}}, {}).sql, "RESET \"work_mem\";");
    EXPECT_EQ(replay_of({{"work_mem", "'1MB'"}, {"a.b", "1"}}, {{"a.b", "1"}, {"datestyle", "iso"}}).sql,
              "RESET \"work_mem\";SET \"datestyle\" TO iso;");
}

TEST(Replay, SetsTextsOfAStartupPacketAsTexts) {
    EXPECT_EQ(replay_of({}, {{"search_path", startup_value("a, b")}}).sql,
              "SELECT pg_catalog.set_config('search_path','a, b',false);");
    EXPECT_EQ(replay_of({}, {{"my.x", startup_value("it's \\")}}).sql,
              "SELECT pg_catalog.set_config('my.x',E'it''s \\\\',false);");
}

TEST(Replay, TheLoginUserComesBackFirstAndRolesComeLast) {
    EXPECT_EQ(replay_of({{"role", "writer"}, {"work_mem", "'1MB'"}},
                        {{"role", "reader"}, {"session_authorization", "bob"}, {"zero_damaged_pages", "on"}})
                  .sql,
              "RESET SESSION AUTHORIZATION;RESET ROLE;RESET \"work_mem\";SET \"zero_damaged_pages\" TO on;"
              "SET SESSION AUTHORIZATION bob;SET \"role\" TO reader;");
    EXPECT_EQ(replay_of({{"session_authorization", "bob"}}, {}).sql,
              "RESET SESSION AUTHORIZATION;RESET ROLE;");
    EXPECT_EQ(replay_of({}, {{"role", "reader"}}).sql, "SET \"role\" TO reader;");
}

TEST(Replay, AnIdentityThatStaysComesBackAfterTheOtherSettings) {
    EXPECT_EQ(replay_of({{"role", "writer"}}, {{"role", "writer"}, {"work_mem", "'1MB'"}}).sql,
              "RESET SESSION AUTHORIZATION;RESET ROLE;SET \"work_mem\" TO '1MB';SET \"role\" TO writer;");
}

TEST(Replay, CannotFailWithSettingsThatDependOnTheirValueAlone) {
    EXPECT_TRUE(replay_of({{"my.x", "1"}}, {{"work_mem", "'1MB'"}, {"search_path", "a"}}).cannot_fail);
    EXPECT_FALSE(replay_of({}, {{"work_mem", "'1MB'"}, {"my.x", "1"}}).cannot_fail);
    EXPECT_FALSE(replay_of({}, {{"role", "writer"}}).cannot_fail);
    EXPECT_FALSE(replay_of({}, {{"session_authorization", "bob"}}).cannot_fail);
    EXPECT_FALSE(replay_of({{"role", "writer"}}, {}).cannot_fail);
}

TEST(Replay, TheEncodingGoesAheadOfWhatIsWrittenInIt) {
    const Pairs latin1{{"client_encoding", "latin1"}, {"search_path", "'\xe9'"}};
    const Replay first = replay_of({}, latin1);
    EXPECT_EQ(first.encoding, "SET \"client_encoding\" TO latin1;");
    EXPECT_TRUE(first.sql.ends_with("SET \"search_path\" TO '\xe9';"));
    EXPECT_EQ(replay_of({{"client_encoding", "utf8"}}, latin1).encoding,
              "SET \"client_encoding\" TO latin1;");
    EXPECT_EQ(replay_of({{"client_encoding", "latin1"}}, {{"search_path", "'é'"}}).encoding,
              "RESET client_encoding;");
    EXPECT_EQ(replay_of({}, {{"client_encoding", startup_value("latin1")}, {"my.x", "'\xe9'"}}).encoding,
              "SELECT pg_catalog.set_config('client_encoding','latin1',false);");
}

TEST(Replay, TheEncodingGoesWithTheOthersIfItDoesNotMatter) {
    const Replay ascii = replay_of({}, {{"client_encoding", "latin1"}, {"search_path", "a"}});
    EXPECT_EQ(ascii.encoding, "");
    EXPECT_EQ(ascii.sql, "SET \"client_encoding\" TO latin1;SET \"search_path\" TO a;");
    EXPECT_EQ(
        replay_of({{"client_encoding", "latin1"}}, {{"client_encoding", "latin1"}, {"search_path", "'\xe9'"}})
            .encoding,
        "");
    EXPECT_EQ(replay_of({}, {{"search_path", "'é'"}}).encoding, "");
}

}  // namespace
}  // namespace pgpool::exec
