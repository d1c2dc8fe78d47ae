// SPDX-License-Identifier: PostgreSQL
#include "common/config/load.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace pgpool::config {
namespace {

class LoadFile : public testing::Test {
protected:
    LoadFile() {
        std::string pattern = (std::filesystem::temp_directory_path() / "config_load_XXXXXX").string();
        directory_ = mkdtemp(pattern.data());
    }
    ~LoadFile() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::string write(std::string_view text) const {
        const std::string path = (directory_ / "appliance.yaml").string();
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

    std::filesystem::path directory_;
};

TEST_F(LoadFile, ReadsAndNamesTheFile) {
    EXPECT_EQ(load_file(write("nodes: [{name: n1, host: h}]\n")).config->nodes[0].name, "n1");
    const std::string path = write("nodes: 1\n");
    const ParseOutcome outcome = load_file(path);
    ASSERT_EQ(outcome.errors.size(), 1U);
    EXPECT_EQ(to_string(outcome.errors[0]),
              path + ":1:8: nodes: a single value where a list (lines that begin with \"-\") is expected");
}

TEST_F(LoadFile, UnreadableFiles) {
    const std::string missing = (directory_ / "missing.yaml").string();
    ASSERT_EQ(load_file(missing).errors.size(), 1U);
    EXPECT_EQ(to_string(load_file(missing).errors[0]),
              missing + ": cannot be read: No such file or directory");
    ASSERT_EQ(load_file(directory_.string()).errors.size(), 1U);
    EXPECT_EQ(to_string(load_file(directory_.string()).errors[0]),
              directory_.string() + ": cannot be read: Is a directory");
}

TEST_F(LoadFile, BoundOfTheSize) {
    const std::string text = "nodes: [{name: n1, host: h}]\n#";
    EXPECT_TRUE(load_file(write(text + std::string(kMaxFileBytes - text.size(), 'x'))).config.has_value());
    const std::string path = write(text + std::string(kMaxFileBytes - text.size() + 1, 'x'));
    ASSERT_EQ(load_file(path).errors.size(), 1U);
    EXPECT_EQ(to_string(load_file(path).errors[0]), path + ": larger than 1048576 bytes");
}

}  // namespace
}  // namespace pgpool::config
