// SPDX-License-Identifier: PostgreSQL
#include "common/net/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

namespace pgpool::net {

Result<UniqueFd> receive_signals(std::initializer_list<int> signals) {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int signal : signals) sigaddset(&wanted, signal);
    ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
    UniqueFd fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) return fail_errno("signalfd", errno);
    return fd;
}

int next_signal(int fd) {
    signalfd_siginfo signal{};
    return ::read(fd, &signal, sizeof signal) == sizeof signal ? static_cast<int>(signal.ssi_signo) : 0;
}

}  // namespace pgpool::net
