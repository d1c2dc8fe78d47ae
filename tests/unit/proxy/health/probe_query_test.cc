// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/probe_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgpool::health {
namespace {

using testing::HasSubstr;
using testing::Not;
using Cells = std::vector<pg::Rows::Cell>;

TEST(ReadProbe, APrimary) {
    const pg::Rows rows(8, Cells{"f", "3", "7123", "83886080", std::nullopt, std::nullopt, "15.20",
                                 "beta\x1f"
                                 "10.0.0.2\x1fstreaming\x1fsync\x1e"
                                 "\x1f\x1f"
                                 "catchup\x1f"
                                 "async"});
    const Result<cluster::ProbeResult> probe = read_probe(rows);
    ASSERT_TRUE(probe);
    EXPECT_EQ(probe->reach, cluster::Reach::Ok);
    EXPECT_FALSE(probe->in_recovery);
    EXPECT_EQ(probe->timeline, 3U);
    EXPECT_EQ(probe->system_identifier, "7123");
    EXPECT_EQ(probe->write_lsn, Lsn(83886080));
    EXPECT_EQ(probe->replay_lsn, Lsn());
    EXPECT_EQ(probe->server_version, "15.20");
    ASSERT_EQ(probe->replication.size(), 2U);
    EXPECT_EQ(probe->replication[0].application_name, "beta");
    EXPECT_EQ(probe->replication[0].client_address, "10.0.0.2");
    EXPECT_EQ(probe->replication[0].sync_state, "sync");
    EXPECT_EQ(probe->replication[1].application_name, "");
    EXPECT_EQ(probe->replication[1].state, "catchup");
}

TEST(ReadProbe, AStandby) {
    const pg::Rows rows(8,
                        Cells{"t", "3", "7123", std::nullopt, "83886080", "1500000", "15.20", std::nullopt});
    const Result<cluster::ProbeResult> probe = read_probe(rows);
    ASSERT_TRUE(probe);
    EXPECT_TRUE(probe->in_recovery);
    EXPECT_EQ(probe->replay_lsn, Lsn(83886080));
    EXPECT_EQ(probe->lag_time, milliseconds(1'500));
    EXPECT_TRUE(probe->replication.empty());
}

TEST(ReadProbe, WhatIsNotKnownStaysUnknown) {
    const pg::Rows rows(8, Cells{"t", std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt,
                                 "12.1", std::nullopt});
    const Result<cluster::ProbeResult> probe = read_probe(rows);
    ASSERT_TRUE(probe);
    EXPECT_EQ(probe->timeline, 0U);
    EXPECT_EQ(probe->system_identifier, "");
    EXPECT_EQ(probe->lag_time, std::nullopt);
}

TEST(ReadProbe, AClockThatIsBehindGivesNoNegativeLag) {
    const pg::Rows rows(8, Cells{"t", "1", "7", std::nullopt, "1", "-5000", "15.20", std::nullopt});
    EXPECT_EQ(read_probe(rows)->lag_time, microseconds(0));
}

TEST(ReadProbe, AnythingElseIsAnError) {
    EXPECT_FALSE(read_probe(pg::Rows()));
    EXPECT_FALSE(read_probe(pg::Rows(2, Cells{"t", "1"})));
}

TEST(ProbeQuery, TheLimitedFormNeedsNoPrivileges) {
    EXPECT_THAT(probe_query(ProbeDepth::Full), HasSubstr("pg_control_system"));
    EXPECT_THAT(probe_query(ProbeDepth::Limited), Not(HasSubstr("pg_control")));
}

}  // namespace
}  // namespace pgpool::health
