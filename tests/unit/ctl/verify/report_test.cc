// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/report.h"

#include <gtest/gtest.h>

namespace pgpool::ctl::verify {
namespace {

Report report() {
    Report made;
    made.nodes = {"n1", "n2"};
    made.databases = {"app"};
    made.tables = 3;
    made.rows = 70;
    return made;
}

TEST(Report, Equal) {
    EXPECT_EQ(to_text(report()), "n1, n2 are equal: 1 databases, 3 tables, 70 rows\n");
    EXPECT_EQ(to_json(report())["equal"], true);
}

TEST(Report, Differences) {
    Report found = report();
    found.differences = {{"app", "row", "public.t", "id=1", "n2", "missing"},
                         {"app", "index", "public.i", "", "n2", "extra"},
                         {"", "role", "bob", "", "n2", "other definition"}};
    found.notes = {"app: s.t: left out"};
    EXPECT_EQ(to_text(found),
              "differs: app: public.t: id=1: missing on n2\n"
              "differs: app: index public.i: extra on n2\n"
              "differs: role bob: other definition on n2\n"
              "note: app: s.t: left out\n"
              "n1, n2 differ, 3 findings: 1 databases, 3 tables, 70 rows\n");
    const Json document = to_json(found);
    EXPECT_EQ(document["equal"], false);
    EXPECT_EQ(document["differences"][2]["database"], nullptr);
    EXPECT_EQ(document["differences"][1]["key"], nullptr);
}

TEST(Report, WhatWasNotComparedToItsEndIsNotEqual) {
    Report found = report();
    found.is_complete = false;
    EXPECT_EQ(to_text(found),
              "n1, n2: not compared to the end, no finding so far: 1 databases, 3 tables, 70 rows\n");
    EXPECT_EQ(to_json(found)["equal"], false);
}

TEST(Report, KeysDoNotMoveTheCursor) {
    Report found = report();
    found.differences = {{"app", "row", "public.t", "id=\x1b[2J\n", "n2", "extra"}};
    EXPECT_EQ(to_text(found).substr(0, 50), "differs: app: public.t: id=?[2J?: extra on n2\nn1, ");
}

}  // namespace
}  // namespace pgpool::ctl::verify
