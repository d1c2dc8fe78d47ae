// SPDX-License-Identifier: PostgreSQL
#include "common/pg/connect_error.h"

#include <gtest/gtest.h>

namespace pgpool::pg {
namespace {

using cluster::Reach;

struct Case {
    const char* text;
    Reach reach;
    const char* sqlstate;
    const char* message;
};

class ConnectFailureTable : public testing::TestWithParam<Case> {};

TEST_P(ConnectFailureTable, IsClassified) {
    const ConnectFailure failure = classify_connect_failure(GetParam().text);
    EXPECT_EQ(failure.reach, GetParam().reach);
    EXPECT_EQ(failure.sqlstate.view(), GetParam().sqlstate);
    EXPECT_EQ(failure.message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ConnectFailureTable,
    testing::Values(
        Case{"connection to server at \"10.0.0.1\", port 5432 failed: Connection refused\n\tIs the server "
             "running?\n",
             Reach::Refused, "08001",
             "connection to server at \"10.0.0.1\", port 5432 failed: Connection refused"},
        Case{"connection to server on socket \"/run/.s.PGSQL.1\" failed: No such file or directory\n\tIs the "
             "server?",
             Reach::Refused, "08001",
             "connection to server on socket \"/run/.s.PGSQL.1\" failed: No such file or directory"},
        Case{"connection to server at \"10.0.0.1\", port 5432 failed: No route to host\n", Reach::Unreachable,
             "08001", "connection to server at \"10.0.0.1\", port 5432 failed: No route to host"},
        Case{"connection to server at \"10.0.0.1\", port 5432 failed: Connection timed out\n", Reach::Timeout,
             "08001", "connection to server at \"10.0.0.1\", port 5432 failed: Connection timed out"},
        Case{"connection to server at \"h\" (10.0.0.1), port 1 failed: FATAL:  28P01: password "
             "authentication failed "
             "for user \"x\"\nLOCATION:  auth_failed, auth.c:326\n",
             Reach::Auth, "28P01", "password authentication failed for user \"x\""},
        Case{"connection to server at \"h\", port 1 failed: FATALE:  57P03: il sistema si sta avviando\n",
             Reach::Startup, "57P03", "il sistema si sta avviando"},
        Case{"connection to server at \"h\", port 1 failed: FATAL:  53300: sorry, too many clients already\n",
             Reach::Query, "53300", "sorry, too many clients already"},
        Case{"connection to server at \"h\", port 1 failed: fe_sendauth: no password supplied\n", Reach::Auth,
             "28P01", "connection to server at \"h\", port 1 failed: fe_sendauth: no password supplied"},
        Case{
            "connection to server at \"h\", port 1 failed: server closed the connection unexpectedly\n\tThis",
            Reach::Unreachable, "08001",
            "connection to server at \"h\", port 1 failed: server closed the connection unexpectedly"},
        Case{"", Reach::Unreachable, "08001", ""}));

TEST(ReachOf, ServerCodes) {
    EXPECT_EQ(reach_of(SqlState("28000")), Reach::Auth);
    EXPECT_EQ(reach_of(SqlState("57P01")), Reach::Startup);
    EXPECT_EQ(reach_of(SqlState("57P02")), Reach::Startup);
    EXPECT_EQ(reach_of(SqlState("57P03")), Reach::Startup);
    EXPECT_EQ(reach_of(SqlState("57014")), Reach::Query);
    EXPECT_EQ(reach_of(SqlState("42501")), Reach::Query);
}

}  // namespace
}  // namespace pgpool::pg
