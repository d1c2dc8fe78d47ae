// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/page/boot_now.h"
#include "common/page/lease_page_reader.h"
#include "common/page/lease_page_writer.h"

namespace pgpool::page {
namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;

class LeasePage : public testing::Test {
protected:
    LeasePage() {
        std::string folder = "/tmp/pgpool-page-XXXXXX";
        if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        folder_ = folder;
        path_ = folder_ / "lease";
    }
    ~LeasePage() override { fs::remove_all(folder_); }

    [[nodiscard]] LeasePageWriter writer() const {
        Result<LeasePageWriter> opened = LeasePageWriter::open(path_);
        if (!opened) throw std::runtime_error(opened.error().message);
        return std::move(*opened);
    }
    [[nodiscard]] std::string why_not(LeasePageReader& reader) const {
        const std::optional<Error> error = reader.refresh();
        return error ? error->message : "";
    }
    void overwrite(std::streamoff at, std::string_view bytes) const {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(at);
        file << bytes;
    }

    fs::path folder_;
    fs::path path_;
};

// Every part of it tells the number, so that a view that was put together from two shows.
LeaseView view_of(std::uint64_t number) {
    return {.state = number % 2 == 0 ? LeaseState::Held : LeaseState::Releasing,
            .epoch = Epoch(number),
            .deadline = BootTime(nanoseconds(number)),
            .locked_until = BootTime::min(),
            .writer = {}};
}

bool is_whole(const LeaseView& view) {
    LeaseView expected = view_of(view.epoch.value);
    expected.writer = view.writer;
    return view.epoch.value == 0 ? view.deadline == BootTime::min() : view == expected;
}

TEST_F(LeasePage, who_waits_for_the_lease_has_no_deadline_to_act_by) {
    LeasePageWriter page = writer();
    LeasePageReader reader(path_);
    ASSERT_EQ(why_not(reader), "");
    const LeaseView view{.state = LeaseState::Waiting,
                         .epoch = Epoch(7),
                         .deadline = BootTime::min(),
                         .locked_until = BootTime(nanoseconds(5)),
                         .writer = page.incarnation()};
    page.publish(view);
    EXPECT_EQ(reader.read(), view);
    EXPECT_FALSE(reader.read().may_act(BootTime(nanoseconds(1))));
}

TEST_F(LeasePage, reader_sees_what_the_writer_published) {
    LeasePageWriter page = writer();
    LeasePageReader reader(path_);
    ASSERT_EQ(why_not(reader), "");
    EXPECT_EQ(reader.read().deadline, BootTime::min());
    LeaseView view = view_of(4);
    page.publish(view);
    view.writer = page.incarnation();
    EXPECT_EQ(reader.read(), view);
    EXPECT_TRUE(reader.read().may_act(BootTime(nanoseconds(3))));
    EXPECT_FALSE(reader.read().may_act(BootTime(nanoseconds(4))));
}

TEST_F(LeasePage, without_a_page_nobody_may_act) {
    LeasePageReader reader(path_);
    EXPECT_FALSE(reader.read().may_act(BootTime::min()));
    EXPECT_NE(why_not(reader).find("No such file"), std::string::npos);
    LeasePageWriter page = writer();
    EXPECT_EQ(why_not(reader), "");
    fs::remove(path_);
    EXPECT_NE(why_not(reader), "");
    page.publish(view_of(100));
    EXPECT_FALSE(reader.read().may_act(BootTime::min()));
}

TEST_F(LeasePage, what_is_no_page_of_this_boot_is_refused_and_replaced) {
    std::ofstream(path_) << "short";
    fs::permissions(path_, fs::perms(0640));
    LeasePageReader reader(path_);
    EXPECT_NE(why_not(reader).find("too short"), std::string::npos);

    std::ofstream(path_) << std::string(4096, 'x');
    EXPECT_NE(why_not(reader).find("another version"), std::string::npos);

    static_cast<void>(writer());
    overwrite(8, "another-boot");
    EXPECT_NE(why_not(reader).find("another boot"), std::string::npos);
    EXPECT_FALSE(reader.read().may_act(BootTime::min()));

    LeasePageWriter page = writer();
    page.publish(view_of(6));
    EXPECT_EQ(why_not(reader), "");
    EXPECT_EQ(reader.read().epoch, Epoch(6));
}

TEST_F(LeasePage, file_that_others_may_write_is_refused) {
    static_cast<void>(writer());
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0640U);
    fs::permissions(path_, fs::perms(0660));
    LeasePageReader reader(path_);
    EXPECT_NE(why_not(reader).find("others than its owner"), std::string::npos);
}

TEST_F(LeasePage, file_of_other_state_says_that_nobody_may_act) {
    LeasePageWriter page = writer();
    LeaseView view = view_of(8);
    view.state = static_cast<LeaseState>(7);
    page.publish(view);
    LeasePageReader reader(path_);
    ASSERT_EQ(why_not(reader), "");
    EXPECT_FALSE(reader.read().may_act(BootTime::min()));
}

TEST_F(LeasePage, has_one_writer) {
    const LeasePageWriter page = writer();
    const Result<LeasePageWriter> second = LeasePageWriter::open(path_);
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().message.find("another process"), std::string::npos);
}

TEST_F(LeasePage, readers_keep_their_mapping_when_a_new_writer_comes) {
    LeasePageReader reader(path_);
    {
        LeasePageWriter first = writer();
        ASSERT_EQ(why_not(reader), "");
        first.publish(view_of(10));
    }
    EXPECT_EQ(reader.read().epoch, Epoch(10));
    LeasePageWriter second = writer();
    EXPECT_EQ(reader.read().epoch, Epoch(0));
    EXPECT_EQ(reader.read().writer, second.incarnation());
    second.publish(view_of(12));
    EXPECT_EQ(reader.read().epoch, Epoch(12));
}

// A writer in another process publishes without a pause and is killed somewhere in the middle; what it left
// is whole, and the next one can go on.
TEST_F(LeasePage, writer_that_is_killed_leaves_a_whole_view) {
    static_cast<void>(writer());
    LeasePageReader reader(path_);
    ASSERT_EQ(why_not(reader), "");
    for (int round = 0; round < 20; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            Result<LeasePageWriter> page = LeasePageWriter::open(path_);
            for (std::uint64_t number = 1; page; ++number) page->publish(view_of(number));
            ::_exit(1);
        }
        ASSERT_GT(child, 0);
        std::uint64_t reads = 0;
        for (std::uint64_t last = 0; last < 1000 || reads < 1000; ++reads) {
            const LeaseView view = reader.read();
            ASSERT_TRUE(is_whole(view)) << view.epoch.value;
            last = view.epoch.value;
            ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "the writer ended";
        }
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const LeaseView left = reader.read();
        EXPECT_TRUE(is_whole(left));
        EXPECT_EQ(left, reader.read());
    }
}

TEST_F(LeasePage, threads_see_whole_views_that_never_go_back) {
    LeasePageWriter page = writer();
    LeasePageReader reader(path_);
    ASSERT_EQ(why_not(reader), "");
    std::atomic<bool> is_done{false};
    std::uint64_t number = 0;
    std::thread publisher([&] {
        while (!is_done) page.publish(view_of(++number));
    });
    std::uint64_t last = 0;
    std::uint64_t torn = 0;
    std::uint64_t back = 0;
    std::uint64_t whole = 0;
    while (whole < 100'000) {
        const LeaseView view = reader.read();
        if (!is_whole(view)) ++torn;
        if (view.epoch.value == 0) continue;  // disturbed too often, which says: nobody may act
        ++whole;
        if (view.epoch.value < last) ++back;
        last = view.epoch.value;
    }
    is_done = true;
    publisher.join();
    EXPECT_EQ(torn, 0U);
    EXPECT_EQ(back, 0U);
    EXPECT_EQ(reader.read().epoch, Epoch(number));
}

// What a proxy pays for each write. The bound is far above what is measured
// (docs/adr/0022-lease-sessions.md): a call of the kernel or a lock would exceed it.
TEST_F(LeasePage, reading_costs_nanoseconds) {
    LeasePageWriter page = writer();
    page.publish(view_of(2));
    LeasePageReader reader(path_);
    ASSERT_EQ(why_not(reader), "");
    constexpr int kReads = 100'000;
    auto best = nanoseconds::max();
    std::uint64_t sum = 0;
    for (int round = 0; round < 20; ++round) {
        const BootTime begin = boot_now();
        for (int i = 0; i < kReads; ++i) sum += reader.read().epoch.value;
        best = std::min(best, (boot_now() - begin) / kReads);
    }
    EXPECT_EQ(sum, std::uint64_t{2} * kReads * 20);
    RecordProperty("nanoseconds", std::to_string(best.count()));
    EXPECT_LT(best, nanoseconds(1000));
}

}  // namespace
}  // namespace pgpool::page
