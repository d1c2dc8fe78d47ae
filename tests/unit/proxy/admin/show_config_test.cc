// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/show_config.h"

#include <gtest/gtest.h>

#include "tests/unit/proxy/admin/fixture.h"

namespace pgpool::admin {
namespace {

config::Config sample() {
    config::Config config;
    config.nodes = {{.name = "n1", .host = "db1"}};
    config.pool.size = 33;
    config.health.password = "hush";
    return config;
}

std::string value_of(const exec::OwnResult& result, std::string_view key, std::string_view column) {
    for (std::size_t row = 0; row < result.rows.size(); ++row) {
        if (cell(result, row, "key") == key) return cell(result, row, column);
    }
    return "no such key";
}

TEST(ShowConfig, TellsDefaultAndReloadClass) {
    const auto result = console_config(sample());
    EXPECT_EQ(value_of(result, "pool.size", "value"), "33");
    EXPECT_EQ(value_of(result, "pool.size", "default"), "20");
    EXPECT_EQ(value_of(result, "pool.size", "changeable"), "yes");
    EXPECT_EQ(value_of(result, "listen.port", "changeable"), "no");
    EXPECT_EQ(value_of(result, "nodes[0].host", "value"), "db1");
    EXPECT_EQ(value_of(result, "nodes[0].host", "default"), "NULL");
}

TEST(ShowConfig, SecretsAreMasked) {
    EXPECT_EQ(value_of(console_config(sample()), "health.password", "value").find("hush"), std::string::npos);
    const auto one = parameter(sample(), "health.password");
    ASSERT_TRUE(one);
    EXPECT_EQ(exec::to_text(one->rows[0][0]).find("hush"), std::string::npos);
}

TEST(ShowConfig, OneParameterIsAColumnOfItsName) {
    const auto result = parameter(sample(), "pool.size");
    ASSERT_TRUE(result);
    EXPECT_EQ(cell(*result, 0, "pool.size"), "33");
    const auto host = parameter(sample(), "nodes[0].host");
    ASSERT_TRUE(host);
    EXPECT_EQ(cell(*host, 0, "host"), "db1");
}

TEST(ShowConfig, AnUnknownOneSuggestsTheNearest) {
    const auto result = parameter(sample(), "pool.sise");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().sqlstate, sqlstate::kUndefinedObject);
    EXPECT_NE(result.error().message.find("\"pool.size\""), std::string::npos);
}

}  // namespace
}  // namespace pgpool::admin
