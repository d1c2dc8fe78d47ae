// SPDX-License-Identifier: PostgreSQL
#include "tests/component/ipc/peer_process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <thread>

#include "common/net/pipe.h"

namespace pgpool::ipc {

namespace {

pid_t spawn(std::vector<std::string> words, int input, int output) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    pid_t pid = -1;
    const int status = ::posix_spawn(&pid, IPC_PEER, &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (status != 0) throw std::system_error(status, std::generic_category(), "posix_spawn");
    return pid;
}

}  // namespace

PeerProcess::PeerProcess(const std::string& role, const std::string& service,
                         const std::vector<std::string>& more) {
    net::Pipe commands;
    net::Pipe lines;
    std::vector<std::string> words{IPC_PEER, role, service};
    words.insert(words.end(), more.begin(), more.end());
    pid_ = spawn(std::move(words), commands.read.get(), lines.write.get());
    commands_ = std::move(commands.write);
    lines_ = std::move(lines.read);
}

// At the end of its input a hub removes what it has in /dev/shm; a stopped one cannot.
PeerProcess::~PeerProcess() {
    if (pid_ <= 0) return;
    commands_.reset();
    if (is_stopped_) signal(SIGCONT);
    const UniqueFd end(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    pollfd entry{.fd = end.get(), .events = POLLIN, .revents = 0};
    ::poll(&entry, 1, 5000);
    kill();
}

void PeerProcess::tell(const std::string& command) {
    const std::string line = command + "\n";
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT: a child that has ended fails the test, it does not end it
    ASSERT_EQ(::write(commands_.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
}

std::string PeerProcess::expect(const std::string& beginning, Duration patience) {
    const TimePoint deadline = SteadyClock::now() + patience;
    std::string seen;
    for (std::string line; next_line(line, deadline); seen += line + "\n") {
        if (line.starts_with(beginning)) return line.substr(beginning.size());
    }
    ADD_FAILURE() << "no line '" << beginning << "…' but:\n" << seen;
    return "";
}

bool PeerProcess::comes(const std::string& beginning, Duration patience) {
    const TimePoint deadline = SteadyClock::now() + patience;
    for (std::string line; next_line(line, deadline);) {
        if (line.starts_with(beginning)) return true;
    }
    return false;
}

std::size_t PeerProcess::open_files() const {
    const std::filesystem::directory_iterator files(fmt::format("/proc/{}/fd", pid_));
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

bool PeerProcess::next_line(std::string& line, TimePoint deadline) {
    for (;;) {
        const auto end = unread_.find('\n');
        if (end != std::string::npos) {
            line = unread_.substr(0, end);
            unread_.erase(0, end + 1);
            return true;
        }
        const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now()).count();
        pollfd entry{.fd = lines_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) return false;
        std::array<char, 65536> piece;  // NOLINT: filled by read
        const ssize_t got = ::read(lines_.get(), piece.data(), piece.size());
        if (got <= 0) return false;
        unread_.append(piece.data(), static_cast<std::size_t>(got));
    }
}

void PeerProcess::signal(int number) {
    if (pid_ <= 0) return;
    ::kill(pid_, number);
    if (number == SIGSTOP) ::waitpid(pid_, nullptr, WUNTRACED);
    is_stopped_ = number == SIGSTOP;
}

void PeerProcess::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

std::string own_service() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    return fmt::format("pgpool-bus.{:.20}{}", test->name(), ::getpid());
}

std::size_t shm_entries_of(pid_t hub) {
    const std::string beginning = fmt::format("qb-{}-", hub);
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
        count += entry.path().filename().string().starts_with(beginning) ? 1 : 0;
    }
    return count;
}

bool shm_entries_vanish_of(pid_t hub) {
    const TimePoint deadline = SteadyClock::now() + kPatience;
    while (shm_entries_of(hub) > 0) {
        if (SteadyClock::now() > deadline) return false;
        std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
}

}  // namespace pgpool::ipc
