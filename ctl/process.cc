// SPDX-License-Identifier: PostgreSQL
#include "ctl/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/net/pipe.h"

namespace pgpool::ctl {

namespace {

// None: it cannot be run.
std::optional<pid_t> spawn(std::vector<std::string> words, int output) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    pid_t pid = -1;
    const int status = ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (status != 0) return std::nullopt;
    return pid;
}

// Whether the program closed its output in time.
bool read_all(int fd, TimePoint deadline, std::string& output) {
    std::array<char, 4096> buffer;  // NOLINT: read before it is looked at
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now());
        pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
        if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) == 0) return false;
        const ssize_t size = ::read(fd, buffer.data(), buffer.size());
        if (size <= 0) return size == 0;
        output.append(buffer.data(), static_cast<std::size_t>(size));
    }
}

}  // namespace

std::optional<Ran> run_program(const std::vector<std::string>& words, milliseconds patience) {
    net::Pipe pipe;
    const auto pid = spawn(words, pipe.write.get());
    if (!pid) return std::nullopt;
    pipe.write.reset();
    Ran ran;
    const bool has_ended = read_all(pipe.read.get(), SteadyClock::now() + patience, ran.output);
    if (!has_ended) ::kill(*pid, SIGKILL);
    int status = 0;
    while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
    }
    ran.code = has_ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
}

}  // namespace pgpool::ctl
