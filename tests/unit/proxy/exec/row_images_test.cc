// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/row_images.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace pgpool::exec {
namespace {

using Row = std::vector<std::optional<std::string>>;

const std::string kCheck = "1/on/ISO, MDY/UTF8/UTF8";

std::string row(const Row& columns) {
    std::string body;
    append_be16(body, static_cast<std::uint16_t>(columns.size()));
    for (const auto& column : columns) {
        append_be32(body, column ? static_cast<std::uint32_t>(column->size()) : 0xFFFFFFFF);
        body += column.value_or("");
    }
    return body;
}

std::string bind_rest(std::initializer_list<std::uint16_t> result_formats) {
    std::string rest;
    append_be16(rest, 0);
    append_be16(rest, 0);
    append_be16(rest, static_cast<std::uint16_t>(result_formats.size()));
    for (const std::uint16_t format : result_formats) append_be16(rest, format);
    return rest;
}

RowImages images(bool client_returns, bool draws = false, bool falls = false, std::size_t columns = 0) {
    auto plan = std::make_shared<replication::ImagePlan>();
    plan->returned = {"t.id", "t.a"};
    plan->repeat = "UPDATE t SET a = $2 WHERE id = $1";
    plan->repeat_all = "UPDATE t SET a = v.c2 FROM v WHERE id = v.c1";
    plan->columns = columns;
    plan->tag = "UPDATE";
    plan->target = "t";
    plan->client_returns = client_returns;
    if (draws) plan->sequences = {{0, "id", falls}};
    return RowImages(plan);
}

TEST(RowImages, ClientSeesItsOwnColumnsOnly) {
    RowImages all = images(true);
    EXPECT_EQ(all.take_row(row({"x", std::nullopt, "1", "2", "1"})), row({"x", std::nullopt}));
    RowImages none = images(false);
    EXPECT_EQ(none.take_row(row({"1", "2", "1"})), std::nullopt);
}

TEST(RowImages, OneRowIsRepeatedByItself) {
    RowImages made = images(true);
    (void)made.take_row(row({"x", "3", std::nullopt, "1"}));
    PreparedRegistry registry{"_p_"};
    CopiedRequest request;
    made.add_to(request, registry, "", 4711);
    ASSERT_EQ(request.executions.size(), 1U);
    EXPECT_EQ(request.executions[0].values,
              std::string(2, '\0') + row({"3", std::nullopt}) + std::string(2, '\0'));
    StepOutcome outcome;
    made.add_to(outcome);
    EXPECT_EQ(outcome.text(), "UPDATE 1");
}

// An array as array_send() makes it.
std::string array(const Row& values) {
    std::string made;
    for (const std::uint32_t word : {1U, 1U, 25U, static_cast<std::uint32_t>(values.size()), 1U})
        append_be32(made, word);
    return made + row(values).substr(2);
}

TEST(RowImages, SeveralRowsAreRepeatedAtOnceInOrder) {
    RowImages made = images(true);
    (void)made.take_row(row({"x", "1", "2", "1"}));
    (void)made.take_row(row({"y", "3", std::nullopt, "1"}));
    EXPECT_TRUE(made.is_told_by("UPDATE 2"));
    EXPECT_FALSE(made.is_told_by("UPDATE 3"));
    PreparedRegistry registry{"_p_"};
    CopiedRequest request;
    made.add_to(request, registry, "", 4711);
    ASSERT_EQ(request.executions.size(), 1U);
    EXPECT_TRUE(request.executions[0].statement->sql_and_types.starts_with("UPDATE t SET a = v.c2 "));
    std::string expected;
    append_be16(expected, 1);
    append_be16(expected, 1);
    expected += row({array({"1", "3"}), array({"2", std::nullopt})}) + std::string(2, '\0');
    EXPECT_EQ(request.executions[0].values, expected);
    StepOutcome outcome;
    made.add_to(outcome);
    EXPECT_EQ(outcome.text(), "UPDATE 2");
}

TEST(RowImages, RowsOfTriggersAreRepeatedQuietly) {
    auto plan = std::make_shared<replication::ImagePlan>(images(false).plan());
    plan->is_quiet = true;
    plan->returned.emplace_back("t.parent");
    plan->extra = 1;
    plan->holds = {{{2}, "SELECT FROM parents"}};
    RowImages made{plan};
    (void)made.take_row(row({"1", "2", "7", "1"}));
    PreparedRegistry registry{"_p_"};
    CopiedRequest request;
    made.add_to(request, registry, "", 12345);
    ASSERT_EQ(request.executions.size(), 4U);
    EXPECT_EQ(request.executions[0].values, text_values({"12345", "t"}));
    EXPECT_EQ(request.executions[1].values, std::string(2, '\0') + row({"1", "2"}) + std::string(2, '\0'));
    EXPECT_EQ(request.executions[2].values, text_values({"12345", "f"}));
    std::string parents;
    append_be16(parents, 1);
    append_be16(parents, 1);
    EXPECT_EQ(request.executions[3].values, parents + row({array({"7"})}) + std::string(2, '\0'));
    StepOutcome outcome;
    made.add_to(outcome);
    EXPECT_EQ(outcome.text(), "SELECT 1; UPDATE 1; SELECT 1; SELECT 1");

    markers::Redo redo;
    add_to_redo(redo, request, markers::kAnyRows);
    ASSERT_EQ(redo.statements.size(), 2U);
    EXPECT_TRUE(redo.statements[0].is_quiet);
    EXPECT_FALSE(redo.statements[1].is_quiet);
    EXPECT_EQ(markers::encode(redo).find("12345"), std::string::npos) << "the token stays secret";
}

TEST(RowImages, SeveralRowsGoOneByOneWhereTheyMay) {
    auto plan = std::make_shared<replication::ImagePlan>(images(false).plan());
    plan->repeat_all.clear();
    const auto made_of = [](const replication::ImagePlanPtr& its, int rows) {
        RowImages made{its};
        for (int i = 0; i < rows; ++i) (void)made.take_row(row({std::to_string(i), "2", "1"}));
        return made;
    };
    PreparedRegistry registry{"_p_"};
    CopiedRequest request;
    made_of(plan, 2).add_to(request, registry, "", 4711);
    EXPECT_EQ(request.executions.size(), 2U);
    StepOutcome outcome;
    made_of(plan, 2).add_to(outcome);
    EXPECT_EQ(outcome.text(), "UPDATE 1; UPDATE 1");
    EXPECT_EQ(made_of(plan, 2).obstacle(), "");
    plan->one_by_one = "constraint c";
    EXPECT_EQ(made_of(plan, 1).obstacle(), "");
    EXPECT_NE(made_of(plan, 2).obstacle().find("though constraint c is"), std::string::npos);
}

TEST(RowImages, ValuesRestOnWhatMainTells) {
    const auto made_of = [](std::size_t columns, const std::string& check) {
        RowImages made = images(false, false, false, columns);
        for (const std::string& one : {check, kCheck + "/4"}) (void)made.take_row(row({"1", "2", one}));
        return made;
    };
    EXPECT_EQ(made_of(0, kCheck).misread(), "");
    EXPECT_FALSE(made_of(4, kCheck + "/4").has_other_columns());
    EXPECT_TRUE(made_of(4, kCheck + "/5").has_other_columns());
    EXPECT_FALSE(made_of(0, kCheck).has_other_columns());
    EXPECT_EQ(made_of(4, "0/on/ISO, MDY/UTF8/UTF8/4").misread(), "with extra_float_digits below 1");
    EXPECT_EQ(made_of(0, "1/off/ISO, MDY/UTF8/UTF8").misread(), "with array_nulls off");
    EXPECT_NE(made_of(0, "").misread(), "");
}

std::string position_of(bool falls, std::initializer_list<const char*> taken) {
    RowImages made = images(false, true, falls);
    for (const char* value : taken) (void)made.take_row(row({value, "2", "1"}));
    PreparedRegistry registry{"_p_"};
    CopiedRequest request;
    made.add_to(request, registry, "", 4711);
    EXPECT_EQ(request.executions.size(), 2U);
    return request.executions.back().values;
}

TEST(RowImages, SequenceFollowsToItsFurthestValue) {
    EXPECT_EQ(position_of(false, {"3", "5", "4"}), text_values({"4711", "t", "id", "5"}));
    EXPECT_EQ(position_of(true, {"-3", "-5", "-4"}), text_values({"4711", "t", "id", "-5"}));
}

TEST(RowImages, FormatsAreOnePerColumnOrOneForAll) {
    EXPECT_EQ(images(false).with_formats(bind_rest({1})), bind_rest({}));  // ours alone: text
    EXPECT_EQ(images(true).with_formats(bind_rest({1})), bind_rest({1}));
    EXPECT_EQ(images(true).with_formats(bind_rest({0, 1})), bind_rest({0, 1, 0, 0, 0}));
    EXPECT_TRUE(images(true).is_binary(bind_rest({1})));
    EXPECT_FALSE(images(true).is_binary(bind_rest({0, 1})));
    EXPECT_FALSE(images(false).is_binary(bind_rest({1})));
}

TEST(RowImages, TooManyAreNotKept) {
    RowImages made = images(false);
    const std::string large(RowImages::kMostBytes / 2, 'x');
    for (int i = 0; i < 3; ++i) (void)made.take_row(row({std::to_string(i), large, "1"}));
    EXPECT_FALSE(made.fits());
    EXPECT_EQ(made.obstacle(), "more rows than can travel");
    EXPECT_TRUE(made.is_told_by("UPDATE 3"));
}

TEST(RowImages, AnUnplannedSelectShowsItsRowsAsTheyAre) {
    auto plan = std::make_shared<replication::ImagePlan>();
    plan->moved = {"s"};
    plan->client_returns = true;
    RowImages made{plan};
    EXPECT_EQ(made.take_row(row({"7"})), row({"7"}));
    PreparedRegistry registry{"_p_"};
    CopiedRequest request;
    made.add_to(request, registry, "", 4711);
    EXPECT_TRUE(request.empty());
}

}  // namespace
}  // namespace pgpool::exec
