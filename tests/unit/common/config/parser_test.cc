// SPDX-License-Identifier: PostgreSQL
#include "common/config/parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pgpool::config {
namespace {

using namespace std::chrono_literals;

Config parse_or_fail(std::string_view text) {
    const ParseOutcome outcome = parse(text, "f");
    for (const ConfigError& error : outcome.errors) ADD_FAILURE() << to_string(error);
    return outcome.config.value_or(Config{});
}

TEST(Parser, EveryKindOfParameter) {
    const Config config = parse_or_fail(R"(
mode: streaming
workers: 4
listen:
  addresses: ["*"]
  port: 5433
  unix_socket_directory: /run/pgpool
nodes:
  - name: n1
    host: 10.0.0.1
    weight: 0.5
  - {name: n2, host: /run/postgresql, port: 5434}
pool:
  mode: transaction
  wait_timeout: 1min
routing:
  read_write_split: off
  max_lag_bytes: 64kB
  rules:
    - user: alice
      target: n2
auth:
  auth_query: |
    SELECT name,
      verifier FROM users WHERE name = $1
  auth_user: pooler
  access:
    - address: local
      method: trust
    - users: [alice, bob]
      databases: app
      address: 10.0.0.0/8
admin:
  users: []
log: {level: debug}
)");
    EXPECT_EQ(config.mode, ClusterMode::Streaming);
    EXPECT_EQ(config.workers, 4U);
    EXPECT_EQ(config.listen.addresses, std::vector<std::string>{"*"});
    EXPECT_EQ(config.listen.port, 5433);
    EXPECT_EQ(config.listen.unix_socket_directory, "/run/pgpool");
    EXPECT_EQ(config.nodes,
              (std::vector<Node>{{"n1", "10.0.0.1", 5432, 0.5}, {"n2", "/run/postgresql", 5434, 1.0}}));
    EXPECT_EQ(config.pool.mode, PoolMode::Transaction);
    EXPECT_EQ(config.pool.size, 20U);
    EXPECT_EQ(config.pool.wait_timeout, 1min);
    EXPECT_FALSE(config.routing.read_write_split);
    EXPECT_EQ(config.routing.max_lag_bytes, 65536U);
    EXPECT_EQ(config.routing.rules, (std::vector<RouteRule>{{"alice", "", "", "n2"}}));
    EXPECT_EQ(config.auth.auth_query, "SELECT name,\n  verifier FROM users WHERE name = $1\n");
    EXPECT_EQ(config.auth.access,
              (std::vector<AccessRule>{{{}, {}, "local", AuthMethod::Trust},
                                       {{"app"}, {"alice", "bob"}, "10.0.0.0/8", AuthMethod::ScramSha256}}));
    EXPECT_EQ(config.log.level, LogLevel::Debug);
}

TEST(Parser, DefaultsAreThoseOfTheStruct) {
    Config expected;
    expected.nodes = {{"n1", "h", 5432, 1.0}};
    EXPECT_EQ(parse_or_fail("nodes: [{name: n1, host: h}]"), expected);
    // Sections whose parameters are all commented out, JSON, a byte order mark, CR LF.
    EXPECT_EQ(parse_or_fail("pool:\n  # size: 3\nrouting:\n  rules:\nnodes:\n- name: n1\n  host: h\n"),
              expected);
    EXPECT_EQ(parse_or_fail(R"({"nodes": [{"name": "n1", "host": "h", "port": "5432"}], "admin": null})"),
              expected);
    EXPECT_EQ(parse_or_fail("\xEF\xBB\xBFnodes:\r\n  - name: n1\r\n    host: h\r\n"), expected);
    EXPECT_EQ(parse_or_fail("---\nnodes: [{name: n1, host: h}]\n...\n"), expected);
    EXPECT_EQ(parse_or_fail("\t\n \t# a comment\nnodes: [{name: n1, host: h}]\n"), expected);
}

TEST(Parser, AliasesStandForWhatTheyName) {
    const Config config = parse_or_fail(
        "health: {timeout: &t 3s, period: *t}\n"
        "nodes: [{name: n1, host: &h db, port: 1}, {name: n2, host: *h, port: 2}]\n");
    EXPECT_EQ(config.health.timeout, 3s);
    EXPECT_EQ(config.health.period, 3s);
    EXPECT_EQ(config.nodes[1].host, "db");
}

TEST(Parser, AllErrorsInTheOrderOfTheFile) {
    const ParseOutcome outcome =
        parse("pool:\n  size: many\n  sizee: 1\nnodes:\n  - name: n1\nlimits: 3\n", "a.yaml");
    EXPECT_FALSE(outcome.config.has_value());
    std::vector<std::string> texts;
    for (const ConfigError& error : outcome.errors) texts.push_back(to_string(error));
    EXPECT_EQ(texts, (std::vector<std::string>{
                         "a.yaml:2:9: pool.size: \"many\" is not a whole number; allowed: 1 to 100000",
                         "a.yaml:3:3: pool.sizee: unknown parameter; did you mean \"pool.size\"?",
                         "a.yaml:5:5: nodes[0].host: missing; every element needs it",
                         "a.yaml:6:9: limits: a single value where a map of parameters is expected",
                     }));
}

// What follows from a part that was not understood is not reported: port 70000 would leave two nodes on 5432.
TEST(Parser, NoFindingsAboutWhatFailed) {
    const ParseOutcome outcome = parse(
        "nodes:\n- {name: n1, host: h, port: 5432}\n- {name: n2, host: h, port: 70000}\n"
        "routing: {rules: [{target: n3}]}\n",
        "f");
    ASSERT_EQ(outcome.errors.size(), 1U);
    EXPECT_EQ(to_string(outcome.errors[0]),
              "f:3:29: nodes[1].port: \"70000\" is out of range; allowed: 1 to 65535");
}

TEST(Parser, ErrorsAreBounded) {
    std::string text = "nodes: [{name: n1, host: h}]\n";
    for (int i = 0; i < 1000; ++i) text += fmt::format("key{}: 1\n", i);
    const ParseOutcome outcome = parse(text, "f");
    EXPECT_EQ(outcome.errors.size(), 100U);
    EXPECT_EQ(outcome.errors[0].place, (Place{2, 1}));
}

TEST(Parser, SecretsStayOutOfMessages) {
    const ParseOutcome outcome = parse(
        "nodes: [{name: n1, host: h}]\nhealth: {password: \"hunter2\\x07\"}\nauth: {auth_password: "
        "[hunter2]}\n",
        "f");
    ASSERT_EQ(outcome.errors.size(), 2U);
    for (const ConfigError& error : outcome.errors)
        EXPECT_EQ(to_string(error).find("hunter2"), std::string::npos);
}

// yaml-cpp recurses on nesting; the bound must come first whatever the brackets are.
TEST(Parser, DeepNestingIsRefused) {
    for (const std::string_view unit : {"[", "{", "- ", "? ", "[{", "a: ["}) {
        std::string text;
        while (text.size() < 200'000) text += unit;
        const ParseOutcome outcome = parse(text, "f");
        EXPECT_FALSE(outcome.config.has_value()) << unit;
        EXPECT_EQ(outcome.errors.size(), 1U) << unit;
    }
}

}  // namespace
}  // namespace pgpool::config
