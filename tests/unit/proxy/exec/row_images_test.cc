// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/row_images.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace pgpool::exec {
namespace {

using Row = std::vector<std::optional<std::string>>;

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

RowImages images(bool client_returns, bool draws = false) {
    auto plan = std::make_shared<replication::ImagePlan>();
    plan->returned = {"t.id", "t.a"};
    plan->repeat = "UPDATE t SET a = $2 WHERE id = $1";
    plan->tag = "UPDATE 1";
    plan->target = "t";
    plan->client_returns = client_returns;
    if (draws) plan->sequences = {{0, "id"}};
    return RowImages(plan);
}

TEST(RowImages, ClientSeesItsOwnColumnsOnly) {
    RowImages all = images(true);
    EXPECT_EQ(all.take_row(row({"x", std::nullopt, "1", "2"})), row({"x", std::nullopt}));
    RowImages none = images(false);
    EXPECT_EQ(none.take_row(row({"1", "2"})), std::nullopt);
}

TEST(RowImages, EachRowIsRepeatedInOrder) {
    RowImages made = images(true);
    (void)made.take_row(row({"x", "1", "2"}));
    (void)made.take_row(row({"y", "3", std::nullopt}));
    EXPECT_TRUE(made.is_told_by("UPDATE 2"));
    EXPECT_FALSE(made.is_told_by("UPDATE 3"));
    PreparedRegistry registry{"_p_"};
    CopiedRequest request;
    made.add_to(request, registry, "");
    ASSERT_EQ(request.executions.size(), 2U);
    EXPECT_NE(request.executions[1].values.find(row({"3", std::nullopt}).substr(2)), std::string::npos);
    StepOutcome outcome;
    made.add_to(outcome);
    EXPECT_EQ(outcome.text(), "UPDATE 1; UPDATE 1");
}

TEST(RowImages, SequenceFollowsToItsLastValue) {
    RowImages made = images(false, true);
    (void)made.take_row(row({"-3", "2"}));
    (void)made.take_row(row({"-4", "2"}));
    PreparedRegistry registry{"_p_"};
    CopiedRequest request;
    made.add_to(request, registry, "");
    ASSERT_EQ(request.executions.size(), 3U);
    EXPECT_EQ(request.executions[2].values, text_values({"t", "id", "-4"}));
}

TEST(RowImages, FormatsAreOnePerColumnOrOneForAll) {
    EXPECT_EQ(images(false).with_formats(bind_rest({1})), bind_rest({}));  // ours alone: text
    EXPECT_EQ(images(true).with_formats(bind_rest({1})), bind_rest({1}));
    EXPECT_EQ(images(true).with_formats(bind_rest({0, 1})), bind_rest({0, 1, 0, 0}));
}

TEST(RowImages, TooManyAreNotKept) {
    RowImages made = images(false);
    const std::string large(RowImages::kMostBytes / 2, 'x');
    for (int i = 0; i < 3; ++i) (void)made.take_row(row({std::to_string(i), large}));
    EXPECT_FALSE(made.fits());
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
    made.add_to(request, registry, "");
    EXPECT_TRUE(request.empty());
}

}  // namespace
}  // namespace pgpool::exec
