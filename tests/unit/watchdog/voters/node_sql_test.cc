// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/node_sql.h"

#include <gtest/gtest.h>

namespace pgpool::voters::node_sql {
namespace {

using pg::Rows;
using std::chrono::microseconds;

Rows row(std::vector<Rows::Cell> cells) {
    const std::size_t columns = cells.size();
    return {columns, std::move(cells)};
}

TEST(NodeSql, session_has_the_times_of_the_lease) {
    const std::string sql = setup({});
    EXPECT_NE(sql.find("'idle_session_timeout', '800ms'"), std::string::npos);
    EXPECT_NE(sql.find("'statement_timeout', '500ms'"), std::string::npos);
    EXPECT_NE(sql.find("'tcp_user_timeout', '3000'"), std::string::npos);
}

TEST(NodeSql, lock_is_read) {
    const auto locked = read_locked(row({"t", "17", "1700000000000001"}));
    ASSERT_TRUE(locked.has_value());
    EXPECT_TRUE(locked->has_lock);
    EXPECT_EQ(locked->recorded, Epoch(17));
    EXPECT_EQ(locked->clock, WallTime(microseconds(1700000000000001)));
    EXPECT_FALSE(read_locked(row({"f", "0", "5"}))->has_lock);
}

TEST(NodeSql, answers_of_another_shape_are_none) {
    EXPECT_FALSE(read_locked(row({"t", "17"})).has_value());
    EXPECT_FALSE(read_locked(row({"t", "-1", "5"})).has_value());
    EXPECT_FALSE(read_locked(row({"t", std::nullopt, "5"})).has_value());
    EXPECT_FALSE(read_locked(Rows()).has_value());
    EXPECT_FALSE(read_probe(row({"t", "1", "2", "3", "4", "5"})).has_value());
    EXPECT_FALSE(read_probe(row({"t", "1", "2", "3", "4", "5", "x"})).has_value());
}

TEST(NodeSql, probe_is_read) {
    const auto seen = read_probe(row({"t", "3", "4096", "2048", "10", "20", "30"}));
    ASSERT_TRUE(seen.has_value());
    EXPECT_EQ(*seen, (NodeObservation{.in_recovery = true,
                                      .timeline = 3,
                                      .flushed = Lsn(4096),
                                      .replayed = Lsn(2048),
                                      .clock = WallTime(microseconds(30)),
                                      .postmaster_start = WallTime(microseconds(10)),
                                      .checkpointer_start = WallTime(microseconds(20)),
                                      .round_trip = {}}));
}

TEST(NodeSql, guard_rounds_down) {
    const WallTime end{std::chrono::nanoseconds(1700000000000001999)};
    EXPECT_NE(guarded("pg_promote(false)", end).find("< timestamptz 'epoch' + 1700000000000001 * interval"),
              std::string::npos);
}

TEST(NodeSql, names_the_grants_that_lack) {
    EXPECT_FALSE(missing_grants(row({"t", "t", "t", "t"}), "lease").has_value());
    EXPECT_EQ(missing_grants(row({"t", "f", "t", "f"}), "od\"d"),
              "GRANT SELECT ON pg_catalog.pg_file_settings TO \"od\"\"d\"; GRANT pg_monitor TO \"od\"\"d\"");
    EXPECT_TRUE(missing_grants(Rows(), "lease").has_value());
}

TEST(NodeSql, old_servers_are_refused_in_words) {
    EXPECT_NE(explain(SqlState("42704"), "unrecognized configuration parameter \"idle_session_timeout\"")
                  .find("PostgreSQL 14 or later"),
              std::string::npos);
    EXPECT_NE(explain(SqlState("42883"),
                      "function pg_catalog.has_parameter_privilege(unknown, unknown) does not exist")
                  .find("superuser"),
              std::string::npos);
    EXPECT_EQ(explain(SqlState("28000"), "no entry"), "no entry");
}

}  // namespace
}  // namespace pgpool::voters::node_sql
