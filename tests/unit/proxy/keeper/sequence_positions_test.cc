// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/sequence_positions.h"

#include <gtest/gtest.h>

namespace pgpool::keeper {
namespace {

using Names = std::vector<std::string>;

Names behind(SequencePosition main, SequencePosition other) {
    return sequences_behind({{"s", main}}, {{"s", other}});
}

TEST(SequencesBehind, AreThoseThatMainHasMovedFurther) {
    EXPECT_EQ(behind({5, false}, {4, false}), Names{"s"});
    EXPECT_EQ(behind({5, false}, {std::nullopt, false}), Names{"s"});
    EXPECT_EQ(behind({5, false}, {5, false}), Names{});
    EXPECT_EQ(behind({5, false}, {6, false}), Names{});
    EXPECT_EQ(behind({std::nullopt, false}, {6, false}), Names{});
    EXPECT_EQ(behind({std::nullopt, false}, {std::nullopt, false}), Names{});
}

TEST(SequencesBehind, CountDownWhereTheirsDo) {
    EXPECT_EQ(behind({-5, true}, {-4, true}), Names{"s"});
    EXPECT_EQ(behind({-5, true}, {-6, true}), Names{});
    EXPECT_EQ(behind({-5, true}, {std::nullopt, true}), Names{"s"});
    EXPECT_EQ(behind({5, true}, {4, false}), Names{}) << "it is being changed";
}

TEST(SequencesBehind, AreOnBothNodes) {
    EXPECT_EQ(sequences_behind({{"a", {1, false}}, {"b", {1, false}}}, {{"b", {}}, {"c", {}}}), Names{"b"});
}

}  // namespace
}  // namespace pgpool::keeper
