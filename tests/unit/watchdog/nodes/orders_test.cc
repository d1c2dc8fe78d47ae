// SPDX-License-Identifier: PostgreSQL
#include "watchdog/nodes/orders.h"

#include <gtest/gtest.h>

namespace pgpool::nodes {
namespace {

using Guard = voters::Command::Guard;

std::string text(const Commands& commands) {
    std::string text;
    for (const auto& command : commands)
        text += (command.guard == Guard::ServerClock ? "guarded " : "") + command.sql + "\n";
    return text;
}

TEST(Orders, WhatIsSetTakesEffectByAGuardedReload) {
    EXPECT_EQ(text(cut_off()),
              "ALTER SYSTEM SET primary_conninfo = ''\nguarded pg_catalog.pg_reload_conf()\n");
    EXPECT_EQ(text(follow("host='a'")),
              "ALTER SYSTEM SET primary_conninfo = 'host=''a'''\nguarded pg_catalog.pg_reload_conf()\n");
    EXPECT_EQ(text(set_sync({1, {"b", "c"}})),
              "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (\"b\", \"c\")'\n"
              "guarded pg_catalog.pg_reload_conf()\n");
}

TEST(Orders, BackslashesAreQuotedWhateverTheServersSettingIs) {
    EXPECT_EQ(follow("password='a\\'b'")[0].sql,
              "ALTER SYSTEM SET primary_conninfo = E'password=''a\\\\''b'''");
}

TEST(Orders, PasswordsAreNotTold) {
    EXPECT_EQ(told(follow("host='a' password='secret'")[0]), "ALTER SYSTEM SET primary_conninfo = ...");
    EXPECT_EQ(told(follow("password='a\\'b'")[0]), "ALTER SYSTEM SET primary_conninfo = ...");
    EXPECT_EQ(told(cut_off()[0]), "ALTER SYSTEM SET primary_conninfo = ''");
    EXPECT_EQ(told(set_sync({1, {"b"}})[0]), "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (\"b\")'");
}

TEST(Orders, APromotionIsGuardedAndMayBeRepeated) {
    const Commands commands = promote();
    ASSERT_EQ(commands.size(), 1U);
    EXPECT_EQ(commands[0].guard, Guard::ServerClock);
    EXPECT_NE(commands[0].sql.find("pg_is_in_recovery"), std::string::npos);
}

TEST(Orders, AStoppedPrimaryAcknowledgesNothingBeforeItsClientsAreEnded) {
    const std::string stop = text(stop_writes());
    EXPECT_LT(stop.find("no such standby"), stop.find("pg_reload_conf"));
    EXPECT_LT(stop.find("pg_reload_conf"), stop.find("guarded (SELECT pg_catalog.count"));
    EXPECT_NE(stop.find("'pgpool-lease'"), std::string::npos) << "this session goes on";
    const std::string start = text(take_writes({1, {"b"}}));
    EXPECT_LT(start.find("ANY 1 (\"b\")"), start.find("RESET default_transaction_read_only"));
}

TEST(Orders, NamesOfStandbysAreIdentifiers) {
    EXPECT_EQ(sync_names({2, {"b", "node \"c\""}}), "ANY 2 (\"b\", \"node \"\"c\"\"\")");
    EXPECT_EQ(sync_names({0, {"b"}}), "");
}

}  // namespace
}  // namespace pgpool::nodes
