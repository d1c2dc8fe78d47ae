// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/image_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/replication/value_text.h"
#include "proxy/sql/analyzer.h"
#include "proxy/sql/lexer.h"
#include "tests/unit/proxy/replication/fixture.h"

namespace pgpool::replication {
namespace {

ImagePlanPtr plan_of(const std::string& sql) {
    fixture::Catalog catalog;
    return plan_images(sql::Analyzer().analyze(sql)->statements.at(0), catalog.facts());
}

// What main executes, and what the others do for each row.
std::string told(const std::string& sql) {
    const ImagePlanPtr plan = plan_of(sql);
    if (!plan) return "none";
    std::string text = with_returning(sql::between_semicolons(sql).at(0), *plan);
    text.resize(text.find(", (SELECT pg_catalog."));  // the check
    return text + "\n" + plan->repeat + "\n" + plan->tag;
}

TEST(ImagePlan, UpdateTravelsByKeyAndAssignedColumns) {
    EXPECT_EQ(told("update t set a = 1, b = b + 1 where a < 5;"),
              "update t set a = 1, b = b + 1 where a < 5 RETURNING \"t\".\"id\", \"t\".\"a\", \"t\".\"b\"\n"
              "UPDATE \"t\" SET \"a\" = $2, \"b\" = $3 WHERE \"id\" = $1\nUPDATE");
}

TEST(ImagePlan, TargetIsCalledByItsAlias) {
    EXPECT_EQ(
        told("update public.t as x set a = u.n from u where u.id = x.id -- all"),
        "update public.t as x set a = u.n from u where u.id = x.id RETURNING \"x\".\"id\", \"x\".\"a\"\n"
        "UPDATE \"public\".\"t\" SET \"a\" = $2 WHERE \"id\" = $1\nUPDATE");
}

TEST(ImagePlan, DeleteTravelsByKey) {
    EXPECT_EQ(told("delete from t using u where u.id = t.a"),
              "delete from t using u where u.id = t.a RETURNING \"t\".\"id\"\n"
              "DELETE FROM \"t\" WHERE \"id\" = $1\nDELETE");
}

TEST(ImagePlan, AColumnIsReturnedOnce) {
    EXPECT_EQ(told("update t set a[1] = 1, a[2] = 2"),
              "update t set a[1] = 1, a[2] = 2 RETURNING \"t\".\"id\", \"t\".\"a\"\n"
              "UPDATE \"t\" SET \"a\" = $2 WHERE \"id\" = $1\nUPDATE");
}

TEST(ImagePlan, SeveralRowsTravelInOneStatement) {
    constexpr const char* kOne = "ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[])) AS v(c1)";
    constexpr const char* kTwo =
        "ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS "
        "v(c1, "
        "c2)";
    EXPECT_EQ(plan_of("update t set a = 1")->repeat_all,
              std::string("UPDATE \"t\" AS t SET \"a\" = v.c2::pg_catalog.int4 FROM ") + kTwo +
                  " WHERE t.\"id\" = v.c1::pg_catalog.int4");
    EXPECT_EQ(plan_of("delete from t")->repeat_all, std::string("DELETE FROM \"t\" AS t USING ") + kOne +
                                                        " WHERE t.\"id\" = v.c1::pg_catalog.int4");
    const std::string insert = std::string(
                                   "INSERT INTO \"serial\" (\"id\", \"a\") OVERRIDING SYSTEM VALUE SELECT "
                                   "v.c1::pg_catalog.int4, v.c2::pg_catalog.int4 FROM ") +
                               kTwo;
    EXPECT_EQ(plan_of("insert into serial (a) values (1)")->repeat_all, insert);
    EXPECT_EQ(
        plan_of("insert into serial (id, a) values (1, 1) on conflict (id) do update set a = 2")->repeat_all,
        insert + " ON CONFLICT (\"id\") DO UPDATE SET \"a\" = EXCLUDED.\"a\"");
}

TEST(ImagePlan, RowsTravelOneByOneWhereTheirOrderCounts) {
    const ImagePlanPtr places = plan_of("update list set place = place + 1");
    EXPECT_EQ(places->repeat_all, "");
    EXPECT_EQ(places->one_by_one, "constraint \"list_later\" of table \"list\"");
    EXPECT_NE(plan_of("update list set later = later + 1")->repeat_all, "");
    EXPECT_NE(plan_of("insert into list select * from list")->repeat_all, "");
}

TEST(ImagePlan, AUniqueColumnMayBeGenerated) {
    fixture::Catalog catalog;
    sql::WriteFacts write = *catalog.facts().relation("", "t")->write;
    write.columns.back().is_unique = true;
    catalog.add("t", write);
    const auto statement = sql::Analyzer().analyze("update t set a = 1");
    EXPECT_EQ(plan_images(statement->statements.at(0), catalog.facts())->repeat_all, "");
}

TEST(ImagePlan, RowsTravelOneByOneWhereATypeIsNotKnown) {
    fixture::Catalog catalog;
    sql::WriteFacts write = *catalog.facts().relation("", "t")->write;
    write.columns[1].type.clear();
    catalog.add("t", write);
    const auto all = [&](const std::string& sql) {
        return plan_images(sql::Analyzer().analyze(sql)->statements.at(0), catalog.facts())->repeat_all;
    };
    EXPECT_EQ(all("update t set a = 1"), "");
    EXPECT_NE(all("update t set b = 1"), "");
}

TEST(ImagePlan, MainTellsHowItsRowsWereRead) {
    EXPECT_TRUE(with_returning("delete from t", *plan_of("delete from t"))
                    .ends_with(fmt::format("\"id\", (SELECT {})", telling_settings())));
    EXPECT_EQ(plan_of("update t set a = 1")->columns, 0U);
    const ImagePlanPtr plan = plan_of("insert into serial (a) values (1)");
    EXPECT_EQ(plan->columns, 2U);
    EXPECT_NE(with_returning("insert", *plan).find("x.attrelid OPERATOR(pg_catalog.=) '\"serial\"'::"),
              std::string::npos);
    EXPECT_EQ(plan->added(), 3U);
}

TEST(ImagePlan, ValuesAreTextWhateverTheClientWants) {
    const std::string text =
        with_returning("delete from t returning a", *plan_of("delete from t returning a"), true);
    EXPECT_NE(text.find(", CASE WHEN pg_catalog.num_nulls(\"t\".\"id\") OPERATOR(pg_catalog.=) 0 THEN "
                        "pg_catalog.format('%s', \"t\".\"id\") END, (SELECT "),
              std::string::npos);
}

TEST(ImagePlan, ComesBehindWhatTheClientWantsReturned) {
    EXPECT_EQ(with_returning("delete from t returning a", *plan_of("delete from t returning a")),
              fmt::format("delete from t returning a , \"t\".\"id\", (SELECT {})", telling_settings()));
}

TEST(ImagePlan, AnotherKeyServesIfItStays) {
    EXPECT_EQ(plan_of("update pair_of set email = 'x'")->repeat,
              "UPDATE \"pair_of\" SET \"email\" = $3 WHERE \"x\" = $1 AND \"y\" = $2");
    EXPECT_EQ(plan_of("update pair_of set x = 1"), nullptr);  // email may be NULL
}

TEST(ImagePlan, InsertTravelsWithAllColumnsButGeneratedOnes) {
    EXPECT_EQ(plan_of("insert into serial (a) select a from t")->repeat,
              "INSERT INTO \"serial\" (\"id\", \"a\") OVERRIDING SYSTEM VALUE VALUES ($1, $2)");
    EXPECT_EQ(plan_of("insert into t (id) values (1)")->repeat,
              "INSERT INTO \"t\" (\"id\", \"a\", \"b\", \"ts\", \"f\", \"made\") OVERRIDING SYSTEM VALUE "
              "VALUES ($1, $2, $3, $4, $5, $6)");
}

TEST(ImagePlan, SequencesFollowWhereTheyWereDrawnFrom) {
    const auto count = [](const std::string& sql) { return plan_of(sql)->sequences.size(); };
    EXPECT_EQ(count("insert into serial (a) values (1)"), 1U);
    EXPECT_EQ(count("insert into serial values (default, 1)"), 1U);
    EXPECT_EQ(count("insert into serial (a) select a from t"), 1U);
    EXPECT_EQ(count("insert into serial (id, a) values (1, 1)"), 0U);
    EXPECT_EQ(plan_of("update serial set id = default"), nullptr);
}

TEST(ImagePlan, WhatIsGivenForAnIdentityMayCountForNothing) {
    const auto drawn = [](const char* sql) { return plan_of(sql)->sequences.size(); };
    EXPECT_EQ(drawn("insert into ident (id, a) values (1, 2)"), 0U);
    EXPECT_EQ(drawn("insert into ident (id, a) overriding user value values (1, 2)"), 1U);
    EXPECT_EQ(drawn("insert into serial (id, a) overriding user value values (1, 2)"), 0U);
}

TEST(ImagePlan, ATypeWhoseOutputDropsSomethingIsCast) {
    EXPECT_EQ(plan_of("insert into ident (a) values (1)")->returned,
              (std::vector<std::string>{"\"ident\".\"id\"", "\"ident\".\"a\"::pg_catalog.text"}));
}

TEST(ImagePlan, MainIsAskedWhereRowsDoNotTellWhatTheyDrew) {
    using Names = std::vector<std::string>;
    const auto moved = [](const std::string& sql) {
        const ImagePlanPtr plan = plan_of(sql);
        EXPECT_TRUE(plan->sequences.empty());
        return plan->moved;
    };
    EXPECT_EQ(moved("insert into numbered (id) values (1)"), Names{"public.numbers"});
    EXPECT_EQ(moved("update numbered set a = default"), Names{"public.numbers"});
    EXPECT_EQ(moved("insert into serial values (default, 1), (1000, 2)"), Names{"public.serial_id_seq"});
    EXPECT_EQ(moved("insert into serial (a) values (1) on conflict (id) do update set a = 2"),
              Names{"public.serial_id_seq"});
    fixture::Catalog catalog;
    sql::WriteFacts write = *catalog.facts().relation("", "numbered")->write;
    write.columns[1].sequences.clear();
    catalog.add("numbered", write);
    const auto statement = sql::Analyzer().analyze("insert into numbered (id) values (1)");
    EXPECT_EQ(plan_images(statement->statements.at(0), catalog.facts()), nullptr);
}

// Others that the same statement draws from go forward only.
TEST(ImagePlan, WhatSetvalNamesMayBeSetBack) {
    using Names = std::vector<std::string>;
    EXPECT_EQ(plan_of("select nextval('a'), setval('b', 1), setval('b', 2)")->moved, (Names{"a", "b"}));
    EXPECT_EQ(plan_of("select nextval('a'), setval('b', 1), setval('b', 2)")->set, Names{"b"});
    const ImagePlanPtr plan = plan_of("insert into numbered (id) values (setval('b', 1))");
    EXPECT_EQ(plan->moved, (Names{"public.numbers", "b"}));
    EXPECT_EQ(plan->set, Names{"b"});
}

TEST(ImagePlan, UpsertStaysOneByTheSameKey) {
    EXPECT_EQ(
        plan_of("insert into t (id, a) values (1, now()) on conflict (id) do update set a = t.a + 1, b = 2")
            ->repeat,
        "INSERT INTO \"t\" (\"id\", \"a\", \"b\", \"ts\", \"f\", \"made\") OVERRIDING SYSTEM VALUE "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (\"id\") DO UPDATE SET \"a\" = EXCLUDED.\"a\", "
        "\"b\" = EXCLUDED.\"b\"");
    EXPECT_EQ(plan_of("insert into t (id) values (1) on conflict (id) do update set id = 2"), nullptr);
    EXPECT_EQ(plan_of("insert into t (id) values (1) on conflict (a) do update set b = 2"), nullptr);
    EXPECT_TRUE(plan_of("insert into t (id) values (1) on conflict do nothing"));
}

TEST(ImagePlan, WhatCannotTravelHasNone) {
    EXPECT_EQ(plan_of("delete from keyless"), nullptr);
    EXPECT_EQ(plan_of("update t set id = 1"), nullptr);
    EXPECT_EQ(plan_of("update t set nosuch = 1"), nullptr);
    EXPECT_EQ(plan_of("with d as (delete from t returning *) insert into u select id from d"), nullptr);
    EXPECT_EQ(plan_of("explain analyze delete from t"), nullptr);
    EXPECT_EQ(plan_of("copy t from stdin"), nullptr);
    EXPECT_EQ(plan_of("delete from nosuch"), nullptr);
}

// --- triggers

TEST(ImagePlan, WhatTriggersChangeTravelsQuietly) {
    EXPECT_EQ(told("update touched set a = 1"),
              "update touched set a = 1 RETURNING \"touched\".\"id\", \"touched\".\"a\", \"touched\".\"at\"\n"
              "UPDATE \"touched\" SET \"a\" = $2, \"at\" = $3 WHERE \"id\" = $1\nUPDATE");
    for (const char* sql : {"update touched set a = 1", "update computed set a = 1", "delete from touched",
                            "insert into touched select * from touched", "update seen set a = 1"})
        EXPECT_TRUE(plan_of(sql)->is_quiet) << sql;
    EXPECT_FALSE(plan_of("update t set a = 1")->is_quiet);
    EXPECT_TRUE(plan_of("insert into touched values (1) on conflict (id) do update set a = 2")
                    ->repeat.ends_with("DO UPDATE SET \"a\" = EXCLUDED.\"a\", \"at\" = EXCLUDED.\"at\""));
}

TEST(ImagePlan, TriggersThatChangeNothingMayRunOnTheOthers) {
    EXPECT_FALSE(plan_of("delete from seen_parent")->is_quiet);
    EXPECT_TRUE(plan_of("update seen_parent set a = 1")->is_quiet);
}

TEST(ImagePlan, NoRowsTravelWhereTriggersCannotBeQuiet) {
    for (const char* sql :
         {"delete from touched_parent", "update touched_parent set a = 1", "update rekeyed set a = 1",
          "update remade set a = 1", "insert into fixed select * from touched",
          "insert into rekeyed values (1) on conflict (id) do update set a = 2"})
        EXPECT_EQ(plan_of(sql), nullptr) << sql;
    EXPECT_NE(plan_of("insert into remade select * from touched"), nullptr);
    EXPECT_NE(plan_of("insert into rekeyed select * from touched"), nullptr);
}

TEST(ImagePlan, RowsHoldTheirParents) {
    constexpr const char* kHold =
        "SELECT FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[])) AS v(c1) WHERE v.c1 IS NULL OR "
        "EXISTS "
        "(SELECT FROM public.parents AS p WHERE p.\"id\" = v.c1::pg_catalog.int4 FOR KEY SHARE)";
    const ImagePlanPtr insert = plan_of("insert into touched_child select * from touched");
    ASSERT_EQ(insert->holds.size(), 1U);
    EXPECT_EQ(insert->holds[0].sql, kHold);
    EXPECT_EQ(insert->holds[0].at, std::vector<std::size_t>{3});
    EXPECT_EQ(plan_of("update touched_child set parent = 1")->holds.size(), 1U);
    EXPECT_TRUE(plan_of("update touched_child set a = 1")->holds.empty());
    EXPECT_TRUE(plan_of("delete from touched_child")->holds.empty());
}

TEST(ImagePlan, SequencesThatTriggersOverruleFollowMain) {
    fixture::Catalog catalog;
    sql::WriteFacts write = *catalog.facts().relation("", "serial")->write;
    write.on_insert.is_before = true;
    write.on_insert.assigned = {"id"};
    catalog.add("serial", write);
    const auto plan = plan_images(
        sql::Analyzer().analyze("insert into serial(a) values (1)")->statements.at(0), catalog.facts());
    EXPECT_TRUE(plan->sequences.empty());
    EXPECT_EQ(plan->moved, std::vector<std::string>{"public.serial_id_seq"});
}

}  // namespace
}  // namespace pgpool::replication
