// SPDX-License-Identifier: PostgreSQL
#pragma once

// Pipe: both ends of a pipe(2), which programs that are started do not inherit. Throws std::system_error if
// the kernel gives none.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "common/base/unique_fd.h"

namespace pgpool::net {

struct Pipe {
    UniqueFd read;
    UniqueFd write;

    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            throw std::system_error(errno, std::generic_category(), "pipe");
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
};

}  // namespace pgpool::net
