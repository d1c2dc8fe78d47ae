// SPDX-License-Identifier: PostgreSQL
#include "common/obs/line_writer.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace pgpool::log {

// The journal's stream is a socket, which can be asked not to wait. Elsewhere the flag would be one of
// everybody who has the same description open, the operator's shell too; but a pipe that poll(2) calls
// writable takes PIPE_BUF bytes at once (pipe(7)).
std::size_t LineWriter::write_some() const {
    ssize_t count = ::send(descriptor_, rest_.data(), rest_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == ENOTSOCK) {
        pollfd watched{.fd = descriptor_, .events = POLLOUT, .revents = 0};
        if (::poll(&watched, 1, 0) != 1) return 0;
        count = ::write(descriptor_, rest_.data(), std::min(rest_.size(), std::size_t{PIPE_BUF}));
    }
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

bool LineWriter::flush() {
    while (!rest_.empty()) {
        const std::size_t count = write_some();
        if (count == 0) return false;
        rest_.erase(0, count);
    }
    return true;
}

void LineWriter::write(std::string_view line) {
    rest_ += line;
    (void)flush();
}

}  // namespace pgpool::log
