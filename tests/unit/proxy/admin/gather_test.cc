// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/gather.h"

#include <gtest/gtest.h>

#include "tests/unit/proxy/admin/fixture.h"

namespace pgpool::admin {
namespace {

exec::OwnResult pids(const Reports& reports) {
    exec::OwnResult result;
    result.columns = {{"pid", wire::ColumnType::Int4}};
    for (const ClientReport& client : reports.clients) result.rows.push_back({std::int64_t{client.pid}});
    return result;
}

Reports with_client(std::uint32_t pid) {
    Reports reports;
    reports.clients.push_back(client_report(pid, "amy", "idle"));
    return reports;
}

TEST(Gather, PutsTheWorkersTogetherInOrder) {
    Gather gather(2, pids);
    EXPECT_FALSE(gather.add(with_client(5)));
    EXPECT_TRUE(gather.add(with_client(3)));
    const auto result = gather.take();
    ASSERT_TRUE(result);
    ASSERT_EQ(result->rows.size(), 2U);
    EXPECT_EQ(cell(*result, 0, "pid"), "3");
    EXPECT_EQ(result->notice, "");
}

TEST(Gather, SaysWhichPartIsMissing) {
    Gather gather(3, pids);
    EXPECT_FALSE(gather.add(with_client(5)));
    const auto result = gather.take();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->rows.size(), 1U);
    EXPECT_EQ(result->notice.substr(0, 31), "1 of 3 workers have answered wi");
    EXPECT_FALSE(gather.add(with_client(6))) << "too late, and no harm";
}

TEST(PendingReload, TellsWhatWasRefused) {
    PendingReload reload;
    reload.ended({.refused = {"one", "two"}, .needs_restart = {}});
    const auto result = reload.take();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().sqlstate, sqlstate::kConfigFileError);
    EXPECT_NE(result.error().message.find("one\ntwo"), std::string::npos);
}

TEST(PendingReload, TellsWhatNeedsARestart) {
    PendingReload reload;
    reload.ended({.refused = {}, .needs_restart = {"workers: 2 -> 1"}});
    const auto result = reload.take();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->notice, "in force after the next restart: workers: 2 -> 1");
}

TEST(PendingReload, SaysThatItGoesOn) {
    PendingReload unfinished;
    ASSERT_TRUE(unfinished.take());
    EXPECT_NE(unfinished.take()->notice, "");
    PendingReload finished;
    finished.ended({});
    ASSERT_TRUE(finished.take());
    EXPECT_EQ(finished.take()->notice, "");
    EXPECT_EQ(finished.take()->tag, "RELOAD");
}

}  // namespace
}  // namespace pgpool::admin
