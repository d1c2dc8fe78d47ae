// SPDX-License-Identifier: PostgreSQL
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "common/base/unique_fd.h"
#include "vip/kernel/connections.h"

namespace pgpool::vip {

namespace {

// A raw socket of protocol "raw" sends packets with their headers; the kernel routes them.
Result<UniqueFd> open_raw(Family family) {
    const int domain = family == Family::V6 ? AF_INET6 : AF_INET;
    UniqueFd socket(::socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
    if (!socket.valid()) return fail_errno("raw socket", errno);
    return socket;
}

int send_raw(int socket, const IpAddress& to, ByteView packet) {
    sockaddr_storage storage{};
    socklen_t length = 0;
    if (to.is_v6()) {
        auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
        address->sin6_family = AF_INET6;
        std::memcpy(&address->sin6_addr, to.bytes().data(), to.bytes().size());
        length = sizeof *address;
    } else {
        auto* address = reinterpret_cast<sockaddr_in*>(&storage);
        address->sin_family = AF_INET;
        std::memcpy(&address->sin_addr, to.bytes().data(), to.bytes().size());
        length = sizeof *address;
    }
    const auto* destination = reinterpret_cast<const sockaddr*>(&storage);
    return ::sendto(socket, packet.data(), packet.size(), 0, destination, length) < 0 ? errno : 0;
}

}  // namespace

Result<std::size_t> send_tickles(std::span<const Connection> connections) {
    std::size_t sent = 0;
    int refused = 0;
    for (const Family family : {Family::V4, Family::V6}) {
        UniqueFd socket;
        for (const Connection& connection : connections) {
            if (connection.client.address.family() != family) continue;
            if (!socket.valid()) {
                auto opened = open_raw(family);
                if (!opened) return tl::unexpected(opened.error());
                socket = std::move(*opened);
            }
            const int error = send_raw(socket.get(), connection.client.address, tickle(connection));
            if (error == 0) ++sent;
            if (error != 0) refused = error;
        }
    }
    if (sent == 0 && refused != 0) return fail_errno("send a tickle", refused);
    return sent;
}

}  // namespace pgpool::vip
