// SPDX-License-Identifier: PostgreSQL
// The page of the lease as a mandate: pages that come late, are replaced, are written by another watchdog.
#include "vip/lease_mandate.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "common/page/boot_now.h"
#include "common/page/lease_page_writer.h"
#include "common/page/page_path.h"

namespace pgpool::vip {
namespace {

namespace fs = std::filesystem;
using std::chrono_literals::operator""s;

class LeaseMandateTest : public testing::Test {
protected:
    LeaseMandateTest() {
        std::string folder = "/tmp/pgpool-vip-XXXXXX";
        if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        folder_ = folder;
    }
    ~LeaseMandateTest() override { fs::remove_all(folder_); }

    [[nodiscard]] page::LeasePageWriter writer() const {
        auto opened = page::LeasePageWriter::open(page::page_path(folder_));
        if (!opened) throw std::runtime_error(opened.error().message);
        return std::move(*opened);
    }
    static void hold(page::LeasePageWriter& page, std::uint64_t epoch, BootTime deadline) {
        page.publish(
            {.state = page::LeaseState::Held, .epoch = Epoch(epoch), .deadline = deadline, .writer = {}});
    }

    fs::path folder_;
    const BootTime later_ = page::boot_now() + 10s;
};

TEST_F(LeaseMandateTest, ThereIsNoneWithoutAPage) {
    LeaseMandate mandate(page::page_path(folder_));
    mandate.follow(Epoch(3));
    EXPECT_EQ(mandate.deadline(), BootTime::min());
    EXPECT_TRUE(mandate.look().has_value());
    page::LeasePageWriter page = writer();
    hold(page, 3, later_);
    EXPECT_FALSE(mandate.look().has_value());
    EXPECT_EQ(mandate.deadline(), later_);
}

TEST_F(LeaseMandateTest, OnlyTheEpochThatIsFollowedCounts) {
    page::LeasePageWriter page = writer();
    LeaseMandate mandate(page::page_path(folder_));
    ASSERT_FALSE(mandate.look().has_value());
    hold(page, 3, later_);
    EXPECT_EQ(mandate.deadline(), BootTime::min());
    mandate.follow(Epoch(3));
    EXPECT_EQ(mandate.deadline(), later_);
    hold(page, 4, later_);
    EXPECT_EQ(mandate.deadline(), BootTime::min());
    mandate.follow(Epoch(4));
    EXPECT_EQ(mandate.deadline(), later_);
    mandate.follow(Epoch());
    EXPECT_EQ(mandate.deadline(), BootTime::min());
}

TEST_F(LeaseMandateTest, ADeadWritersPageCountsAndANewWritersIsFollowed) {
    LeaseMandate mandate(page::page_path(folder_));
    mandate.follow(Epoch(3));
    {
        page::LeasePageWriter page = writer();
        hold(page, 3, later_);
        ASSERT_FALSE(mandate.look().has_value());
    }
    EXPECT_FALSE(mandate.look().has_value());
    EXPECT_EQ(mandate.deadline(), later_);
    page::LeasePageWriter page = writer();  // writes on the same page
    EXPECT_EQ(mandate.deadline(), BootTime::min());
    hold(page, 3, later_ + 1s);
    EXPECT_EQ(mandate.deadline(), later_ + 1s);
}

TEST_F(LeaseMandateTest, APageThatWasReplacedIsFoundByLooking) {
    LeaseMandate mandate(page::page_path(folder_));
    mandate.follow(Epoch(3));
    page::LeasePageWriter first = writer();
    hold(first, 3, later_);
    ASSERT_FALSE(mandate.look().has_value());
    fs::remove(page::page_path(folder_));
    EXPECT_TRUE(mandate.look().has_value());
    EXPECT_EQ(mandate.deadline(), later_);  // it ends by itself
    page::LeasePageWriter second = writer();
    EXPECT_FALSE(mandate.look().has_value());
    EXPECT_EQ(mandate.deadline(), BootTime::min());
    hold(second, 3, later_ + 1s);
    EXPECT_EQ(mandate.deadline(), later_ + 1s);
}

TEST_F(LeaseMandateTest, IsReadWhilePagesAreReplaced) {
    LeaseMandate mandate(page::page_path(folder_));
    mandate.follow(Epoch(3));
    std::atomic<bool> is_over{false};
    std::atomic<int> strange{0};
    std::thread reader([&] {
        while (!is_over) {
            const BootTime deadline = mandate.deadline();
            if (deadline != BootTime::min() && deadline != later_) ++strange;
        }
    });
    for (int i = 0; i < 200; ++i) {
        page::LeasePageWriter page = writer();
        hold(page, 3, later_);
        EXPECT_FALSE(mandate.look().has_value());
        EXPECT_EQ(mandate.deadline(), later_);
        fs::remove(page::page_path(folder_));
    }
    is_over = true;
    reader.join();
    EXPECT_EQ(strange, 0);
}

}  // namespace
}  // namespace pgpool::vip
