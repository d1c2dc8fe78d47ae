// SPDX-License-Identifier: PostgreSQL
// What log.statements tells.
#include <gtest/gtest.h>

#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {
namespace {

Exchange::Setup telling(bool is_on = true) {
    Exchange::Setup setup;
    setup.standbys = 1;
    setup.configure = [is_on](config::Config& config) { config.log.statements = is_on; };
    return setup;
}

TEST(Statements, EachIsToldWithTheNodeThatRunsIt) {
    Exchange x(telling());
    Client& amy = x.client();
    amy >> query("SELECT 1");
    amy >> query("INSERT INTO t VALUES (1)");
    EXPECT_EQ(amy.statements(), "[1] SELECT 1\n[0] INSERT INTO t VALUES (1)\n");
}

TEST(Statements, OfPreparedOnesTheTextEachTimeTheyRun) {
    Exchange x(telling());
    Client& amy = x.client();
    amy >> (parse("s", "SELECT 2") + sync());
    EXPECT_EQ(amy.statements(), "");
    amy >> (bind_portal("", "s") + execute() + sync());
    amy >> (bind_portal("", "s") + execute() + sync());
    amy >> (parse("", "SELECT 3") + bind_portal("", "") + execute() + sync());
    EXPECT_EQ(amy.statements(), "[1] SELECT 2\n[1] SELECT 2\n[1] SELECT 3\n");
}

TEST(Statements, WhatIsAnsweredHereIsOfNoNode) {
    Exchange x(telling());
    Client& amy = x.client();
    amy >> query("BEGIN");
    amy >> query("SHOW POOL_NODES");
    amy >> query("COMMIT");
    EXPECT_EQ(amy.statements(), "[-] BEGIN\n[-] SHOW POOL_NODES\n[-] COMMIT\n");
}

TEST(Statements, NothingIsToldWhenOff) {
    Exchange x(telling(false));
    Client& amy = x.client();
    amy >> query("SELECT 1");
    EXPECT_EQ(amy.statements(), "");
}

}  // namespace
}  // namespace pgpool::support
