// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/state_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace pgpool::keeper {
namespace {

class StateFileTest : public testing::Test {
protected:
    StateFileTest() {
        std::string name = (std::filesystem::temp_directory_path() / "pgpool-state-XXXXXX").string();
        directory_ = ::mkdtemp(name.data());
    }
    ~StateFileTest() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] static cluster::Membership sample(std::uint64_t epoch) {
        const std::vector<std::string> names{"a", "b"};
        auto membership = cluster::first_membership(names, WallTime(seconds(5)));
        membership.epoch = epoch;
        return membership;
    }

    std::string directory_;
};

TEST_F(StateFileTest, KeepsWhatWasSavedLast) {
    const StateFile file(directory_);
    EXPECT_EQ(file.load().value(), std::nullopt);
    ASSERT_TRUE(file.check_writable());
    EXPECT_EQ(file.load().value(), std::nullopt) << "a check leaves nothing behind";
    ASSERT_TRUE(file.save(sample(3)));
    ASSERT_TRUE(file.save(sample(4)));
    EXPECT_EQ(file.load().value(), sample(4));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(StateFileTest, KeepsASecondOneOut) {
    StateFile second(directory_);
    {
        StateFile first(directory_);
        ASSERT_TRUE(first.take());
        const auto taken = second.take();
        ASSERT_FALSE(taken.has_value());
        EXPECT_EQ(taken.error().message,
                  directory_ + " is in use by another proxy (replication.state_directory)");
    }
    EXPECT_TRUE(second.take());
    EXPECT_FALSE(StateFile(directory_ + "/none").take().has_value());
}

TEST_F(StateFileTest, WhatIsHalfWrittenCountsForNothing) {
    const StateFile file(directory_);
    ASSERT_TRUE(file.save(sample(3)));
    std::ofstream(file.path() + ".new") << "version: 1\nepo";
    EXPECT_EQ(file.load().value(), sample(3));
    ASSERT_TRUE(file.save(sample(4)));
    EXPECT_EQ(file.load().value(), sample(4));
}

TEST_F(StateFileTest, ErrorsNameTheFile) {
    std::ofstream(directory_ + "/membership") << "rubbish";
    const auto loaded = StateFile(directory_).load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().message.find(directory_ + "/membership: not a membership"), 0U);
    const StateFile nowhere(directory_ + "/missing");
    EXPECT_EQ(nowhere.save(sample(1)).error().message,
              "cannot create " + directory_ + "/missing/membership.new: No such file or directory");
    EXPECT_FALSE(nowhere.check_writable());
}

}  // namespace
}  // namespace pgpool::keeper
