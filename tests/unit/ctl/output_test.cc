// SPDX-License-Identifier: PostgreSQL
#include "ctl/output.h"

#include <gtest/gtest.h>

namespace pgpool::ctl {
namespace {

pg::Rows rows() {
    return {
        {{"name", 25}, {"port", 23}, {"weight", 701}, {"up", 16}},
        {"n1", "5432", "0.5", "t", "näme", "54", "NaN", "f", std::nullopt, std::nullopt, "1", std::nullopt}};
}

TEST(Output, TableIsAligned) {
    EXPECT_EQ(render(table_of(rows())),
              "name  port  weight  up\n"
              "n1    5432     0.5  t\n"
              "näme    54     NaN  f\n"
              "-        -       1  -\n");
}

TEST(Output, ControlCharactersDoNotReachTheTerminal) {
    EXPECT_EQ(render(Table{{{"a"}}, {{"x\n\x1b[2J\x7f"}}}), "a\nx??[2J?\n");
}

TEST(Output, TableWithoutRowsHasItsHeader) {
    EXPECT_EQ(render(Table{{{"a"}, {"b"}}, {}}), "a  b\n");
}

TEST(Output, JsonHasTheTypesOfTheColumns) {
    EXPECT_EQ(
        json_of(rows()).dump(),
        R"([{"name":"n1","port":5432,"weight":0.5,"up":true},{"name":"näme","port":54,"weight":"NaN","up":false},)"
        R"({"name":null,"port":null,"weight":1.0,"up":null}])");
}

TEST(Output, NumbersThatAreNoneStayText) {
    EXPECT_EQ(json_of(pg::Rows({{"n", 20}}, {"12x"})).dump(), R"([{"n":"12x"}])");
}

TEST(Output, BytesThatAreNotUtf8AreReplaced) {
    EXPECT_EQ(render(Json("\xff")), "\"\uFFFD\"\n");
}

}  // namespace
}  // namespace pgpool::ctl
