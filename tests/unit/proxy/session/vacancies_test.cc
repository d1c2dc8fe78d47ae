// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/vacancies.h"

#include <gtest/gtest.h>

#include "proxy/session/shared.h"

namespace pgpool::session {
namespace {

TEST(VacatedDatabases, OneIsVacatedUntilTheLastWishIsOver) {
    VacatedDatabases vacated;
    vacated.add("app");
    vacated.add("app");
    EXPECT_TRUE(vacated.has("app"));
    EXPECT_FALSE(vacated.has("other"));
    vacated.remove("app");
    EXPECT_TRUE(vacated.has("app"));
    vacated.remove("app");
    EXPECT_FALSE(vacated.has("app"));
}

TEST(DatabasesInUse, OneThatMayBeAnotherByNowIsReadAnew) {
    const TimePoint start = TimePoint{} + seconds(100);
    DatabasesInUse databases;
    const auto known = databases.use("app", start);
    databases.changed("app", start + seconds(1));
    databases.changed("nobody's", start + seconds(1));
    EXPECT_EQ(known.marks->last_ddl(), start + seconds(1));
}

}  // namespace
}  // namespace pgpool::session
