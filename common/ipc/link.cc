// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/link.h"

#include <fmt/core.h>
#include <qb/qbipcc.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace pgpool::ipc {

namespace {

tl::unexpected<Error> cannot_connect(const std::string& service, std::string_view why) {
    return fail(sqlstate::kCannotConnect, fmt::format("bus {}: {}", service, why));
}

// libqb keeps a file for each connection, whatever its messages go by.
std::string text_of(int error_number) {
    const std::string text = std::generic_category().message(error_number);
    return error_number == ENOSPC ? text + ": /dev/shm is full" : text;
}

// Who called listen() on the other end of the set-up socket.
Credentials listener_of(int stream) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(stream, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return {.pid = 0, .uid = ~0U, .gid = ~0U};
    return {.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
}

bool has_something(int fd) {
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, 0) > 0;
}

// Ends a connection that is not complete. libqb has no call for that, but cleans up when it meets the end of
// the stream; so it is led there, past whatever the other end has sent.
void abandon(qb_ipcc_connection* connection, int stream) {
    ::shutdown(stream, SHUT_RDWR);
    std::array<char, 1024> waste;  // NOLINT: never read
    while (::recv(stream, waste.data(), waste.size(), MSG_DONTWAIT) > 0) {
    }
    ::qb_ipcc_connect_continue(connection);
}

}  // namespace

Result<std::unique_ptr<Link>> Link::open(const std::string& service, const Trust& trust,
                                         const net::Wakeup& wakeup, milliseconds at_most) {
    int stream = -1;
    qb_ipcc_connection* connection = ::qb_ipcc_connect_async(service.c_str(), kFrameLimit, &stream);
    if (connection == nullptr) return cannot_connect(service, text_of(errno));
    const Credentials listener = listener_of(stream);
    if (!trust.admits(listener)) {
        abandon(connection, stream);
        return cannot_connect(
            service,
            fmt::format("{} has taken this name and is not trusted: end that process", to_string(listener)));
    }
    wakeup.wait({stream}, at_most);
    if (!has_something(stream)) {
        abandon(connection, stream);
        return cannot_connect(service, fmt::format("{} does not answer", to_string(listener)));
    }
    if (::qb_ipcc_connect_continue(connection) != 0) return cannot_connect(service, text_of(errno));
    Credentials hub;
    int events = -1;
    ::qb_ipcc_auth_get(connection, &hub.pid, &hub.uid, &hub.gid);
    ::qb_ipcc_fd_get(connection, &events);
    std::unique_ptr<Link> link(new Link(connection, stream, events, hub));
    if (!trust.admits(hub)) {
        return cannot_connect(service, fmt::format("{} answers and is not trusted", to_string(hub)));
    }
    return link;
}

Link::Link(qb_ipcc_connection* connection, int stream, int events, Credentials hub)
    : connection_(connection),
      stream_(stream),
      events_(events),
      guard_(events, hub),
      buffer_(kFrameLimit, '\0') {}

Link::~Link() {
    ::qb_ipcc_disconnect(connection_);
}

Result<bool> Link::send(const Frame& frame) {
    const ssize_t status = ::qb_ipcc_send(connection_, frame->data(), frame->size());
    if (status >= 0) return true;
    if (status == -EAGAIN || status == -ENOBUFS || status == -EINTR) return false;
    return lost(status);
}

Result<std::optional<ByteView>> Link::receive() {
    if (!guard_.is_next_genuine()) return std::optional<ByteView>();
    const ssize_t status = ::qb_ipcc_event_recv(connection_, buffer_.data(), buffer_.size(), 0);
    if (status == -EAGAIN || status == -ETIMEDOUT || status == -EINTR) return std::optional<ByteView>();
    if (status < 0) return lost(status);
    return message_in(ByteView(buffer_).substr(0, static_cast<std::size_t>(status)));
}

tl::unexpected<Error> Link::lost(ssize_t status) const {
    return fail(sqlstate::kConnectionFailure,
                is_hung_up() ? kHungUp : "the bus: " + text_of(static_cast<int>(-status)));
}

bool Link::is_hung_up() const {
    return has_something(stream_);  // the hub sends nothing there once the connection is made
}

}  // namespace pgpool::ipc
