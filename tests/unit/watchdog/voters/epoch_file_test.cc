// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/epoch_file.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "watchdog/voters/epoch_store.h"

namespace pgpool::voters {
namespace {

namespace fs = std::filesystem;

class EpochFile : public testing::Test {
protected:
    EpochFile() {
        std::string folder = "/tmp/pgpool-epoch-XXXXXX";
        if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        folder_ = folder;
        path_ = folder_ / "lease";
    }
    ~EpochFile() override { fs::remove_all(folder_); }

    [[nodiscard]] static inbox::Stored next_of(Inbox& inbox) {
        pollfd watched{inbox.fd(), POLLIN, 0};
        if (::poll(&watched, 1, 20'000) != 1) throw std::runtime_error("nothing was told");
        return std::get<inbox::Stored>(inbox.take().at(0));
    }

    fs::path folder_;
    fs::path path_;
};

TEST_F(EpochFile, remembers) {
    EXPECT_EQ(load(path_).value(), Remembered{});
    const Remembered much{.epoch = Epoch(~std::uint64_t{0} - 1), .runs = 3};
    EXPECT_FALSE(save(path_, much).has_value());
    EXPECT_EQ(load(path_).value(), much);
}

TEST_F(EpochFile, what_cannot_be_read_is_an_error) {
    ASSERT_FALSE(save(path_, {.epoch = Epoch(12), .runs = 3}).has_value());
    std::ifstream file(path_);
    const std::string good{std::istreambuf_iterator<char>(file), {}};
    for (std::size_t size = 0; size < good.size(); ++size) {
        std::ofstream(path_) << good.substr(0, size);
        EXPECT_FALSE(load(path_).has_value()) << size;
    }
    std::ofstream(path_) << good << "more";
    EXPECT_FALSE(load(path_).has_value());
    EXPECT_NE(load(path_).error().hint, "");
}

TEST_F(EpochFile, failure_to_write_is_told_and_leaves_what_was_there) {
    const auto error = save(folder_ / "missing" / "lease", {});
    ASSERT_TRUE(error.has_value());
    EXPECT_NE(error->message.find("missing/lease.new"), std::string::npos);
}

TEST_F(EpochFile, store_tells_when_the_epoch_is_on_disk) {
    Inbox inbox(10);
    EpochStore store(path_, {.epoch = Epoch(2), .runs = 7}, inbox);
    store.want(Epoch(5));
    const inbox::Stored stored = next_of(inbox);
    EXPECT_EQ(stored.epoch, Epoch(5));
    EXPECT_EQ(stored.problem, "");
    EXPECT_EQ(load(path_).value(), (Remembered{.epoch = Epoch(5), .runs = 7}));
}

TEST_F(EpochFile, store_never_goes_back) {
    Inbox inbox(10);
    EpochStore store(path_, {.epoch = Epoch(9), .runs = 7}, inbox);
    store.want(Epoch(5));
    EXPECT_EQ(next_of(inbox).problem, "");
    store.want(Epoch(10));
    EXPECT_EQ(next_of(inbox).problem, "");
    EXPECT_EQ(load(path_).value().epoch, Epoch(10));
}

TEST_F(EpochFile, store_tells_when_it_cannot) {
    Inbox inbox(10);
    EpochStore store(folder_ / "missing" / "lease", {}, inbox);
    store.want(Epoch(5));
    EXPECT_NE(next_of(inbox).problem, "");
    fs::create_directory(folder_ / "missing");
    store.want(Epoch(5));
    EXPECT_EQ(next_of(inbox).problem, "");
}

}  // namespace
}  // namespace pgpool::voters
