// SPDX-License-Identifier: PostgreSQL
#include "common/markers/repair_plan.h"

#include <gtest/gtest.h>

namespace pgpool::markers {
namespace {

using Repairs = std::vector<Repair>;

TEST(RepairPlan, EqualNodesNeedNothing) {
    EXPECT_TRUE(plan_repairs({}, "a").empty());
    EXPECT_TRUE(plan_repairs({{"a", {{"db", {{0, 5}}}}}, {"b", {{"db", {{0, 5}}}}}}, "a").empty());
}

TEST(RepairPlan, TheHighestNumberWinsAndTheMainNodeIsItsSource) {
    const AllSequences nodes{{"a", {{"db", {{0, 5}, {1, 9}}}}},
                             {"b", {{"db", {{0, 7}, {1, 9}}}}},
                             {"c", {{"db", {{0, 7}, {1, 8}}}}}};
    EXPECT_EQ(plan_repairs(nodes, "c"), (Repairs{{"db", 1, 9, "a", "c"}, {"db", 0, 7, "c", "a"}}));
    EXPECT_EQ(plan_repairs(nodes, "b"), (Repairs{{"db", 0, 7, "b", "a"}, {"db", 1, 9, "b", "c"}}));
    EXPECT_EQ(highest_sequence(nodes), 9);
}

TEST(RepairPlan, WhatTheMainNodeLacksComesFirst) {
    const AllSequences nodes{{"a", {{"db", {{0, 1}, {1, 9}}}}}, {"b", {{"db", {{0, 7}, {1, 8}}}}}};
    EXPECT_EQ(plan_repairs(nodes, "a"), (Repairs{{"db", 0, 7, "b", "a"}, {"db", 1, 9, "a", "b"}}));
    EXPECT_EQ(plan_repairs(nodes, "b"), (Repairs{{"db", 1, 9, "a", "b"}, {"db", 0, 7, "b", "a"}}));
}

TEST(RepairPlan, DatabasesAreComparedWhereTheyAre) {
    const AllSequences nodes{{"a", {{"one", {{0, 3}}}, {"two", {{0, 4}}}}}, {"b", {{"two", {{0, 1}}}}}};
    EXPECT_EQ(plan_repairs(nodes, "a"), (Repairs{{"two", 0, 4, "a", "b"}}));
}

TEST(RepairPlan, ASlotThatIsNotThereHoldsNothing) {
    const AllSequences nodes{{"a", {{"db", {{0, 0}, {1, 0}, {2, 6}}}}}, {"b", {{"db", {{0, 0}}}}}};
    EXPECT_EQ(plan_repairs(nodes, "a"), (Repairs{{"db", 2, 6, "a", "b"}}));
}

}  // namespace
}  // namespace pgpool::markers
