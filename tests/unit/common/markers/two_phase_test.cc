// SPDX-License-Identifier: PostgreSQL
#include "common/markers/two_phase.h"

#include <gtest/gtest.h>

namespace pgpool::markers {
namespace {

TEST(Gid, ComesBackAsItWas) {
    EXPECT_EQ(gid_of(3, 1'700'000'000'000'000), "pgpool_3_1700000000000000");
    EXPECT_EQ(read_gid("pgpool_3_1700000000000000"), (Prepared{"", 3, 1'700'000'000'000'000}));
}

TEST(Gid, OfOthersIsNone) {
    for (const std::string_view gid :
         {"", "pgpool_", "pgpool_3", "pgpool_3_", "pgpool__7", "pgpool_3_7_1", "pgpool_-3_7", "pgpool_3_-7",
          "pgpool_3_7x", "pgpool_99999999999_7", "mine", "xpgpool_3_7", "_pgpool_3_7"})
        EXPECT_EQ(read_gid(gid), std::nullopt) << gid;
}

TEST(Fate, IsMainsMarker) {
    const Prepared prepared{"db", 1, 7};
    EXPECT_EQ(fate_of(prepared, {{"a", {{"db", {{0, 9}, {1, 7}}}}}, {"b", {{"db", {{1, 4}}}}}}),
              Fate::Commit);
    EXPECT_EQ(fate_of(prepared, {{"a", {{"db", {{0, 7}, {1, 6}}}}}, {"b", {{"db", {{1, 4}}}}}}),
              Fate::RollBack);
    EXPECT_EQ(fate_of(prepared, {{"a", {{"other", {{1, 7}}}}}}), Fate::RollBack) << "another database";
    EXPECT_EQ(fate_of(prepared, {}), Fate::RollBack);
}

TEST(Fate, IsNotKnownOnceTheSlotHadLaterTransactions) {
    EXPECT_EQ(fate_of({"db", 1, 7}, {{"a", {{"db", {{1, 8}}}}}}), Fate::Unknown);
}

}  // namespace
}  // namespace pgpool::markers
