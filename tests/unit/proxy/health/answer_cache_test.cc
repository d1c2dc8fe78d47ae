// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/answer_cache.h"

#include <gtest/gtest.h>

namespace pgpool::health {
namespace {

constexpr TimePoint kStart{};
const UserKey kAnn{"ann", ""};
const UserKey kBob{"bob", ""};

TEST(AnswerCache, KeepsAnswersForTheirTime) {
    AnswerCache cache;
    cache.keep(kAnn, "SCRAM", kStart, seconds(60));
    ASSERT_NE(cache.find(kAnn, kStart + seconds(59)), nullptr);
    EXPECT_EQ(*cache.find(kAnn, kStart + seconds(59)), "SCRAM");
    EXPECT_EQ(cache.find(kAnn, kStart + seconds(60)), nullptr);
    EXPECT_EQ(cache.find(kBob, kStart), nullptr);
}

TEST(AnswerCache, NobodyIsKeptForASecondOnly) {
    AnswerCache cache;
    cache.keep(kAnn, std::nullopt, kStart, seconds(60));
    ASSERT_NE(cache.find(kAnn, kStart + milliseconds(999)), nullptr);
    EXPECT_EQ(*cache.find(kAnn, kStart), std::nullopt);
    EXPECT_EQ(cache.find(kAnn, kStart + seconds(1)), nullptr);
    cache.keep(kBob, std::nullopt, kStart, milliseconds(10));
    EXPECT_EQ(cache.find(kBob, kStart + milliseconds(10)), nullptr) << "never longer than an answer";
}

TEST(AnswerCache, WhatIsDoubtedIsAskedOnceASecond) {
    AnswerCache cache;
    const UserKey elsewhere{"ann", "db"};
    for (const UserKey& key : {kAnn, elsewhere, kBob}) cache.keep(key, "SCRAM", kStart, seconds(60));
    cache.doubt("ann");
    EXPECT_NE(cache.find(kAnn, kStart + milliseconds(999)), nullptr) << "it was asked a moment ago";
    for (const UserKey& key : {kAnn, elsewhere}) EXPECT_EQ(cache.find(key, kStart + seconds(1)), nullptr);
    EXPECT_NE(cache.find(kBob, kStart + seconds(1)), nullptr);
    cache.keep(kAnn, "SCRAM", kStart + seconds(5), seconds(60));
    EXPECT_NE(cache.find(kAnn, kStart + seconds(50)), nullptr) << "a new answer is not in doubt";
    cache.keep(kAnn, "SCRAM", kStart, milliseconds(10));
    cache.doubt("ann");
    EXPECT_EQ(cache.find(kAnn, kStart + milliseconds(10)), nullptr) << "never longer than without doubt";
}

TEST(AnswerCache, ANewAnswerReplacesTheOld) {
    AnswerCache cache;
    cache.keep(kAnn, "old", kStart, seconds(60));
    cache.keep(kAnn, "new", kStart, seconds(60));
    EXPECT_EQ(*cache.find(kAnn, kStart), "new");
    EXPECT_EQ(cache.size(), 1U);
}

TEST(AnswerCache, IsBounded) {
    AnswerCache cache(3);
    cache.keep({"a", ""}, "1", kStart, seconds(10));
    cache.keep({"b", ""}, "1", kStart, seconds(5));
    cache.keep({"c", ""}, "1", kStart, seconds(20));
    cache.keep({"d", ""}, "1", kStart, seconds(20));
    EXPECT_EQ(cache.size(), 3U);
    EXPECT_EQ(cache.find({"b", ""}, kStart), nullptr) << "the one that ends first";
    cache.keep({"e", ""}, "1", kStart + seconds(30), seconds(20));
    EXPECT_EQ(cache.size(), 1U) << "those that ended go first";
}

}  // namespace
}  // namespace pgpool::health
