// SPDX-License-Identifier: PostgreSQL
#include "watchdog/hooks/hook_run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <system_error>

#include "common/net/pipe.h"

namespace pgpool::hooks {

namespace {

constexpr std::size_t kOutputLimit = 2000;

std::string error_text(int error) {
    return std::generic_category().message(error);
}

std::vector<std::string> environment_of(const HookJob& job) {
    std::vector<std::string> all = job.environment;
    for (const char* name : {"PATH", "HOME", "LANG", "TZ"}) {
        if (const char* value = std::getenv(name); value != nullptr)
            all.push_back(std::string(name) + "=" + value);
    }
    return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

// The parent's memory is not copied, and none of its other threads waits (vfork(2)).
class Attributes {
public:
    Attributes() {
        ::posix_spawnattr_init(&value_);
        sigset_t none;
        sigset_t all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&value_, &none);
        ::posix_spawnattr_setsigdefault(&value_, &all);
        ::posix_spawnattr_setpgroup(&value_, 0);
        ::posix_spawnattr_setflags(&value_,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    ~Attributes() { ::posix_spawnattr_destroy(&value_); }
    [[nodiscard]] const posix_spawnattr_t* get() const { return &value_; }

private:
    posix_spawnattr_t value_{};
};

class FileActions {
public:
    FileActions(int input, int output) {
        ::posix_spawn_file_actions_init(&value_);
        ::posix_spawn_file_actions_adddup2(&value_, input, STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&value_, output, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&value_, output, STDERR_FILENO);
        ::posix_spawn_file_actions_addclosefrom_np(&value_, STDERR_FILENO + 1);
    }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    ~FileActions() { ::posix_spawn_file_actions_destroy(&value_); }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &value_; }

private:
    posix_spawn_file_actions_t value_{};
};

// A pipe holds more than the few hundred bytes of an event.
net::Pipe filled_with(const std::string& input) {
    net::Pipe pipe;
    ::fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
    static_cast<void>(::write(pipe.write.get(), input.data(), input.size()));
    pipe.write.reset();
    return pipe;
}

// Keeps what there is room for; false at the end of the output.
bool read_some(int fd, std::string& output) {
    std::array<char, 4096> buffer;  // NOLINT: read before it is looked at
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size <= 0) return size < 0 && (errno == EAGAIN || errno == EINTR);
    const std::size_t room = kOutputLimit - std::min(kOutputLimit, output.size());
    output.append(buffer.data(), std::min(room, static_cast<std::size_t>(size)));
    return true;
}

enum class Waited : std::uint8_t { Ended, TimedOut, Left };

Waited wait_for_end(int process, int output, int leave, TimePoint deadline, std::string& text) {
    std::array<pollfd, 3> watched{{{process, POLLIN, 0}, {leave, POLLIN, 0}, {output, POLLIN, 0}}};
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now());
        if (left.count() <= 0) return Waited::TimedOut;
        ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
        if (watched[1].revents != 0) return Waited::Left;
        // What it has written before its end is there by now.
        if (watched[2].revents != 0 && !read_some(output, text)) watched[2].fd = -1;
        if (watched[0].revents != 0 && watched[2].revents == 0) return Waited::Ended;
    }
}

// Readable when the process has ended. glibc's own declaration is for C only in 2.36.
UniqueFd descriptor_of(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

int reap(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

}  // namespace

HookOutcome run_hook(const HookJob& job, int leave) {
    using Kind = HookOutcome::Kind;
    net::Pipe input = filled_with(job.input);
    net::Pipe output;
    std::vector<std::string> words = job.words;
    std::vector<std::string> environment = environment_of(job);
    pid_t pid = -1;
    {
        const Attributes attributes;
        const FileActions actions(input.read.get(), output.write.get());
        const int error = ::posix_spawnp(&pid, words.front().c_str(), actions.get(), attributes.get(),
                                         pointers_to(words).data(), pointers_to(environment).data());
        if (error != 0) return {Kind::NotStarted, 0, error_text(error)};
    }
    input.read.reset();
    output.write.reset();
    ::fcntl(output.read.get(), F_SETFL, O_NONBLOCK);
    const UniqueFd process = descriptor_of(pid);
    HookOutcome outcome;
    const Waited waited = wait_for_end(process.get(), output.read.get(), leave,
                                       SteadyClock::now() + job.timeout, outcome.output);
    if (waited != Waited::Ended) ::kill(-pid, SIGKILL);
    const int status = reap(pid);
    if (waited != Waited::Ended) {
        outcome.kind = waited == Waited::Left ? Kind::Left : Kind::TimedOut;
    } else {
        outcome.kind = WIFEXITED(status) ? Kind::Ended : Kind::Signalled;
        outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    }
    return outcome;
}

}  // namespace pgpool::hooks
