// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/tickler.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace pgpool::vip {

namespace {

constexpr std::array kRepeats = {milliseconds(50), milliseconds(500), milliseconds(3'000)};

BootTime due(BootTime began, std::size_t repeats) {
    return began + kRepeats.at(repeats);
}

// A raw socket of protocol "raw" sends packets with their headers; the kernel routes them. It waits while the
// interface cannot take more, for a second at most.
Result<UniqueFd> open_raw(Family family) {
    const int domain = family == Family::V6 ? AF_INET6 : AF_INET;
    UniqueFd socket(::socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    if (!socket.valid()) return fail_errno("raw socket", errno);
    const timeval second{1, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
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

Result<std::size_t> send_all(std::span<const Connection> clients, Family family) {
    std::size_t sent = 0;
    int refused = 0;
    UniqueFd socket;
    for (const Connection& connection : clients) {
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
    if (sent == 0 && refused != 0) return fail_errno("send a tickle", refused);
    return sent;
}

Result<std::size_t> send_all(std::span<const Connection> clients) {
    const Result<std::size_t> v4 = send_all(clients, Family::V4);
    const Result<std::size_t> v6 = send_all(clients, Family::V6);
    if (v4 && v6) return *v4 + *v6;
    return v4 ? v6 : v4;
}

}  // namespace

Result<std::size_t> Tickler::begin(BootTime now, std::vector<Connection> clients) {
    const Result<std::size_t> sent = send_all(clients);
    rounds_.push_back({std::move(clients), now});
    return sent;
}

void Tickler::repeat(BootTime now) {
    for (Round& round : rounds_) {
        if (now < due(round.began, round.repeats)) continue;
        ++round.repeats;
        static_cast<void>(send_all(round.clients));  // begin() has told what keeps us from it
    }
    std::erase_if(rounds_, [](const Round& round) { return round.repeats == kRepeats.size(); });
}

BootTime Tickler::next() const {
    BootTime next = kNever;
    for (const Round& round : rounds_) next = std::min(next, due(round.began, round.repeats));
    return next;
}

}  // namespace pgpool::vip
