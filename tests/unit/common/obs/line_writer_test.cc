// SPDX-License-Identifier: PostgreSQL
#include "common/obs/line_writer.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>

#include "common/base/unique_fd.h"
#include "common/obs/log.h"

namespace pgpool::log {
namespace {

struct Ends {
    UniqueFd reader;
    UniqueFd writer;
};

Ends pipe_of_16_pages() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    EXPECT_EQ(::fcntl(ends[1], F_SETPIPE_SZ, 65536), 65536);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Ends stream() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// What is there now.
std::string taken(int reader) {
    ::fcntl(reader, F_SETFL, O_NONBLOCK);
    std::string text;
    char part[65536];
    for (ssize_t count; (count = ::read(reader, part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(count));
    return text;
}

// Lines of 1000 bytes with numbers, until the reader would have to read.
int fill(LineWriter& writer) {
    int count = 0;
    while (writer.flush()) writer.write(fmt::format("{:0999}\n", count++));
    return count;
}

class LineWriterTest : public testing::TestWithParam<Ends (*)()> {};

TEST_P(LineWriterTest, WaitsForNobodyAndEndsWhatWasBegun) {
    const Ends ends = GetParam()();
    LineWriter writer(ends.writer.get());
    const int count = fill(writer);
    std::string text = taken(ends.reader.get());
    EXPECT_TRUE(writer.flush());
    writer.write("next\n");
    text += taken(ends.reader.get());
    std::string expected;
    for (int i = 0; i < count; ++i) expected += fmt::format("{:0999}\n", i);
    EXPECT_EQ(text, expected + "next\n");
}

TEST_P(LineWriterTest, ALineThatIsLongerThanTheRoom) {
    const Ends ends = GetParam()();
    LineWriter writer(ends.writer.get());
    const std::string line = std::string(1'000'000, 'x') + "\n";
    writer.write(line);
    std::string text;
    while (!writer.flush()) text += taken(ends.reader.get());
    EXPECT_EQ(text + taken(ends.reader.get()), line);
}

INSTANTIATE_TEST_SUITE_P(Readers, LineWriterTest, testing::Values(&pipe_of_16_pages, &stream));

TEST(LineWriter, NobodyReadsAnyMore) {
    ::signal(SIGPIPE, SIG_IGN);
    Ends ends = pipe_of_16_pages();
    ends.reader.reset();
    LineWriter writer(ends.writer.get());
    writer.write("lost\n");
    EXPECT_FALSE(writer.flush());
}

// Into a pipe whose reader reads only after the last of so many lines; then one more. Exits with 0 if the
// reader finds how many were lost, and the last line.
[[noreturn]] void log_to_who_stands_still() {
    const Ends ends = pipe_of_16_pages();
    ::dup2(ends.writer.get(), STDERR_FILENO);
    for (int i = 0; i < 10'000; ++i) error("tick", {{"number", i}});
    const std::string before = taken(ends.reader.get());
    error("last");
    const std::string after = taken(ends.reader.get());
    const auto lines = std::count(before.begin(), before.end(), '\n');
    // One was kept for when there is room again.
    const bool is_told =
        after.find(fmt::format(" error tick number={}\n", lines)) != std::string::npos &&
        after.find(fmt::format(" warning log_lost lines={}\n", 9999 - lines)) != std::string::npos &&
        after.ends_with(" error last\n");
    std::exit(is_told ? 0 : 1);
}

TEST(LogDeathTest, WhoReadsItStandsStill) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(log_to_who_stands_still(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace pgpool::log
