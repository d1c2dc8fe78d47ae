// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/surroundings.h"

#include <gtest/gtest.h>

namespace pgpool::exec {
namespace {

sql::Kind kind_of(const std::string& text, config::ClusterMode mode) {
    auto config = std::make_shared<config::Config>();
    config->mode = mode;
    Surroundings surroundings(config, "_p_", 1);
    return surroundings.analyze(text, {}).info->statements.at(0).kind;
}

TEST(Surroundings, InModeReplicationATextMayHaveLargeLiterals) {
    const std::string large = "INSERT INTO t VALUES ('" + std::string(5'000'000, 'x') + "')";
    EXPECT_EQ(kind_of(large, config::ClusterMode::Replication), sql::Kind::Insert);
    EXPECT_EQ(kind_of(large, config::ClusterMode::Streaming), sql::Kind::Unknown);
    std::string many = "INSERT INTO t VALUES (1)";
    while (many.size() <= Surroundings::kMaxAnalyzedText) many += ",(1)";
    EXPECT_EQ(kind_of(many, config::ClusterMode::Replication), sql::Kind::Unknown);
    const std::string huge = "INSERT INTO t VALUES ('" + std::string(17'000'000, 'x') + "')";
    EXPECT_EQ(kind_of(huge, config::ClusterMode::Replication), sql::Kind::Unknown);
}

}  // namespace
}  // namespace pgpool::exec
