// SPDX-License-Identifier: PostgreSQL
#include "common/config/render.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/config/parser.h"

namespace pgpool::config {
namespace {

Config sample() {
    Config config;
    config.nodes = {{"n1", "10.0.0.1", 5432, 0.1}, {"n2", "fe80::1%eth0", 5433, 0}};
    config.listen.addresses = {"*", "::1"};
    config.health.password = "p: #\"\\'\n\t{}[]&*!|>%@`";
    config.auth.auth_password = "null";
    config.routing.write_functions = {"audit.note", "-", "~", "a,b", "\xc3\xa9"};
    config.routing.rules = {{"alice", "app", "x y", "standby"}};
    config.auth.access = {{{"a"}, {}, "::1/128", AuthMethod::Reject}};
    return config;
}

TEST(Render, YamlParsesToTheSameConfig) {
    const ParseOutcome outcome = parse(to_yaml(sample(), Secrets::Clear), "f");
    for (const ConfigError& error : outcome.errors) ADD_FAILURE() << to_string(error);
    ASSERT_TRUE(outcome.config.has_value());
    EXPECT_EQ(*outcome.config, sample());
}

// Every character that a text may hold, alone, first, last and between others.
TEST(Render, AnyTextSurvives) {
    std::vector<std::string> characters{"\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbf",
                                        "\xf4\x8f\xbf\xbf"};
    for (int c = 1; c < 128; ++c) characters.emplace_back(1, static_cast<char>(c));
    for (int c = 0x80; c < 0xC0; ++c) characters.push_back({'\xc2', static_cast<char>(c)});
    std::size_t accepted = 0;
    for (const std::string& character : characters) {
        for (const std::string& text :
             {character, character + "x", "x" + character, "x" + character + " y"}) {
            if (!read_scalar(secret(100), text)) continue;
            Config config = sample();
            config.health.password = text;
            config.admin.users = {text, text};
            const ParseOutcome outcome = parse(to_yaml(config, Secrets::Clear), "f");
            for (const ConfigError& error : outcome.errors) ADD_FAILURE() << to_string(error);
            ASSERT_TRUE(outcome.config.has_value()) << text;
            EXPECT_EQ(*outcome.config, config) << text;
            ++accepted;
        }
    }
    EXPECT_EQ(accepted, 4U * (95 + 2 + 32 + 5));
}

TEST(Render, SecretsAreMasked) {
    const std::string yaml = to_yaml(sample(), Secrets::Masked);
    EXPECT_NE(yaml.find("  password: \"***\"\n"), std::string::npos);
    EXPECT_NE(yaml.find("  auth_password: \"***\"\n"), std::string::npos);
}

TEST(Render, RowsOfShow) {
    const std::vector<Row> rows = rows_of(sample());
    const auto value = [&](std::string_view name) {
        const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.name == name; });
        return row == rows.end() ? "(no row)" : row->value;
    };
    EXPECT_EQ(rows.front().name, "mode");
    EXPECT_FALSE(rows.front().description.empty());
    EXPECT_EQ(value("listen.addresses"), "*, ::1");
    EXPECT_EQ(value("nodes[1].host"), "fe80::1%eth0");
    EXPECT_EQ(value("nodes[0].weight"), "0.1");
    EXPECT_EQ(value("pool.wait_timeout"), "30s");
    EXPECT_EQ(value("routing.max_lag_bytes"), "16MB");
    EXPECT_EQ(value("routing.rules[0].application_name"), "x y");
    EXPECT_EQ(value("auth.access[0].method"), "reject");
    EXPECT_EQ(value("health.password"), "***");
    EXPECT_EQ(value("auth.auth_password"), "***");
    EXPECT_EQ(rows.size(), parameters().size() + 2 * 4 + 4 + 4);
}

}  // namespace
}  // namespace pgpool::config
