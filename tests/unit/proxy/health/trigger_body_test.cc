// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/trigger_body.h"

#include <gtest/gtest.h>

#include <string>

namespace pgpool::health {
namespace {

struct Case {
    const char* body;
    RowChanges changes;
};

constexpr bool kAny = true;

class TriggerBodies : public testing::TestWithParam<Case> {};

TEST_P(TriggerBodies, ChangeColumnsOfTheirRow) {
    const std::string source = std::string("DECLARE r record; BEGIN ") + GetParam().body + " END";
    const RowChanges changes = read_row_changes(source);
    EXPECT_EQ(changes.any, GetParam().changes.any) << source;
    EXPECT_EQ(changes.columns, GetParam().changes.columns) << source;
}

INSTANTIATE_TEST_SUITE_P(
    Table, TriggerBodies,
    testing::Values(
        Case{"RETURN NEW;", {}}, Case{"RETURN OLD;", {}}, Case{"RETURN NULL;", {}},
        Case{"new.a := 1; RETURN new;", {false, {"a"}}},
        Case{"NEW.A = 1; NEW.a := 2; RETURN NEW;", {false, {"a"}}},
        Case{"NEW.\"A b\" := 1; RETURN NEW;", {false, {"A b"}}},
        Case{"\"new\".a := 1; RETURN NEW;", {false, {"a"}}},
        Case{"IF NEW.a = 1 THEN NEW.b = 2; ELSE NEW.c = 3; END IF; RETURN NEW;", {false, {"b", "c"}}},
        Case{"LOOP NEW.b = 2; END LOOP; RETURN NEW;", {false, {"b"}}},
        Case{"<<x>> NEW.b = 2; RETURN NEW;", {false, {"b"}}}, Case{"OLD.a := 1; RETURN OLD;", {false, {"a"}}},
        Case{"NEW.a=-1; RETURN NEW;", {false, {"a"}}}, Case{"NEW.a[2] := 1; RETURN NEW;", {false, {"a"}}},
        Case{"NEW.a.x := 1; RETURN NEW;", {false, {"a"}}},
        Case{"SELECT 1, 2 INTO NEW.a, NEW.b; RETURN NEW;", {false, {"a", "b"}}},
        Case{"SELECT 1 INTO STRICT NEW.a; RETURN NEW;", {false, {"a"}}},
        Case{"FOR NEW.a IN SELECT 1 LOOP END LOOP; RETURN NEW;", {false, {"a"}}},
        Case{"FOREACH NEW.a IN ARRAY x LOOP END LOOP; RETURN NEW;", {false, {"a"}}},
        Case{"GET DIAGNOSTICS NEW.a = ROW_COUNT; RETURN NEW;", {false, {"a"}}},
        Case{"PERFORM f(1, NEW.a); RETURN NEW;", {false, {"a"}}},  // for all that is known
        Case{"x := NEW.a; PERFORM f(NEW.b) WHERE c = NEW.c; RETURN NEW;", {}},
        Case{"x := row_to_json(NEW); IF NEW IS DISTINCT FROM OLD THEN x := f(a, NEW); END IF; RETURN NEW;",
             {}},
        Case{"IF NEW.* IS DISTINCT FROM OLD.* THEN RETURN NEW; END IF; RETURN OLD;", {}},
        Case{"NEW := r; RETURN NEW;", {kAny, {}}}, Case{"NEW = r; RETURN NEW;", {kAny, {}}},
        Case{"SELECT * INTO NEW FROM t; RETURN NEW;", {kAny, {}}},
        Case{"FOR new IN SELECT 1 LOOP END LOOP; RETURN NEW;", {kAny, {}}}, Case{"RETURN r;", {kAny, {}}},
        Case{"RETURN coalesce(NEW, OLD);", {kAny, {}}}, Case{"RETURN NEW #= x;", {kAny, {}}},
        Case{"RETURN (NEW);", {kAny, {}}}, Case{"f.new.a := 1; RETURN NEW;", {kAny, {}}},
        Case{"U&\"ne\\0077\".a := 1; RETURN NEW;", {kAny, {}}}, Case{"x := 'never ends", {kAny, {}}},
        Case{"NEW.a := 1; RETURN r;", {kAny, {}}}));

TEST(RowChanges, AnAliasMayBeAnything) {
    EXPECT_TRUE(read_row_changes("DECLARE n ALIAS FOR NEW; BEGIN n.a := 1; RETURN NEW; END").any);
    EXPECT_TRUE(read_row_changes("DECLARE n ALIAS FOR \"new\"; BEGIN n.a := 1; RETURN NEW; END").any);
}

TEST(RowChanges, CommentsAndStringsSayNothing) {
    EXPECT_EQ(read_row_changes("BEGIN -- NEW.a := 1;\n x := ';NEW.b := 1'; /* RETURN r; */ RETURN NEW; END"),
              RowChanges{});
}

}  // namespace
}  // namespace pgpool::health
