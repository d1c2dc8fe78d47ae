// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/analysis_cache.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <unordered_map>

#include "proxy/sql/catalog_facts.h"

namespace pgpool::sql {
namespace {

using Cache = AnalysisCache<int>;
constexpr std::uint64_t kSeed = 7;

TEST(AnalysisCache, TextsOfOneShapeShareAnEntryAndItsPayload) {
    Cache cache({}, kSeed);
    cache.analyze("select * from t where id = 1").payload = 5;
    Cache::Entry& again = cache.analyze("SELECT * FROM t WHERE id = 2");
    EXPECT_EQ(again.payload, 5);
    EXPECT_TRUE(again.info->single(Kind::Select));
    EXPECT_EQ(cache.stats().hits, 1U);
    EXPECT_EQ(cache.stats().misses, 1U);
}

TEST(AnalysisCache, WhatDependsOnLiteralsIsKeptByText) {
    Cache cache({}, kSeed);
    EXPECT_EQ(cache.analyze("set x to 'a'").info->statements[0].settings[0].value_sql, "'a'");
    EXPECT_EQ(cache.analyze("set x to 'b'").info->statements[0].settings[0].value_sql, "'b'");
    EXPECT_EQ(cache.analyze("set x to 'a'").info->statements[0].settings[0].value_sql, "'a'");
    EXPECT_EQ(cache.stats().hits, 1U);
    EXPECT_FALSE(cache.analyze("explain (analyze 0) delete from t").info->statements[0].explained);
    EXPECT_TRUE(cache.analyze("explain (analyze 1) delete from t").info->statements[0].explained);
}

// A text that the grammar refuses must not spoil the texts of its shape that it takes.
TEST(AnalysisCache, RefusedTextsDoNotStandForTheirShape) {
    Cache cache({}, kSeed);
    EXPECT_FALSE(cache.analyze("select interval(1.5) '1 day'").info->parsed);
    EXPECT_TRUE(cache.analyze("select interval(1) '1 day'").info->parsed);
}

TEST(AnalysisCache, RepeatedTextsShareTheEntriesOfTheirShape) {
    Cache cache({}, kSeed);
    cache.analyze_repeated("select * from t where id = $1").payload = 7;
    EXPECT_EQ(cache.analyze_repeated("select * from t where id = $1").payload, 7);
    EXPECT_EQ(cache.analyze("SELECT * FROM t WHERE id = $1").payload, 7);
    EXPECT_EQ(cache.analyze_repeated("set x to 'a'").info->statements[0].settings[0].value_sql, "'a'");
    EXPECT_EQ(cache.analyze_repeated("set x to 'b'").info->statements[0].settings[0].value_sql, "'b'");
    EXPECT_EQ(cache.analyze_repeated("set x to 'a'").info->statements[0].settings[0].value_sql, "'a'");
    EXPECT_EQ(cache.stats().misses, 3U);
}

TEST(AnalysisCache, RepeatedTextsSurviveTheEvictionOfTheirEntry) {
    Cache cache({.entries = 1}, kSeed);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(cache.analyze_repeated("select 1").info->single(Kind::Select));
        EXPECT_TRUE(cache.analyze_repeated("delete from t").info->single(Kind::Delete));
    }
}

TEST(AnalysisCache, HintsAreTellingApart) {
    Cache cache({}, kSeed);
    EXPECT_EQ(cache.analyze("/* pgpool: primary */ select 1").info->hint, Hint::Primary);
    EXPECT_EQ(cache.analyze("/* pgpool: standby */ select 1").info->hint, Hint::Standby);
    EXPECT_EQ(cache.analyze("/* something */ select 1").info->hint, Hint::None);
}

TEST(AnalysisCache, UnreadableTextsAndTheAdminDatabaseAreNotKept) {
    Cache cache({}, kSeed);
    AnalyzeOptions unsafe;
    unsafe.ascii_safe_encoding = false;
    EXPECT_TRUE(cache.analyze("select '\x83\x5c'").info->parsed);
    EXPECT_FALSE(cache.analyze("select '\x83\x5c'", unsafe).info->parsed);
    AnalyzeOptions admin;
    admin.admin_database = true;
    EXPECT_TRUE(cache.analyze("show clients", admin).info->single(Kind::Pgpool));
    EXPECT_TRUE(cache.analyze("show clients").info->single(Kind::Show));
    EXPECT_EQ(cache.stats().uncached, 2U);
}

TEST(AnalysisCache, TheLeastRecentlyUsedGoesFirst) {
    Cache cache({2, 1U << 20U}, kSeed);
    cache.analyze("select a").payload = 1;
    cache.analyze("select b").payload = 2;
    cache.analyze("select a");
    cache.analyze("select c").payload = 3;
    EXPECT_EQ(cache.analyze("select a").payload, 1);
    EXPECT_EQ(cache.analyze("select b").payload, 0);
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_EQ(cache.stats().evictions, 2U);
}

TEST(AnalysisCache, BytesAreBounded) {
    Cache cache({1000, 8000}, kSeed);
    for (int i = 0; i < 100; ++i) {
        cache.analyze("select c" + std::to_string(i));
        EXPECT_LE(cache.bytes(), 8000U);
    }
    EXPECT_GT(cache.size(), 1U);
    EXPECT_LT(cache.size(), 100U);
    cache.clear();
    EXPECT_EQ(cache.bytes(), 0U);
    EXPECT_EQ(cache.size(), 0U);
}

TEST(AnalysisCache, WithoutRoomNothingIsKept) {
    Cache none({0, 1U << 20U}, kSeed);
    EXPECT_TRUE(none.analyze("select 1").info->parsed);
    Cache tiny({10, 10}, kSeed);
    EXPECT_TRUE(tiny.analyze("select 1").info->parsed);
    EXPECT_EQ(tiny.size(), 0U);
}

TEST(LruIndex, AgreesWithAMap) {
    std::mt19937 random(1);
    LruIndex index(50);
    std::unordered_map<std::uint64_t, LruIndex::Slot> model;
    for (int step = 0; step < 20'000; ++step) {
        const Fingerprint key{0, random() % 200};
        const LruIndex::Slot slot = index.find(key);
        const auto known = model.find(key.lo);
        ASSERT_EQ(slot, known == model.end() ? LruIndex::kNone : known->second);
        if (slot != LruIndex::kNone) {
            if (random() % 4 == 0) {
                index.erase(slot);
                model.erase(key.lo);
            }
            continue;
        }
        if (index.size() == index.capacity()) {
            const LruIndex::Slot oldest = index.oldest();
            std::erase_if(model, [&](const auto& item) { return item.second == oldest; });
            index.erase(oldest);
        }
        model[key.lo] = index.insert(key);
        ASSERT_EQ(index.size(), model.size());
    }
}

TEST(CatalogFacts, NamesAreFoundWithAndWithoutSchema) {
    CatalogFacts facts;
    facts.functions["f"].volatility = Volatility::Volatile;
    facts.functions["app.f"].volatility = Volatility::Stable;
    facts.relations["app.t"].view = true;
    facts.types["mood"].harmless = true;
    EXPECT_EQ(facts.function("", "f")->volatility, Volatility::Volatile);
    EXPECT_EQ(facts.function("app", "f")->volatility, Volatility::Stable);
    EXPECT_EQ(facts.function("ap", "pf"), nullptr);
    EXPECT_TRUE(facts.relation("app", "t")->view);
    EXPECT_EQ(facts.relation("", "t"), nullptr);
    EXPECT_EQ(facts.relation(std::string(100, 'a'), std::string(100, 'b')), nullptr);
    EXPECT_TRUE(facts.type("", "mood")->harmless);
}

}  // namespace
}  // namespace pgpool::sql
