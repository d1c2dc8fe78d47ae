// SPDX-License-Identifier: PostgreSQL
#pragma once

// Wakeup: lets one thread wait for descriptors, and any other end the wait.

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <system_error>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace pgpool::net {

class Wakeup {
public:
    Wakeup() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (!fd_.valid()) throw std::system_error(errno, std::generic_category(), "eventfd");
    }

    void wake() const {  // any thread
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(fd_.get(), &one, sizeof one);
    }

    // Until one of these (at most two; -1: none) has something, or wake(), or `at_most` is over.
    void wait(std::initializer_list<int> descriptors, milliseconds at_most) const {
        std::array<pollfd, 3> entries{};
        nfds_t count = 0;
        entries[count++] = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
        for (const int fd : descriptors) entries.at(count++) = {.fd = fd, .events = POLLIN, .revents = 0};
        if (::poll(entries.data(), count, static_cast<int>(at_most.count())) <= 0) return;
        drain();
    }
    // For who polls by itself: readable after wake(), until it is drained.
    [[nodiscard]] int fd() const { return fd_.get(); }
    void drain() const {
        std::uint64_t counter = 0;
        [[maybe_unused]] const ssize_t got = ::read(fd_.get(), &counter, sizeof counter);
    }

private:
    UniqueFd fd_;
};

}  // namespace pgpool::net
