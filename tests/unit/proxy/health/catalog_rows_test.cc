// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/catalog_rows.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace pgpool::health {
namespace {

using sql::Volatility;
using Cell = pg::Rows::Cell;

// A database made of rows; Oids count from 16384 in the order of addition.
class FakeCatalog {
public:
    FakeCatalog() {
        builtin("lower", "i");
        builtin("now", "s");
        builtin("random", "v");
        builtin("set_config", "v");
        builtin("pg_advisory_lock", "v");
        builtin("pg_advisory_xact_lock", "v");
    }

    std::uint32_t builtin(const char* name, const char* volatility) {
        return function({"pg_catalog", name, volatility, "internal", "f", {}, {}, {}, {}});
    }
    std::uint32_t plpgsql(const char* name, const char* source, const char* schema = "public",
                          const char* volatility = "v") {
        return function({schema, name, volatility, "plpgsql", "f", source, {}, {}, {}});
    }
    std::uint32_t immutable(const char* name, const char* source, const char* types, bool takes_text) {
        return function(
            {"public", name, "i", "plpgsql", "f", source, {}, {}, {}, types, takes_text ? "t" : "f"});
    }
    std::uint32_t other_language(const char* name, const char* volatility) {
        return function({"public", name, volatility, "plperl", "f", "...", {}, {}, {}});
    }
    std::uint32_t builtin_in_c(const char* name) {
        return function({"pg_catalog", name, "v", "internal", "f", {}, {}, {}, {}});
    }
    // For mode replication.
    void table(std::uint32_t oid, const char* name) {
        add(CatalogQuery::Tables, {std::to_string(oid), "r", name, "f", "f", "f", {}});
    }
    void column(std::uint32_t table, const char* name, bool is_generated, std::string tree) {
        add(CatalogQuery::Columns, {std::to_string(table),
                                    name,
                                    "",
                                    is_generated ? "t" : "f",
                                    std::move(tree),
                                    {},
                                    {},
                                    "f",
                                    {},
                                    "f",
                                    "f",
                                    {}});
    }
    void check(std::uint32_t table, Cell name, std::string tree) {
        add(CatalogQuery::Checks, {std::to_string(table), "0", std::move(name), std::move(tree)});
    }
    void date_column(std::uint32_t table, const char* name) {
        add(CatalogQuery::Columns,
            {std::to_string(table), name, "", "f", {}, std::string(kDateContent), {}, "f", {}, "f", "f", {}});
    }
    std::uint32_t c_function(const char* name, const char* volatility) {
        return function({"public", name, volatility, "c", "f", {}, {}, {}, {}});
    }
    std::uint32_t with_default(const char* name, std::string tree) {
        return function({"public", name, "s", "sql", "f", "SELECT $1", {}, {}, Cell(std::move(tree))});
    }
    std::uint32_t atomic(const char* name, std::string tree) {
        return function({"public", name, "v", "sql", "f", "", Cell(std::move(tree)), {}, {}});
    }
    std::uint32_t sql_function(const char* name, const char* source) {
        return function({"public", name, "v", "sql", "f", source, {}, {}, {}});
    }
    std::uint32_t aggregate(const char* name, std::string parts) {
        return function({"public", name, "i", "internal", "a", {}, {}, Cell(std::move(parts)), {}});
    }
    std::uint32_t relation(const char* name, const char* kind = "r", const char* persistence = "p",
                           const char* schema = "public") {
        add(CatalogQuery::Relations, {std::to_string(next_oid_), schema, name, kind, persistence});
        return next_oid_++;
    }
    void tree(std::uint32_t relation, std::string_view kind, std::string text) {
        add(CatalogQuery::Trees, {std::to_string(relation), std::string(kind), std::move(text)});
    }
    void trigger(std::uint32_t relation, std::uint32_t function) {
        add(CatalogQuery::Triggers, {std::to_string(relation), std::to_string(function)});
    }
    // `type`: bits of tgtype.
    void event(std::uint32_t table, const char* name, unsigned type, std::uint32_t function,
               const char* enabled = "O", Cell when = {}, bool sees_all = false, const char* argument = "") {
        add(CatalogQuery::Events,
            {std::to_string(table), name, std::to_string(type), std::to_string(function), enabled,
             std::move(when), sees_all ? "t" : "f", argument});
    }
    // Over one column each.
    void foreign_key(const char* name, std::uint32_t to, const char* column, std::uint32_t from,
                     const char* actions, const char* own_column, bool is_hidden = false) {
        add(CatalogQuery::ForeignKeys,
            {std::to_string(next_oid_++), name, std::to_string(to), column, std::to_string(from),
             std::string(1, actions[0]), std::string(1, actions[1]), own_column, "public.parents",
             is_hidden ? "t" : "f", "f", "f"});
    }
    void use(std::uint32_t relation, std::uint32_t function) {
        add(CatalogQuery::Uses, {std::to_string(relation), std::to_string(function)});
    }
    void unnamed(std::string_view kind, const char* name, std::uint32_t function) {
        add(CatalogQuery::Unnamed, {std::string(kind), name, std::to_string(function)});
    }
    void link(std::uint32_t from, std::uint32_t to) {
        add(CatalogQuery::Links, {std::to_string(from), std::to_string(to)});
    }
    void type(const char* schema, const char* name, bool harmless) {
        add(CatalogQuery::Types, {schema, name, harmless ? "t" : "f"});
    }

    // A table with one column and its default.
    void defaulted(const char* name, const char* column_name, std::string tree) {
        const std::uint32_t oid = relation(name);
        table(oid, name);
        column(oid, column_name, false, std::move(tree));
    }

    [[nodiscard]] CatalogRows rows() const {
        constexpr std::array<std::size_t, kCatalogQueries> kColumns{12, 5,  3, 2, 2, 3,  2, 3, 3,
                                                                    7,  12, 5, 8, 4, 12, 3, 3, 2};
        CatalogRows rows;
        for (std::size_t i = 0; i < kCatalogQueries; ++i) rows[i] = pg::Rows(kColumns[i], cells_[i]);
        return rows;
    }
    [[nodiscard]] sql::CatalogFacts facts(FactsFor purpose = FactsFor::Routing) const {
        return build_facts(rows(), 7, purpose);
    }
    void next_oid(std::uint32_t oid) { next_oid_ = oid; }
    [[nodiscard]] pg::Rows functions() const {
        return rows()[static_cast<std::size_t>(CatalogQuery::Functions)];
    }

private:
    std::uint32_t function(std::vector<Cell> cells) {
        add(CatalogQuery::Functions, {std::to_string(next_oid_)});
        cells.resize(11);  // 9: its types, 10: whether it takes text
        add(CatalogQuery::Functions, std::move(cells));
        return next_oid_++;
    }
    void add(CatalogQuery query, std::vector<Cell> cells) {
        auto& all = cells_[static_cast<std::size_t>(query)];
        all.insert(all.end(), cells.begin(), cells.end());
    }

    std::array<std::vector<Cell>, kCatalogQueries> cells_;
    std::uint32_t next_oid_ = 16384;
};

bool harmless(const FakeCatalog& catalog, std::string_view name, std::string_view schema = "") {
    const sql::CatalogFacts facts = catalog.facts();
    const sql::FunctionFacts* function = facts.function(schema, name);
    return function != nullptr && function->harmless;
}

std::string calls(std::uint32_t function) {
    return "{QUERY :commandType 1 {FUNCEXPR :funcid " + std::to_string(function) + " :x}}";
}
std::string reads(std::uint32_t relation) {
    return "{QUERY :commandType 1 {RTE :relid " + std::to_string(relation) + " :x}}";
}

TEST(BuildFacts, BuiltinFunctions) {
    const FakeCatalog catalog;
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_EQ(facts.version, 7U);
    EXPECT_EQ(facts.function("", "lower")->volatility, Volatility::Immutable);
    EXPECT_EQ(facts.function("pg_catalog", "now")->volatility, Volatility::Stable);
    EXPECT_TRUE(facts.function("", "lower")->builtin);
    EXPECT_TRUE(facts.function("", "random")->harmless);
    EXPECT_TRUE(facts.function("", "pg_advisory_xact_lock")->harmless);
    EXPECT_FALSE(facts.function("", "pg_advisory_lock")->harmless);
    EXPECT_FALSE(facts.function("", "set_config")->harmless);
    EXPECT_EQ(facts.function("public", "lower"), nullptr);
}

TEST(BuildFacts, FunctionsThatReadOnlyByOid) {
    FakeCatalog catalog;
    const std::uint32_t length = catalog.builtin("length", "i");
    const std::uint32_t lo_create = catalog.builtin("lo_create", "v");
    const std::uint32_t own = catalog.c_function("length", "i");
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_TRUE(facts.is_stable_builtin(length));
    EXPECT_FALSE(facts.is_stable_builtin(lo_create));
    EXPECT_FALSE(facts.is_stable_builtin(own));
}

TEST(BuildFacts, ANameCountsWithItsWorstOverload) {
    FakeCatalog catalog;
    catalog.plpgsql("lower", "BEGIN EXECUTE 'x'; END", "app");
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_EQ(facts.function("", "lower")->volatility, Volatility::Volatile);
    EXPECT_FALSE(facts.function("", "lower")->builtin);
    EXPECT_FALSE(facts.function("", "lower")->harmless);
    EXPECT_TRUE(facts.function("pg_catalog", "lower")->harmless);
}

TEST(BuildFacts, CallsAreFollowedToTheEnd) {
    FakeCatalog catalog;
    catalog.plpgsql("a", "BEGIN RETURN b(1); END");
    catalog.plpgsql("b", "BEGIN RETURN app.c(2); END");
    catalog.plpgsql("c", "BEGIN RETURN lower(x); END", "app");
    EXPECT_TRUE(harmless(catalog, "a"));
    catalog.plpgsql("c", "BEGIN PERFORM set_config('a', 'b', false); END", "app");
    EXPECT_FALSE(harmless(catalog, "a"));
    EXPECT_FALSE(harmless(catalog, "b"));
}

TEST(BuildFacts, RecursionIsNoHarm) {
    FakeCatalog catalog;
    catalog.plpgsql("even", "BEGIN RETURN odd(n - 1); END");
    catalog.plpgsql("odd", "BEGIN RETURN even(n - 1); END");
    EXPECT_TRUE(harmless(catalog, "even"));
}

TEST(BuildFacts, UnknownNamesAndLanguagesAreHarm) {
    FakeCatalog catalog;
    catalog.plpgsql("calls_unknown", "BEGIN RETURN dblink('x', 'y'); END");
    catalog.c_function("c_stable", "s");
    catalog.c_function("c_immutable", "i");
    catalog.plpgsql("calls_c", "BEGIN RETURN c_stable(1); END");
    catalog.plpgsql("calls_pure_c", "BEGIN RETURN c_immutable(1); END");
    EXPECT_FALSE(harmless(catalog, "calls_unknown"));
    EXPECT_FALSE(harmless(catalog, "c_stable"));
    EXPECT_TRUE(harmless(catalog, "c_immutable"));
    EXPECT_FALSE(harmless(catalog, "calls_c"));
    EXPECT_TRUE(harmless(catalog, "calls_pure_c"));
}

TEST(BuildFacts, KeywordsThatAreFunctionsCount) {
    FakeCatalog catalog;
    catalog.plpgsql("plain", "BEGIN RETURN coalesce(query (1), 2); END");
    EXPECT_TRUE(harmless(catalog, "plain"));
    catalog.plpgsql("query", "BEGIN RESET ALL; END");
    EXPECT_FALSE(harmless(catalog, "plain"));
}

TEST(BuildFacts, StandardBodiesAreReadByOid) {
    FakeCatalog catalog;
    const auto good = catalog.builtin("upper", "i");
    const auto bad = catalog.plpgsql("bad", "BEGIN RESET ALL; END");
    catalog.atomic("fine", calls(good));
    catalog.atomic("not_fine", calls(bad));
    catalog.atomic("lost", calls(1));
    EXPECT_TRUE(harmless(catalog, "fine"));
    EXPECT_FALSE(harmless(catalog, "not_fine"));
    EXPECT_FALSE(harmless(catalog, "lost")) << "a function that is not in the list";
}

TEST(BuildFacts, DefaultsOfArgumentsCount) {
    FakeCatalog catalog;
    catalog.with_default("fine", calls(catalog.builtin("upper", "i")));
    catalog.with_default("not_fine", calls(catalog.plpgsql("bad", "BEGIN RESET ALL; END")));
    EXPECT_TRUE(harmless(catalog, "fine"));
    EXPECT_FALSE(harmless(catalog, "not_fine"));
}

TEST(BuildFacts, AggregatesAreTheirFunctions) {
    FakeCatalog catalog;
    const auto bad = catalog.plpgsql("bad", "BEGIN RESET ALL; END");
    const auto good = catalog.builtin("int4pl", "i");
    catalog.aggregate("sum_good", std::to_string(good) + " 0");
    catalog.aggregate("sum_bad", std::to_string(good) + " " + std::to_string(bad));
    EXPECT_TRUE(harmless(catalog, "sum_good"));
    EXPECT_FALSE(harmless(catalog, "sum_bad"));
}

TEST(BuildFacts, UsersOperatorsCountForEveryBody) {
    FakeCatalog catalog;
    catalog.plpgsql("uses_anything", "BEGIN RETURN a + b; END");
    catalog.unnamed(kOperator, "%", catalog.c_function("c_operator", "s"));
    EXPECT_TRUE(harmless(catalog, "uses_anything")) << "extensions would condemn everything";
    catalog.unnamed(kOperator, "%", catalog.plpgsql("bad_operator", "BEGIN RESET ALL; END"));
    EXPECT_FALSE(harmless(catalog, "uses_anything"));
}

TEST(BuildFacts, OperatorsCountWithTheirWorst) {
    FakeCatalog catalog;
    catalog.unnamed(kOperator, "%", catalog.c_function("c_operator", "s"));
    catalog.unnamed(kOperator, "###", catalog.plpgsql("fine", "BEGIN RETURN a; END", "public", "i"));
    catalog.unnamed(kOperator, "###", catalog.plpgsql("bad", "BEGIN RESET ALL; END"));
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_TRUE(facts.operators.at("%").harmless) << "extensions would condemn everything";
    EXPECT_EQ(facts.operators.at("%").volatility, Volatility::Stable);
    EXPECT_FALSE(facts.operators.at("###").harmless);
    EXPECT_EQ(facts.operators.at("###").volatility, Volatility::Volatile);
    EXPECT_TRUE(facts.conversions_harmless);
}

TEST(BuildFacts, FunctionsCalledAsColumnsCountWhereTheirNameStands) {
    FakeCatalog catalog;
    catalog.unnamed(kRowFunction, "sets", catalog.plpgsql("sets", "BEGIN RESET ALL; END"));
    catalog.plpgsql("uses_it", "BEGIN RETURN (SELECT t.sets FROM t); END");
    catalog.plpgsql("uses_it_not", "BEGIN RETURN (SELECT t.set_at FROM t); END");
    EXPECT_FALSE(catalog.facts().row_functions.at("sets").harmless);
    EXPECT_FALSE(harmless(catalog, "uses_it"));
    EXPECT_TRUE(harmless(catalog, "uses_it_not"));
}

TEST(BuildFacts, CastsAndChecksOfDomainsCountEverywhere) {
    FakeCatalog catalog;
    catalog.plpgsql("uses_anything", "BEGIN RETURN a; END");
    catalog.unnamed(kConversion, "", catalog.plpgsql("fine", "BEGIN RETURN a; END"));
    EXPECT_TRUE(catalog.facts().conversions_harmless);
    catalog.unnamed(kConversion, "", catalog.plpgsql("bad", "BEGIN RESET ALL; END"));
    EXPECT_FALSE(catalog.facts().conversions_harmless);
    EXPECT_FALSE(harmless(catalog, "uses_anything"));
}

TEST(BuildFacts, Relations) {
    FakeCatalog catalog;
    catalog.relation("orders");
    catalog.relation("scratch", "r", "t", "pg_temp_3");
    catalog.relation("cache", "r", "u");
    catalog.relation("pg_class", "r", "p", "pg_catalog");
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_FALSE(facts.relation("", "orders")->temporary);
    EXPECT_TRUE(facts.relation("public", "orders")->writes_harmless);
    EXPECT_TRUE(facts.relation("", "scratch")->temporary);
    EXPECT_TRUE(facts.relation("", "cache")->unlogged);
    EXPECT_TRUE(facts.relation("pg_catalog", "pg_class")->system);
    EXPECT_EQ(facts.relation("", "nothing"), nullptr);
}

TEST(BuildFacts, ViewsReachThroughOtherViews) {
    FakeCatalog catalog;
    const auto random = catalog.builtin("random_normal", "v");
    const auto stable = catalog.builtin("upper", "s");
    const auto table = catalog.relation("t");
    const auto inner = catalog.relation("inner_view", "v");
    const auto outer = catalog.relation("outer_view", "v");
    const auto plain = catalog.relation("plain_view", "v");
    catalog.tree(inner, kViewTree, reads(table) + calls(random));
    catalog.tree(outer, kViewTree, reads(inner));
    catalog.tree(plain, kViewTree, reads(table) + calls(stable));
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_TRUE(facts.relation("", "outer_view")->view);
    EXPECT_TRUE(facts.relation("", "outer_view")->reads_volatile);
    EXPECT_FALSE(facts.relation("", "plain_view")->reads_volatile);
    EXPECT_FALSE(facts.relation("", "t")->reads_volatile);
}

TEST(BuildFacts, AViewOrPolicyThatChangesTheSessionIsNoPlainRead) {
    FakeCatalog catalog;
    const auto bad = catalog.plpgsql("bad", "BEGIN PERFORM set_config('a', 'b', false); END", "public", "s");
    catalog.tree(catalog.relation("v", "v"), kViewTree, calls(bad));
    catalog.tree(catalog.relation("guarded"), kPolicyTree, calls(bad));
    catalog.plpgsql("reads_it", "BEGIN RETURN (SELECT count(*) FROM guarded); END");
    catalog.builtin("count", "i");
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_TRUE(facts.relation("", "v")->reads_volatile);
    EXPECT_TRUE(facts.relation("", "guarded")->reads_volatile);
    EXPECT_FALSE(facts.function("", "reads_it")->harmless);
}

TEST(BuildFacts, TriggersAndThoseWhoWrite) {
    FakeCatalog catalog;
    const auto good = catalog.plpgsql("touch", "BEGIN NEW.at := now(); RETURN NEW; END");
    const auto bad = catalog.plpgsql("set_it", "BEGIN PERFORM set_config('a', 'b', false); RETURN NEW; END");
    catalog.trigger(catalog.relation("stamped"), good);
    catalog.trigger(catalog.relation("noisy"), bad);
    catalog.plpgsql("write_stamped", "BEGIN INSERT INTO stamped VALUES (1); END");
    catalog.plpgsql("write_noisy", "BEGIN INSERT INTO noisy VALUES (1); END");
    catalog.plpgsql("read_noisy", "BEGIN RETURN QUERY SELECT * FROM noisy; END");
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_TRUE(facts.relation("", "stamped")->writes_harmless);
    EXPECT_FALSE(facts.relation("", "noisy")->writes_harmless);
    EXPECT_TRUE(facts.function("", "write_stamped")->harmless);
    EXPECT_FALSE(facts.function("", "write_noisy")->harmless);
    EXPECT_TRUE(facts.function("", "read_noisy")->harmless);
}

TEST(BuildFacts, WritesReachPartitionsCascadesDefaultsAndRules) {
    FakeCatalog catalog;
    const auto bad = catalog.plpgsql("bad", "BEGIN RESET ALL; END");
    const auto parent = catalog.relation("parent", "p");
    const auto child = catalog.relation("child");
    const auto grandchild = catalog.relation("grandchild");
    catalog.link(parent, child);
    catalog.link(child, grandchild);
    catalog.link(grandchild, parent);  // foreign keys may form a ring
    catalog.trigger(grandchild, bad);
    catalog.use(catalog.relation("defaulted"), bad);
    catalog.tree(catalog.relation("ruled"), kRuleTree, "");
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_FALSE(facts.relation("", "parent")->writes_harmless);
    EXPECT_FALSE(facts.relation("", "defaulted")->writes_harmless);
    EXPECT_FALSE(facts.relation("", "ruled")->writes_harmless);
}

TEST(BuildFacts, WhetherCodeOfUsersTakesPartIsKnownOfEachRelation) {
    FakeCatalog catalog;
    const auto pure = catalog.plpgsql("pure", "BEGIN RETURN NEW; END", "public", "i");
    catalog.relation("plain");
    catalog.trigger(catalog.relation("triggered"), pure);
    catalog.use(catalog.relation("indexed"), pure);
    catalog.tree(catalog.relation("ruled"), kRuleTree, "");
    const auto parent = catalog.relation("parent", "p");
    const auto child = catalog.relation("child");
    catalog.link(parent, child);
    catalog.use(child, pure);
    sql::CatalogFacts facts = catalog.facts();
    EXPECT_FALSE(facts.relation("", "plain")->runs_user_code);
    for (const char* name : {"triggered", "indexed", "ruled", "parent", "child"})
        EXPECT_TRUE(facts.relation("", name)->runs_user_code) << name;
    EXPECT_FALSE(facts.converts_by_user_code);
    catalog.unnamed(kConversion, "", pure);
    facts = catalog.facts();
    EXPECT_TRUE(facts.converts_by_user_code);
    EXPECT_FALSE(facts.relation("", "plain")->runs_user_code);
}

TEST(BuildFacts, ANameMeansOneRelationOrSeveral) {
    FakeCatalog catalog;
    const auto first = catalog.relation("t");
    catalog.relation("t", "r", "t", "pg_temp_3");
    EXPECT_EQ(catalog.facts().relation("", "t")->oid, first);
    const auto second = catalog.relation("t", "r", "p", "alice");
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_FALSE(facts.relation("", "t")->is_known());
    EXPECT_EQ(facts.relation("public", "t")->oid, first);
    EXPECT_EQ(facts.relation("alice", "t")->oid, second);
    EXPECT_FALSE(facts.relation("pg_temp_3", "t")->is_known());
}

TEST(BuildFacts, AlterRunsNeitherTriggersNorRules) {
    FakeCatalog catalog;
    const auto bad = catalog.plpgsql("bad", "BEGIN RESET ALL; END");
    catalog.trigger(catalog.relation("watched"), bad);
    catalog.tree(catalog.relation("ruled"), kRuleTree, "");
    const auto parent = catalog.relation("parent", "p");
    const auto checked = catalog.relation("checked");
    catalog.link(parent, checked);
    catalog.use(checked, bad);
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_TRUE(facts.relation("", "watched")->rewrites_harmless);
    EXPECT_TRUE(facts.relation("", "ruled")->rewrites_harmless);
    EXPECT_FALSE(facts.relation("", "checked")->rewrites_harmless);
    EXPECT_FALSE(facts.relation("", "parent")->rewrites_harmless) << "it alters its partitions too";
}

TEST(BuildFacts, Types) {
    FakeCatalog catalog;
    catalog.type("public", "mood", true);
    catalog.type("app", "status", true);
    catalog.type("public", "status", false);
    const sql::CatalogFacts facts = catalog.facts();
    EXPECT_TRUE(facts.type("", "mood")->harmless);
    EXPECT_TRUE(facts.type("app", "status")->harmless);
    EXPECT_FALSE(facts.type("", "status")->harmless);
}

// f() may write, though it is STABLE or IMMUTABLE.
bool may_write(const FakeCatalog& catalog, std::string_view name = "f") {
    const sql::CatalogFacts facts = catalog.facts(FactsFor::Replication);
    EXPECT_EQ(facts.function("", name)->may_write, catalog.facts().function("", name)->may_write);
    return facts.function("", name)->may_write;
}

TEST(BuildFacts, WhatCallsAWriterMayWrite) {
    FakeCatalog catalog;
    catalog.plpgsql("f", "BEGIN RETURN g(lower('x')); END", "public", "s");
    catalog.plpgsql("g", "BEGIN RETURN lower(x); END", "public", "i");
    EXPECT_FALSE(may_write(catalog));
    catalog.plpgsql("g", "BEGIN RETURN w(x); END", "public", "i");
    EXPECT_FALSE(may_write(catalog)) << "nobody has that name";
    catalog.plpgsql("w", "BEGIN RETURN 1; END");
    EXPECT_TRUE(may_write(catalog));
    EXPECT_TRUE(may_write(catalog, "g"));
    EXPECT_FALSE(may_write(catalog, "w")) << "its declaration says so";
}

TEST(BuildFacts, SequencesAreWritten) {
    FakeCatalog catalog;
    catalog.builtin("nextval", "v");
    catalog.plpgsql("f", "BEGIN RETURN nextval('s'); END", "public", "s");
    catalog.plpgsql("g", "BEGIN RETURN random(); END", "public", "s");
    EXPECT_TRUE(may_write(catalog));
    EXPECT_FALSE(may_write(catalog, "g"));
}

TEST(BuildFacts, DynamicCodeMayWrite) {
    FakeCatalog catalog;
    catalog.plpgsql("f", "BEGIN EXECUTE 'x' INTO y; RETURN y; END", "public", "s");
    EXPECT_TRUE(may_write(catalog));
    catalog.plpgsql("g", "BEGIN RETURN (SELECT temp FROM weather); END", "public", "s");
    EXPECT_FALSE(may_write(catalog, "g")) << "a word that only sessions care about";
    catalog.plpgsql("h", "BEGIN RETURN (SELECT w(temp) FROM weather); END", "public", "s");
    catalog.plpgsql("w", "BEGIN RETURN 1; END");
    EXPECT_TRUE(may_write(catalog, "h")) << "what follows such a word is read";
}

TEST(BuildFacts, DeclarationsAreTrustedWhereNothingElseIsKnown) {
    FakeCatalog catalog;
    catalog.c_function("f", "s");
    catalog.c_function("g", "i");
    catalog.other_language("h", "s");
    catalog.other_language("k", "i");
    EXPECT_FALSE(may_write(catalog, "f"));
    EXPECT_FALSE(may_write(catalog, "g"));
    EXPECT_TRUE(may_write(catalog, "h"));
    EXPECT_FALSE(may_write(catalog, "k"));
}

TEST(BuildFacts, AViewMayWriteByAStableFunction) {
    FakeCatalog catalog;
    const auto stable = catalog.plpgsql("f", "BEGIN RETURN w(); END", "public", "s");
    catalog.plpgsql("w", "BEGIN RETURN 1; END", "public", "s");
    const auto view = catalog.relation("v", "v");
    catalog.tree(view, kViewTree, calls(stable));
    EXPECT_FALSE(catalog.facts().relation("", "v")->reads_volatile);
    catalog.plpgsql("w", "BEGIN RETURN 1; END");
    EXPECT_TRUE(catalog.facts().relation("", "v")->reads_volatile);
}

TEST(BuildFacts, TextThatBecomesADateIsNotImmutable) {
    struct Case {
        const char* source;
        const char* types;
        bool takes_text;
        Volatility volatility;
    };
    for (const Case& one : {
             Case{"BEGIN RETURN ($1::timestamptz)::text; END", "text", true, Volatility::Stable},
             Case{"DECLARE t pg_catalog.\"date\" := $1; BEGIN RETURN t; END", "text", true,
                  Volatility::Stable},
             Case{"BEGIN RETURN $1; END", "text timestamptz", true, Volatility::Stable},
             Case{"BEGIN RETURN $1; END", "text regclass", true, Volatility::Stable},
             Case{"BEGIN RETURN 'latest'::regclass::oid; END", "oid", false, Volatility::Stable},
             Case{"BEGIN RETURN $1::date; END", "timestamp date", false, Volatility::Immutable},
             Case{"BEGIN RETURN $1; END", "timestamptz", false, Volatility::Immutable},
             Case{"BEGIN RETURN $1::int; END", "text int4", true, Volatility::Immutable},
         }) {
        FakeCatalog catalog;
        catalog.immutable("f", one.source, one.types, one.takes_text);
        const auto facts = catalog.facts(FactsFor::Replication);
        EXPECT_EQ(facts.function("", "f")->volatility, one.volatility) << one.source << " of " << one.types;
        EXPECT_EQ(catalog.facts().function("", "f")->volatility, Volatility::Immutable);
    }
}

TEST(BuildFacts, ImmutableIsWhatReadsNothing) {
    FakeCatalog catalog;
    catalog.relation("t");
    catalog.plpgsql("pure", "BEGIN RETURN lower(x); END", "public", "i");
    catalog.plpgsql("dice", "BEGIN RETURN random(); END", "public", "i");
    catalog.plpgsql("reads", "BEGIN RETURN (SELECT a FROM t); END", "public", "i");
    catalog.plpgsql("asks", "BEGIN RETURN current_date; END", "public", "i");
    catalog.plpgsql("says", "BEGIN RETURN timestamp 'now'; END", "public", "i");
    const sql::CatalogFacts facts = catalog.facts(FactsFor::Replication);
    EXPECT_EQ(facts.function("", "pure")->volatility, Volatility::Immutable);
    for (const char* name : {"dice", "reads", "asks", "says"}) {
        EXPECT_EQ(facts.function("", name)->volatility, Volatility::Stable) << name;
        EXPECT_EQ(catalog.facts().function("", name)->volatility, Volatility::Immutable) << name;
    }
}

// hash_array() calls hashenum() for enums, which hashes what each node has numbered for itself.
TEST(BuildFacts, HashesOfNumbersAreNotImmutable) {
    FakeCatalog catalog;
    catalog.next_oid(3515);
    const auto hash = catalog.builtin("hashenum", "i");
    catalog.next_oid(16384);
    catalog.plpgsql("f", "BEGIN RETURN g(x); END", "public", "i");
    catalog.plpgsql("g", "BEGIN RETURN hash_array(x); END", "public", "i");
    catalog.builtin("hash_array", "i");
    const auto table = catalog.relation("t");
    catalog.table(table, "t");
    catalog.column(table, "a", true, calls(hash));
    const auto checked = catalog.relation("checked");
    catalog.table(checked, "checked");
    catalog.check(checked, "c", calls(hash));
    const auto parts = catalog.relation("parts");
    catalog.table(parts, "parts");
    catalog.check(parts, {}, calls(hash));
    const sql::CatalogFacts facts = catalog.facts(FactsFor::Replication);
    EXPECT_EQ(facts.function("", "f")->volatility, Volatility::Stable);
    EXPECT_NE(facts.relation("", "t")->write->obstacle, "");
    EXPECT_NE(facts.relation("", "checked")->write->obstacle, "");
    EXPECT_EQ(facts.relation("", "parts")->write->obstacle,
              "the partition key of table \"parts\" is not immutable");
}

// They read any view, by what is declared STABLE.
TEST(BuildFacts, WhatMakesXmlOfTablesMayWrite) {
    FakeCatalog catalog;
    const auto xml = catalog.builtin("table_to_xml", "s");
    catalog.plpgsql("f", "BEGIN RETURN table_to_xml('v', true, true, ''); END", "public", "s");
    EXPECT_TRUE(may_write(catalog));
    const auto view = catalog.relation("v", "v");
    catalog.tree(view, kViewTree, calls(xml));
    EXPECT_TRUE(catalog.facts().relation("", "v")->reads_volatile);
}

TEST(BuildFacts, DefaultsAndGeneratedColumnsWriteByStableFunctions) {
    FakeCatalog catalog;
    const auto writer = catalog.plpgsql("f", "BEGIN RETURN w(); END", "public", "s");
    catalog.plpgsql("w", "BEGIN RETURN 1; END");
    const auto plain = catalog.relation("plain");
    catalog.table(plain, "plain");
    catalog.column(plain, "a", false, calls(writer));
    const auto generated = catalog.relation("generated");
    catalog.table(generated, "generated");
    catalog.column(generated, "a", true, calls(writer));
    const sql::CatalogFacts facts = catalog.facts(FactsFor::Replication);
    EXPECT_EQ(facts.relation("", "plain")->write->column("a")->filled, sql::Default::MayWrite);
    EXPECT_EQ(facts.relation("", "plain")->write->obstacle, "");
    EXPECT_EQ(facts.relation("", "generated")->write->obstacle,
              "column \"a\" of table \"generated\" is generated by what is not immutable");
}

TEST(BuildFacts, NumbersOfCatalogRowsAreEachNodesOwn) {
    FakeCatalog catalog;
    const auto named = catalog.relation("named");
    catalog.table(named, "named");
    catalog.column(named, "r", false, "{CONST :consttype 2205 :consttypmod -1 :constvalue 4}");
    catalog.column(named, "n", false, "{CONST :consttype 20 :consttypmod -1 :constvalue 8}");
    const auto generated = catalog.relation("generated");
    catalog.table(generated, "generated");
    catalog.column(generated, "n", true, "{RELABELTYPE :arg {VAR :varno 1 :vartype 2205 :vartypmod -1}}");
    const sql::CatalogFacts facts = catalog.facts(FactsFor::Replication);
    const auto& write = facts.relation("", "named")->write;
    EXPECT_EQ(write->column("r")->filled, sql::Default::NotDeterministic);
    EXPECT_EQ(write->column("n")->filled, sql::Default::Deterministic);
    EXPECT_EQ(facts.relation("", "generated")->write->obstacle,
              "column \"n\" of table \"generated\" is generated by what is not immutable");
}

TEST(BuildFacts, UnloggedTablesCannotBeWritten) {
    FakeCatalog catalog;
    const auto unlogged = catalog.relation("u", "r", "u");
    catalog.table(unlogged, "u");
    EXPECT_EQ(catalog.facts(FactsFor::Replication).relation("", "u")->write->obstacle,
              "table \"u\" is unlogged: a crash of one node empties it there");
}

TEST(BuildFacts, CopesWithManyObjects) {
    FakeCatalog catalog;
    for (int i = 0; i < 20'000; ++i) {
        const std::string name = "f" + std::to_string(i);
        const std::string body = "BEGIN IF a > 1 THEN RETURN f" + std::to_string(i + 1) +
                                 "(a - 1); END IF; SELECT lower(x) INTO y FROM r" + std::to_string(i) +
                                 "; END";
        catalog.plpgsql(name.c_str(), body.c_str());
    }
    catalog.plpgsql("f20000", "BEGIN RESET ALL; END");
    for (int i = 0; i < 50'000; ++i) catalog.relation(("r" + std::to_string(i)).c_str());
    const TimePoint start = SteadyClock::now();
    const sql::CatalogFacts facts = catalog.facts();
    const auto took = SteadyClock::now() - start;
    EXPECT_FALSE(facts.function("", "f0")->harmless) << "the end of the chain is bad";
    EXPECT_EQ(facts.relations.size(), 100'000U);
    std::printf("[ measured ] build_facts: %lld ms\n",
                static_cast<long long>(std::chrono::duration_cast<milliseconds>(took).count()));
    EXPECT_LT(took, seconds(10)) << "quadratic somewhere";
}

sql::Default filled(const sql::CatalogFacts& facts, const char* table) {
    return facts.relation("", table)->write->columns.at(0).filled;
}

TEST(ChangedFacts, BuiltInFunctionsAreThoseOfWhatWasCommitted) {
    FakeCatalog before;
    before.next_oid(100);
    const auto clock = before.builtin("clock", "v");
    const auto lower = before.builtin("upper", "i");
    before.next_oid(16384);
    before.plpgsql("gone", "BEGIN RETURN 1; END");
    sql::CatalogFacts committed = before.facts(FactsFor::Replication);
    FakeCatalog now;
    now.next_oid(20000);
    now.defaulted("t", "at", calls(clock));
    now.defaulted("u", "at", calls(lower));
    EXPECT_EQ(build_changed_facts(now.rows(), committed, {}), nullptr);
    committed.builtin_functions = builtin_functions(before.functions());
    const auto facts = build_changed_facts(now.rows(), committed, {});
    ASSERT_NE(facts, nullptr);
    EXPECT_EQ(filled(*facts, "t"), sql::Default::NotDeterministic);
    EXPECT_EQ(filled(*facts, "u"), sql::Default::Deterministic);
    EXPECT_TRUE(facts->function("", "clock")->builtin);
    EXPECT_EQ(facts->function("", "gone"), nullptr);
}

TEST(ChangedFacts, ABuiltInFunctionThatWasChangedIsNoBetterThanBefore) {
    FakeCatalog before;
    before.next_oid(100);
    const auto upper = before.builtin("upper", "i");
    const auto clock = before.builtin("clock", "v");
    sql::CatalogFacts committed = before.facts(FactsFor::Replication);
    committed.builtin_functions = builtin_functions(before.functions());
    FakeCatalog now;
    now.next_oid(100);
    now.builtin("upper", "v");
    now.builtin("clock", "i");
    now.next_oid(20000);
    now.defaulted("t", "a", calls(upper));
    now.defaulted("u", "a", calls(clock));
    const auto facts = build_changed_facts(now.rows(), committed, {});
    EXPECT_EQ(filled(*facts, "t"), sql::Default::NotDeterministic);
    EXPECT_EQ(filled(*facts, "u"), sql::Default::NotDeterministic);
}

TEST(BuildFacts, ADefaultByAFunctionThatIsNotInTheListMayWrite) {
    FakeCatalog catalog;
    const auto known = catalog.plpgsql("known", "BEGIN RETURN 1; END", "public", "i");
    catalog.defaulted("t", "a", calls(known));
    catalog.defaulted("u", "a", calls(60000));
    const sql::CatalogFacts facts = catalog.facts(FactsFor::Replication);
    EXPECT_EQ(filled(facts, "t"), sql::Default::Deterministic);
    EXPECT_EQ(filled(facts, "u"), sql::Default::MayWrite);
}

TEST(ChangedFacts, HowRelationsThatWereNotReadWholeAreWrittenIsNotKnown) {
    FakeCatalog catalog;
    catalog.defaulted("t", "a", "");
    catalog.defaulted("u", "a", "");
    sql::CatalogFacts committed;
    committed.builtin_functions = builtin_functions(catalog.functions());
    const auto facts = build_changed_facts(catalog.rows(), committed, {"t"});
    EXPECT_NE(facts->relation("public", "t")->write, nullptr);
    EXPECT_EQ(facts->relation("", "u")->write, nullptr);
    EXPECT_EQ(facts->relation("public", "u")->write, nullptr);
}

TEST(CatalogQueries, WhatHasChangedIsAskedForInTheSameWay) {
    for (std::size_t i = 0; i < kCatalogQueries; ++i) {
        const auto query = static_cast<CatalogQuery>(i);
        EXPECT_EQ(changed_query(query, {}) == catalog_query(query), query != CatalogQuery::Functions);
        EXPECT_TRUE(changed_query(query, {}).starts_with(catalog_query(query)));
        EXPECT_EQ(changed_query(query, {}).find_first_of(";\\"), std::string::npos);
        const bool is_restricted = query == CatalogQuery::Columns || query == CatalogQuery::Keys;
        const std::string restricted = changed_query(query, {"it's", "t"});
        EXPECT_EQ(restricted != changed_query(query, {}), is_restricted);
        EXPECT_EQ(restricted.find("relname IN ('it''s', 't')") != std::string::npos, is_restricted);
    }
}

// --- triggers

constexpr unsigned kRow = 1;
constexpr unsigned kBefore = 2;
constexpr unsigned kOnInsert = 4;
constexpr unsigned kOnDelete = 8;
constexpr unsigned kOnUpdate = 16;
constexpr unsigned kOnTruncate = 32;

// A table with one trigger, and what is known of it.
class Triggered {
public:
    Triggered() : oid_(catalog.relation("t")) { catalog.table(oid_, "t"); }

    std::shared_ptr<const sql::WriteFacts> with(const char* body, unsigned type = kRow | kBefore | kOnUpdate,
                                                const char* enabled = "O", Cell when = {},
                                                bool sees_all = false) {
        catalog.event(oid_, "w", type, catalog.plpgsql("f", body), enabled, std::move(when), sees_all);
        return facts();
    }
    std::shared_ptr<const sql::WriteFacts> facts() {
        return catalog.facts(FactsFor::Replication).relation("", "t")->write;
    }
    [[nodiscard]] std::uint32_t oid() const { return oid_; }

    FakeCatalog catalog;

private:
    std::uint32_t oid_;
};

constexpr const char* kTrigger = "trigger \"w\" on table \"t\"";

TEST(BuildFacts, TriggersThatMayWriteAreAnObstacle) {
    for (const char* body :
         {"BEGIN INSERT INTO x VALUES (1); RETURN NEW; END", "BEGIN EXECUTE 'x'; RETURN NEW; END",
          "BEGIN CREATE TABLE x(); RETURN NEW; END",
          "BEGIN PERFORM set_config('a', 'b', true); RETURN NEW; END",
          "BEGIN COMMENT ON TABLE x IS 'y'; RETURN NEW; END", "BEGIN PERFORM writes(); RETURN NEW; END",
          "BEGIN PERFORM perl(); RETURN NEW; END", "BEGIN PERFORM makes(); RETURN NEW; END",
          "BEGIN NEW.a := nextval('s'); RETURN NEW; END"}) {
        Triggered t;
        t.catalog.builtin("nextval", "v");
        t.catalog.plpgsql("writes", "BEGIN DELETE FROM x; END");
        t.catalog.other_language("perl", "v");
        t.catalog.sql_function("makes", "SELECT 1 AS a INTO made");
        const auto facts = t.with(body);
        EXPECT_EQ(facts->update_obstacle, std::string(kTrigger) + ", which may write") << body;
        EXPECT_EQ(facts->insert_obstacle, "") << body;
        EXPECT_FALSE(facts->on_update.is_before) << body;
    }
}

TEST(BuildFacts, TriggersThatWriteNothingAreKnownByWhatTheyDo) {
    Triggered pure;
    pure.catalog.plpgsql("helps", "BEGIN RETURN lower(x); END");
    const auto facts = pure.with(
        "BEGIN IF NEW.a IS DISTINCT FROM OLD.a THEN NEW.a := helps(NEW.b); END IF; RETURN NEW; END");
    EXPECT_EQ(facts->update_obstacle, "");
    EXPECT_TRUE(facts->on_update.is_before);
    EXPECT_EQ(facts->on_update.looks_before, "");
    EXPECT_EQ(facts->on_update.assigned, std::vector<std::string>{"a"});
    EXPECT_FALSE(facts->on_insert.is_before);
    for (const char* body :
         {"BEGIN NEW.a := now(); RETURN NEW; END", "BEGIN NEW.a := random(); RETURN NEW; END",
          "BEGIN NEW.a := (SELECT a FROM other); RETURN NEW; END",
          "BEGIN NEW.a := CURRENT_USER; RETURN NEW; END", "BEGIN NEW.a := TG_RELID; RETURN NEW; END",
          "BEGIN NEW.a := 'now'; RETURN NEW; END",
          "BEGIN IF NEW.ctid = '(0,1)' THEN RETURN NULL; END IF; RETURN NEW; END",
          "BEGIN NEW.a := (SELECT a FROM a_temporary_table); RETURN NEW; END",
          "BEGIN NEW.a := (SELECT oid FROM pg_class WHERE relname = 't'); RETURN NEW; END",
          "BEGIN NEW.a := NEW.b IN (TABLE stage); RETURN NEW; END",
          "BEGIN NEW.a := 't'::regclass; RETURN NEW; END", "BEGIN NEW.a := NEW.b::date; RETURN NEW; END",
          "BEGIN NEW.at := NEW.b; RETURN NEW; END"}) {
        Triggered t;
        t.catalog.relation("other");
        t.catalog.date_column(t.oid(), "at");
        EXPECT_EQ(t.with(body)->on_update.looks_before, kTrigger) << body;
    }
}

TEST(BuildFacts, OtherTriggersChangeNothing) {
    constexpr const char* kBody = "BEGIN PERFORM now(); RETURN NULL; END";
    for (const unsigned type : {kRow | kOnInsert, kOnInsert, kBefore | kOnInsert}) {
        Triggered t;
        const auto facts = t.with(kBody, type);
        EXPECT_FALSE(facts->on_insert.is_before);
        EXPECT_EQ(facts->on_insert.looks, kTrigger);
        EXPECT_EQ(facts->on_insert.looks_before, "");
    }
    Triggered all;
    EXPECT_EQ(all.with("BEGIN RETURN NULL; END", kOnDelete, "O", {}, true)->on_delete.looks, kTrigger)
        << "it sees several rows together";
    Triggered truncates;
    EXPECT_EQ(truncates.with(kBody, kOnTruncate)->truncate_obstacle, "");
}

TEST(BuildFacts, ConditionsOfTriggersCount) {
    Triggered t;
    const std::uint32_t now = t.catalog.builtin("clock", "s");
    EXPECT_EQ(
        t.with("BEGIN RETURN NEW; END", kRow | kBefore | kOnUpdate, "O", calls(now))->on_update.looks_before,
        kTrigger);
    Triggered writes;
    const std::uint32_t writer = writes.catalog.plpgsql("g", "BEGIN DELETE FROM x; END");
    EXPECT_EQ(
        writes.with("BEGIN RETURN NEW; END", kRow | kBefore | kOnUpdate, "O", calls(writer))->update_obstacle,
        std::string(kTrigger) + ", which may write");
}

TEST(BuildFacts, TriggersThatFireInEveryMode) {
    Triggered always;
    EXPECT_EQ(always.with("BEGIN RETURN NEW; END", kRow | kBefore | kOnUpdate, "A")->on_update.always,
              kTrigger);
    Triggered replica;
    const auto facts = replica.with("BEGIN DELETE FROM x; RETURN NEW; END", kRow | kBefore | kOnUpdate, "R");
    EXPECT_EQ(facts->on_update.always, kTrigger);
    EXPECT_EQ(facts->update_obstacle, "");
    EXPECT_FALSE(facts->on_update.is_before);
}

TEST(BuildFacts, CodeThatRunsWhereTriggersAreQuietMustNotWrite) {
    Triggered index;
    const auto writer = index.catalog.plpgsql("g", "BEGIN DELETE FROM x; RETURN 1; END", "public", "i");
    EXPECT_EQ(index.with("BEGIN RETURN NEW; END")->quiet_obstacle, "");
    index.catalog.use(index.oid(), writer);
    EXPECT_EQ(index.facts()->quiet_obstacle, "function g() may write");
    Triggered perl;
    perl.catalog.unnamed(kConversion, "", perl.catalog.other_language("p", "i"));
    EXPECT_EQ(perl.with("BEGIN RETURN NEW; END")->quiet_obstacle, "function p() may write");
}

TEST(BuildFacts, TriggersInC) {
    Triggered known;
    known.catalog.event(known.oid(), "w", kRow | kBefore | kOnInsert,
                        known.catalog.builtin_in_c("tsvector_update_trigger"), "O", {}, false, "words");
    EXPECT_EQ(known.facts()->on_insert.assigned, std::vector<std::string>{"words"});
    EXPECT_EQ(known.facts()->on_insert.assigns_any, "");
    Triggered odd;
    odd.catalog.event(odd.oid(), "w", kRow | kBefore | kOnInsert,
                      odd.catalog.builtin_in_c("tsvector_update_trigger"), "O", {}, false, "w\\303\\266rter");
    EXPECT_EQ(odd.facts()->on_insert.assigns_any, kTrigger);
    Triggered other;
    other.catalog.event(other.oid(), "w", kRow | kBefore | kOnInsert,
                        other.catalog.c_function("autoinc", "v"));
    EXPECT_EQ(other.facts()->insert_obstacle, std::string(kTrigger) + ", which may write");
}

TEST(BuildFacts, ForeignKeysThatAct) {
    FakeCatalog catalog;
    const auto parents = catalog.relation("parents");
    catalog.table(parents, "parents");
    const auto kids = catalog.relation("kids");
    catalog.table(kids, "kids");
    catalog.column(kids, "parent", false, "");
    catalog.foreign_key("fk", parents, "id", kids, "cc", "parent");
    catalog.event(kids, "w", kRow | kBefore | kOnDelete,
                  catalog.plpgsql("f", "BEGIN PERFORM now(); RETURN OLD; END"));
    const sql::CatalogFacts facts = catalog.facts(FactsFor::Replication);
    const auto of_parents = facts.relation("", "parents")->write;
    EXPECT_EQ(of_parents->delete_action, "foreign key \"fk\"");
    EXPECT_EQ(of_parents->delete_obstacle, "trigger \"w\" on table \"kids\" (by foreign key \"fk\")");
    ASSERT_EQ(of_parents->followed.size(), 1U);
    EXPECT_EQ(of_parents->followed[0].name, "foreign key \"fk\"");
    EXPECT_EQ(of_parents->followed[0].obstacle, "");
    const auto of_kids = facts.relation("", "kids")->write;
    ASSERT_EQ(of_kids->held.size(), 1U);
    EXPECT_EQ(of_kids->held[0],
              (sql::HeldKey{{"parent"}, "public.parents", {"id"}, "a column of foreign key \"fk\""}))
        << "its type is not known";
}

}  // namespace
}  // namespace pgpool::health
