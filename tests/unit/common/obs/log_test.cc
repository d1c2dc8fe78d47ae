// SPDX-License-Identifier: PostgreSQL
#include "common/obs/log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <vector>

namespace pgpool::log {
namespace {

using namespace std::chrono_literals;

std::string format(Fields fields) {
    return format_event("event", {fields.begin(), fields.size()});
}

struct Case {
    Value value;
    std::string expected;
};

TEST(LogFormat, Values) {
    const Case cases[] = {
        {"plain", "plain"},
        {"host-1.example:5432", "host-1.example:5432"},
        {"", R"("")"},
        {"two words", R"("two words")"},
        {"a=b", R"("a=b")"},
        {R"(say "hi")", R"("say \"hi\"")"},
        {R"(back\slash)", R"("back\\slash")"},
        {"line\nline\r\tend", R"("line\nline\r\tend")"},
        {std::string_view("\0", 1), R"("\x00")"},
        {"\x1b[31m", R"("\x1b[31m")"},
        {"\x7f", R"("\x7f")"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"\xc2\x9b", R"("\xc2\x9b")"},
        {"bad\xff", R"("bad\xff")"},
        {"cut\xe2\x82", R"("cut\xe2\x82")"},
        {"\xed\xa0\x80", R"("\xed\xa0\x80")"},
        {42, "42"},
        {-7L, "-7"},
        {18446744073709551615ULL, "18446744073709551615"},
        {std::uint16_t{9999}, "9999"},
        {true, "true"},
        {false, "false"},
        {0.5, "0.5"},
        {0ms, "0ms"},
        {1500ms, "1500ms"},
        {2s, "2000ms"},
        {250us, "0.25ms"},
        {1005us, "1.005ms"},
        {-250us, "-0.25ms"},
        {1999ns, "0.001ms"},
        {Secret{"hunter2"}, "***"},
        {Secret{""}, "***"},
    };
    for (const Case& item : cases) {
        std::string line;
        item.value.append_to(line);
        EXPECT_EQ(line, item.expected);
    }
}

TEST(LogFormat, EventAndFieldsInOrder) {
    EXPECT_EQ(format({}), "event");
    EXPECT_EQ(format({{"node", "n1"}, {"reason", "connection refused"}, {"after", 3s}}),
              R"(event node=n1 reason="connection refused" after=3000ms)");
}

TEST(LogFormat, LongTextIsCut) {
    const std::string line = format({{"sql", std::string(20'000, 'x')}});
    EXPECT_EQ(line, "event sql=" + std::string(8192, 'x') + "...");
}

TEST(LogLevel, Threshold) {
    set_level(Level::Warning);
    EXPECT_FALSE(enabled(Level::Debug));
    EXPECT_FALSE(enabled(Level::Info));
    EXPECT_TRUE(enabled(Level::Warning));
    EXPECT_TRUE(enabled(Level::Error));
    set_level(Level::Info);
    EXPECT_TRUE(enabled(Level::Info));
}

TEST(LogOutput, LevelAndEventOnOneLine) {
    set_level(Level::Info);
    testing::internal::CaptureStderr();
    debug("hidden");
    warning("node_down", {{"node", "n1"}, {"reason", "a\nb"}});
    const std::string output = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(output.ends_with(" warning node_down node=n1 reason=\"a\\nb\"\n")) << output;
    EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 1) << output;
    EXPECT_EQ(output.find('T'), 10U) << output;
}

[[noreturn]] void log_as_a_journald_client() {
    struct stat status {};
    ::fstat(STDERR_FILENO, &status);
    ::setenv("JOURNAL_STREAM", fmt::format("{}:{}", status.st_dev, status.st_ino).c_str(), 1);
    error("disk_full", {{"path", "/var"}});
    std::exit(0);
}

TEST(LogOutputDeathTest, JournalLinesBeginWithThePriority) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(log_as_a_journald_client(), testing::ExitedWithCode(0), "^<3>disk_full path=/var\n$");
}

TEST(LogOutput, ThreadsDoNotMixLines) {
    constexpr int kThreads = 4;
    constexpr int kLines = 50;
    set_level(Level::Info);
    testing::internal::CaptureStderr();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([t] {
            for (int i = 0; i < kLines; ++i) info("tick", {{"thread", t}, {"end", "end"}});
        });
    }
    for (std::thread& thread : threads) thread.join();
    const std::string output = testing::internal::GetCapturedStderr();
    std::size_t whole = 0;
    for (std::size_t at = 0; (at = output.find(" info tick thread=", at)) != std::string::npos; ++at) {
        const std::size_t end = output.find('\n', at);
        if (output.substr(at, end - at).ends_with(" end=end")) ++whole;
    }
    EXPECT_EQ(whole, std::size_t{kThreads * kLines});
}

}  // namespace
}  // namespace pgpool::log
