// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/table.h"

#include <gtest/gtest.h>

namespace pgpool::ctl::verify {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

Table table(std::vector<KeyColumn> key) {
    return {"s", "T\"x", 0, std::move(key), ""};
}

const KeyColumn kA{"a", "integer", "pg_catalog"};
const KeyColumn kB{"b c", "character varying(5)", "pg_catalog"};

TEST(TableSql, BoundaryOfASingleKey) {
    const Statement first = boundary(table({kA}), std::nullopt, 100);
    EXPECT_EQ(first.sql,
              R"(SELECT r."a" FROM ONLY "s"."T""x" AS r WHERE true ORDER BY r."a" OFFSET 99 LIMIT 1)");
    EXPECT_TRUE(first.parameters.empty());
    const Statement next = boundary(table({kA}), Key{"7"}, 100);
    EXPECT_NE(next.sql.find(R"((r."a") OPERATOR("pg_catalog".>) ($1::integer))"), std::string::npos)
        << next.sql;
    EXPECT_EQ(next.parameters, Parameters{"7"});
}

TEST(TableSql, RangeOfAKeyOfTwo) {
    const Statement digest = range_digest(table({kA, kB}), {Key{"1", "x"}, Key{"2", "y"}});
    EXPECT_NE(digest.sql.find(
                  R"(ROW(r."a", r."b c") OPERATOR("pg_catalog".>) ROW($1::integer, $2::character varying(5)))"
                  R"( AND ROW(r."a", r."b c") OPERATOR("pg_catalog".<=) ROW($3::integer, $4::)"),
              std::string::npos)
        << digest.sql;
    EXPECT_EQ(digest.parameters, (Parameters{"1", "x", "2", "y"}));
}

TEST(TableSql, RowsOfKeys) {
    const Statement rows = rows_of_keys(table({kA, kB}), {{{"1", "x"}, {}}, {{"2", "y"}, {}}});
    EXPECT_NE(rows.sql.find(R"(OR (r."a" OPERATOR("pg_catalog".=) $3::integer AND r."b c" OPERATOR)"),
              std::string::npos);
    EXPECT_EQ(rows.parameters, (Parameters{"1", "x", "2", "y"}));
}

TEST(TableSql, Buckets) {
    EXPECT_NE(bucket_digests(table({}), 8).sql.find("SELECT h & 7, "), std::string::npos);
    EXPECT_EQ(bucket_rows(table({}), 8, {{{"3"}, {}}, {{"5"}, {}}}).parameters, Parameters{"{3,5}"});
    EXPECT_EQ(row_of_hash(table({}), "-12").parameters, Parameters{"-12"});
}

TEST(TableSql, AsManyBucketsAsChunks) {
    EXPECT_EQ(buckets_for(0, 100), 1U);
    EXPECT_EQ(buckets_for(100, 100), 1U);
    EXPECT_EQ(buckets_for(1000, 100), 16U);
    EXPECT_EQ(buckets_for(1'000'000'000'000, 1), 4096U);
}

TEST(TableSql, LargeObjectsAreATable) {
    const Table objects = large_objects();
    EXPECT_EQ(objects.label(), "large objects");
    EXPECT_NE(range_digest(objects, {}).sql.find("pg_largeobject_metadata"), std::string::npos);
}

pg::Rows catalog(std::vector<pg::Rows::Cell> cells) {
    return {6, std::move(cells)};
}

TEST(Tables, FromTheCatalog) {
    const auto tables = tables_of(catalog({"s", "t", "12", "a", "integer", "pg_catalog",  //
                                           "s", "t", "12", "b", "text", "pg_catalog",     //
                                           "s", "u", "0", std::nullopt, std::nullopt, std::nullopt}));
    ASSERT_EQ(tables.size(), 2U);
    EXPECT_EQ(tables[0].estimated_rows, 12U);
    EXPECT_EQ(tables[0].key_names(), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(tables[1].key.empty());
}

TEST(Tables, KeyWhoseOperatorsHaveSeveralSchemasMakesNoChunks) {
    const auto tables = tables_of(catalog({"s", "t", "0", "a", "integer",       "pg_catalog",  //
                                           "s", "t", "0", "b", "public.citext", "public",
                                           "s", "u", "0", "a", "public.citext", "public",
                                           "s", "v", "0", "a", "odd",           std::nullopt}));
    ASSERT_EQ(tables.size(), 3U);
    EXPECT_TRUE(tables[0].key.empty());
    EXPECT_EQ(tables[1].key.size(), 1U);
    EXPECT_TRUE(tables[2].key.empty());
}

TEST(Tables, LabelsAreQuotedWhereTheyMustBe) {
    EXPECT_EQ((Table{"public", "t_1", 0, {}, ""}.label()), "public.t_1");
    EXPECT_EQ((Table{"Public", "1t", 0, {}, ""}.label()), "\"Public\".\"1t\"");
}

TEST(TableNames, AreReadAsInSql) {
    using Name = std::pair<std::string, std::string>;
    EXPECT_EQ(parse_table_name("public.Orders"), (Name{"public", "orders"}));
    EXPECT_EQ(parse_table_name(R"("A.b"."c""d")"), (Name{"A.b", "c\"d"}));
    EXPECT_EQ(parse_table_name(R"(s."T")"), (Name{"s", "T"}));
    for (const char* wrong : {"", "t", "a.", ".t", "a.b.c", R"("a.t)", R"("a"x.t)", R"(a."t" )", R"("".t)"})
        EXPECT_FALSE(parse_table_name(wrong)) << wrong;
}

}  // namespace
}  // namespace pgpool::ctl::verify
