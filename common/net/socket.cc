// SPDX-License-Identifier: PostgreSQL
#include "common/net/socket.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace pgpool::net {

namespace {

template <typename T>
const T& as(const Address& address) {
    return reinterpret_cast<const T&>(address.storage);
}

const sockaddr* raw(const Address& address) {
    return &as<sockaddr>(address);
}

void set_option(int fd, int level, int option, int value = 1) {
    ::setsockopt(fd, level, option, &value, sizeof value);
}

void tune(int fd, int family) {
    if (family == AF_UNIX) return;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
}

// Who waits for an answer hears of it within 11 s if that host is gone, and at the first question if it has
// restarted and knows nothing of the connection. The kernel is asked, so a server may work for hours.
// TCP_USER_TIMEOUT would end connections to a peer that is well and does not read for so long, too.
void ask_often(int fd, int family) {
    if (family == AF_UNIX) return;
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 5);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 2);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

std::string Address::host() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (family() == AF_INET) {
        ::inet_ntop(AF_INET, &as<sockaddr_in>(*this).sin_addr, text, sizeof text);
        return text;
    }
    if (family() == AF_INET6) {
        ::inet_ntop(AF_INET6, &as<sockaddr_in6>(*this).sin6_addr, text, sizeof text);
        return text;
    }
    return "[local]";
}

std::uint16_t Address::port() const {
    if (family() == AF_INET) return ntohs(as<sockaddr_in>(*this).sin_port);
    if (family() == AF_INET6) return ntohs(as<sockaddr_in6>(*this).sin6_port);
    return 0;
}

std::string Address::text() const {
    if (family() == AF_UNIX) return as<sockaddr_un>(*this).sun_path;
    if (family() == AF_INET6) return fmt::format("[{}]:{}", host(), port());
    return fmt::format("{}:{}", host(), port());
}

bool operator==(const Address& left, const Address& right) {
    return left.length == right.length && std::memcmp(&left.storage, &right.storage, left.length) == 0;
}

Result<Address> unix_address(const std::string& directory, std::uint16_t port) {
    Address address;
    auto& name = reinterpret_cast<sockaddr_un&>(address.storage);
    name.sun_family = AF_UNIX;
    const std::string path = fmt::format("{}/.s.PGSQL.{}", directory, port);
    if (path.size() >= sizeof name.sun_path) {
        return fail(sqlstate::kConfigFileError, fmt::format("path of the UNIX socket is too long: {}", path));
    }
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
    address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return address;
}

Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port) {
    if (host.starts_with('/')) {
        const auto address = unix_address(host, port);
        if (!address) return tl::unexpected(address.error());
        return std::vector<Address>{*address};
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = host == "*" ? AI_PASSIVE : 0;
    addrinfo* list = nullptr;
    const std::string service = std::to_string(port);
    const int code = ::getaddrinfo(host == "*" ? nullptr : host.c_str(), service.c_str(), &hints, &list);
    if (code != 0) {
        return fail(sqlstate::kCannotConnect,
                    fmt::format("cannot resolve \"{}\": {}", host, ::gai_strerror(code)));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
    std::vector<Address> addresses;
    for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
        Address address;
        std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
        address.length = info->ai_addrlen;
        addresses.push_back(address);
    }
    return addresses;
}

Result<void> check_unused(const Address& address) {
    const UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail_errno("socket", errno);
    if (address.family() == AF_UNIX) {
        if (::connect(fd.get(), raw(address), address.length) != 0 && errno != EAGAIN) return {};
        errno = EADDRINUSE;
    } else {
        set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
        if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
        if (::bind(fd.get(), raw(address), address.length) == 0) return {};
    }
    return fail_errno(fmt::format("cannot listen on {}", address.text()), errno);
}

Result<UniqueFd> listen_on(const Address& address, int backlog, ReusePort reuse) {
    UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail_errno("socket", errno);
    if (address.family() == AF_UNIX) {
        ::unlink(as<sockaddr_un>(address).sun_path);
    } else {
        set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
        if (reuse == ReusePort::Yes) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT);
        if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
    }
    if (::bind(fd.get(), raw(address), address.length) != 0 || ::listen(fd.get(), backlog) != 0) {
        return fail_errno(fmt::format("cannot listen on {}", address.text()), errno);
    }
    return fd;
}

Address local_address(int fd) {
    Address address;
    address.length = sizeof address.storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) return {};
    return address;
}

Address peer_address(int fd) {
    Address address;
    address.length = sizeof address.storage;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) return {};
    return address;
}

Result<UniqueFd> start_connect(const Address& address) {
    UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail_errno("socket", errno);
    tune(fd.get(), address.family());
    ask_often(fd.get(), address.family());
    if (::connect(fd.get(), raw(address), address.length) != 0 && errno != EINPROGRESS) {
        return fail_errno(fmt::format("cannot connect to {}", address.text()), errno);
    }
    return fd;
}

int connect_outcome(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    return error;
}

Result<Accepted> accept_from(int listener) {
    Accepted accepted;
    auto* address = reinterpret_cast<sockaddr*>(&accepted.peer.storage);
    do {
        accepted.peer.length = sizeof accepted.peer.storage;
        accepted.fd.reset(::accept4(listener, address, &accepted.peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    } while (!accepted.fd.valid() && (errno == EINTR || errno == ECONNABORTED));
    if (!accepted.fd.valid()) {
        if (errno == EAGAIN) return accepted;
        return fail_errno("accept", errno);
    }
    tune(accepted.fd.get(), accepted.peer.family());
    return accepted;
}

namespace {
IoResult io_failure() {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return {IoResult::State::WouldBlock, 0, errno};
    return {IoResult::State::Failed, 0, errno};
}
}  // namespace

IoResult receive(int fd, char* to, std::size_t size) {
    const ssize_t got = ::recv(fd, to, size, 0);
    if (got > 0) return {IoResult::State::Ok, static_cast<std::size_t>(got), 0};
    if (got == 0) return {IoResult::State::Closed, 0, 0};
    return io_failure();
}

IoResult transmit(int fd, ByteView bytes) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return {IoResult::State::Ok, static_cast<std::size_t>(sent), 0};
    return io_failure();
}

void drop_unacknowledged(int fd) {
    int count = 0;
    if (::ioctl(fd, SIOCOUTQ, &count) != 0 || count == 0) return;
    const linger never{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &never, sizeof never);
}

}  // namespace pgpool::net
