// SPDX-License-Identifier: PostgreSQL
#include "watchdog/hooks/hook_run.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/net/pipe.h"

namespace pgpool::hooks {
namespace {

using Kind = HookOutcome::Kind;

HookJob shell(const std::string& script, milliseconds timeout = milliseconds(20'000)) {
    return {.event = "test",
            .words = {"/bin/sh", "-c", script},
            .environment = {"PGPOOL_EVENT=failover"},
            .input = "{}\n",
            .timeout = timeout,
            .not_before = {}};
}

class HookRun : public ::testing::Test {
protected:
    HookOutcome run(const HookJob& job) { return run_hook(job, leave_.read.get()); }
    net::Pipe leave_;
};

TEST_F(HookRun, GetsItsVariablesItsInputAndNothingOfTheServiceManager) {
    ::setenv("NOTIFY_SOCKET", "/run/nobody", 1);
    const HookOutcome outcome = run(shell("cat; echo $PGPOOL_EVENT \"[$NOTIFY_SOCKET]\"; echo error >&2"));
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_TRUE(outcome.is_well());
    EXPECT_EQ(outcome.output, "{}\nfailover []\nerror\n");
}

TEST_F(HookRun, HasThreeDescriptorsAndDefaultSignals) {
    const int open = ::dup(1);  // without FD_CLOEXEC, as some library may open one
    const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    // A shell has pipes of its own for a moment, and blocks signals while it forks.
    const HookOutcome files = run(shell("exec ls /proc/self/fd"));
    const HookOutcome signals = run(shell("exec sed -n 's/^Sig\\(Blk\\|Ign\\):.//p' /proc/self/status"));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::signal(SIGPIPE, pipe_before);
    ::close(open);
    EXPECT_EQ(files.output, "0\n1\n2\n3\n") << "the last is the folder that is listed";
    const std::string blocked = "0000000000000000\n";
    ASSERT_EQ(signals.output.substr(0, blocked.size()), blocked);
    constexpr std::uint64_t kOfPeople = 0x7fffffff;  // two more are glibc's
    EXPECT_EQ(std::stoull(signals.output.substr(blocked.size()), nullptr, 16) & kOfPeople, 0U);
}

TEST_F(HookRun, TellsHowItEnded) {
    const HookOutcome failed = run(shell("echo no; exit 3"));
    EXPECT_FALSE(failed.is_well());
    EXPECT_EQ(failed.kind, Kind::Ended);
    EXPECT_EQ(failed.code, 3);
    EXPECT_EQ(failed.output, "no\n");
    const HookOutcome signalled = run(shell("kill -USR1 $$"));
    EXPECT_EQ(signalled.kind, Kind::Signalled);
    EXPECT_EQ(signalled.code, SIGUSR1);
}

TEST_F(HookRun, TellsWhatCannotBeStarted) {
    HookJob job = shell("");
    job.words = {"/no/such/program"};
    const HookOutcome outcome = run(job);
    EXPECT_EQ(outcome.kind, Kind::NotStarted);
    EXPECT_EQ(outcome.output, "No such file or directory");
}

TEST_F(HookRun, IsKilledWithAllThatItHasStarted) {
    const TimePoint begun = SteadyClock::now();
    const HookOutcome outcome = run(shell("trap '' TERM; sleep 60 & echo $!; wait", milliseconds(300)));
    EXPECT_EQ(outcome.kind, Kind::TimedOut);
    EXPECT_LT(SteadyClock::now() - begun, seconds(15));
    const pid_t child = std::atoi(outcome.output.c_str());
    ASSERT_GT(child, 1);
    while (::kill(child, 0) == 0 && SteadyClock::now() - begun < seconds(20)) {
        // a zombie until init has seen to it
        const std::string command = "grep -q '^State:.Z' /proc/" + std::to_string(child) + "/status";
        if (std::system(command.c_str()) == 0) break;
    }
    EXPECT_LT(SteadyClock::now() - begun, seconds(20));
}

TEST_F(HookRun, DoesNotWaitForWhatIsLeftInTheBackground) {
    const TimePoint begun = SteadyClock::now();
    const HookOutcome outcome = run(shell("sleep 20 & echo $!"));
    EXPECT_TRUE(outcome.is_well());
    EXPECT_LT(SteadyClock::now() - begun, seconds(15));
    ::kill(std::atoi(outcome.output.c_str()), SIGKILL);
}

TEST_F(HookRun, IsOverWhenTheWatchdogEnds) {
    leave_.write.reset();
    const TimePoint begun = SteadyClock::now();
    EXPECT_EQ(run(shell("sleep 60")).kind, Kind::Left);
    EXPECT_LT(SteadyClock::now() - begun, seconds(15));
}

TEST_F(HookRun, KeepsTheFirstOfALongOutputAndReadsTheRest) {
    const HookOutcome outcome = run(shell("head -c 1000000 /dev/zero | tr '\\0' x"));
    EXPECT_TRUE(outcome.is_well());
    EXPECT_EQ(outcome.output, std::string(2000, 'x'));
}

}  // namespace
}  // namespace pgpool::hooks
