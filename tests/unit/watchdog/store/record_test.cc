// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>

#include "common/files/durable_file.h"
#include "watchdog/store/record_file.h"
#include "watchdog/store/record_store.h"

namespace pgpool::store {
namespace {

namespace fs = std::filesystem;

class Records : public testing::Test {
protected:
    Records() {
        std::string folder = "/tmp/pgpool-store-XXXXXX";
        if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        folder_ = folder;
    }
    ~Records() override { fs::remove_all(folder_); }
    [[nodiscard]] fs::path path() const { return folder_ / "cluster"; }
    void put(const std::string& text) const { std::ofstream(path(), std::ios::binary) << text; }

    fs::path folder_;
};

const group::Record kRecord{{7, 3}, "{\"epoch\": 7}\nsecond\n"};

TEST_F(Records, AMemberThatWasNeverInAGroupHasNone) {
    const auto none = load_record(path());
    ASSERT_TRUE(none);
    EXPECT_EQ(*none, group::Record{});
}

TEST_F(Records, AreReadAsTheyWereWritten) {
    for (const group::Record& record : {kRecord, group::Record{{8, 1}, ""}}) {
        ASSERT_EQ(save_record(path(), record).has_value(), false);
        const auto read = load_record(path());
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_EQ(*read, record);
    }
    EXPECT_FALSE(fs::exists(path().string() + ".new"));
}

TEST_F(Records, CutShortAnywhereAreRefusedWithWhatToDo) {
    ASSERT_FALSE(save_record(path(), kRecord));
    const std::string whole = **read_whole(path());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        put(whole.substr(0, size));
        const auto read = load_record(path());
        ASSERT_FALSE(read) << size;
        EXPECT_NE(read.error().hint.find("another member"), std::string::npos);
    }
    put(whole + "x");
    EXPECT_FALSE(load_record(path()));
}

TEST_F(Records, AnEarlierFileStaysWhereTheDiskRefuses) {
    const auto error = save_record(folder_ / "none" / "cluster", kRecord);
    ASSERT_TRUE(error);
    EXPECT_NE(error->message.find("No such file"), std::string::npos) << error->message;
}

TEST_F(Records, TheStoreTellsWhatIsOnDisk) {
    std::promise<Written> told;
    RecordStore store(path(), [&](Written written) { told.set_value(std::move(written)); });
    store.write(kRecord);
    auto written = told.get_future();
    ASSERT_EQ(written.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(written.get().stamp, kRecord.stamp);
    EXPECT_EQ(*load_record(path()), kRecord);
}

TEST_F(Records, ADiskThatRefusesIsTriedAgain) {
    const fs::path folder = folder_ / "later";
    std::promise<Written> refused;
    std::promise<Written> done;
    RecordStore store(folder / "cluster", [&](Written written) {
        (written.problem.empty() ? done : refused).set_value(std::move(written));
    });
    store.write(kRecord);
    auto trouble = refused.get_future();
    ASSERT_EQ(trouble.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    fs::create_directory(folder);
    auto written = done.get_future();
    ASSERT_EQ(written.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(written.get().stamp, kRecord.stamp);
}

}  // namespace
}  // namespace pgpool::store
