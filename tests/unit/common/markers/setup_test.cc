// SPDX-License-Identifier: PostgreSQL
#include "common/markers/setup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace pgpool::markers {
namespace {

TEST(Setup, HasItsNumbers) {
    const std::string sql = setup_sql(77);
    EXPECT_NE(sql.find("generate_series(0, 77 - 1)"), std::string::npos);
    EXPECT_EQ(sql.find(":slots"), std::string::npos);
    EXPECT_NE(sql.find("AS 'SELECT " + std::to_string(kVersion) + "'"), std::string::npos);
}

// The head of every function, by its name: all before its body.
std::map<std::string, std::string> heads_of_functions(std::string_view sql) {
    constexpr std::string_view kCreate = "CREATE OR REPLACE FUNCTION pgpool_replication.";
    std::map<std::string, std::string> heads;
    for (std::size_t at = sql.find(kCreate); at != std::string_view::npos; at = sql.find(kCreate, at)) {
        at += kCreate.size();
        const std::string_view rest = sql.substr(at);
        const std::string_view head = rest.substr(0, std::min(rest.find(" AS\n"), rest.find(" AS $$")));
        heads.emplace(rest.substr(0, rest.find('(')), head.substr(0, head.find(" AS '")));
    }
    return heads;
}

// Without pg_temp as the last one, temporary objects of the caller are found first.
TEST(Setup, EveryFunctionHasASafeSearchPath) {
    constexpr std::string_view kSafe = "SET search_path = pg_catalog, pg_temp";
    const auto heads = heads_of_functions(setup_sql(1));
    ASSERT_GE(heads.size(), 9U);
    for (const auto& [name, head] : heads) {
        // These name all with their schemas, types too but for keywords; version() names nothing. tell()
        // speaks by the settings of its caller.
        if (name == "mark" || name == "keep_quiet" || name == "tell" || name == "version") continue;
        const std::size_t at = head.find(kSafe);
        ASSERT_NE(at, std::string::npos) << name << " has no search_path";
        const std::string_view after = std::string_view(head).substr(at + kSafe.size());
        EXPECT_TRUE(after.empty() || after.starts_with(" SET ")) << name << ": " << after;
    }
    EXPECT_EQ(heads.at("version").find("SECURITY DEFINER"), std::string::npos);
}

}  // namespace
}  // namespace pgpool::markers
