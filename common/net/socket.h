// SPDX-License-Identifier: PostgreSQL
#pragma once

// Sockets without blocking: addresses, listening, connecting, reading, writing. IPv4, IPv6 and UNIX sockets.

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/base/unique_fd.h"

namespace pgpool::net {

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] int family() const { return storage.ss_family; }
    [[nodiscard]] std::string host() const;  // numeric; "[local]" for a UNIX socket
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::string text() const;  // 127.0.0.1:5432, [::1]:5432, /dir/.s.PGSQL.5432
    friend bool operator==(const Address& left, const Address& right);
};

// Where a node or a listener is. `host` is a name or an address (resolved with getaddrinfo: blocks, so not in
// a worker), or a directory beginning with '/', as in libpq.
[[nodiscard]] Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port);
[[nodiscard]] Result<Address> unix_address(const std::string& directory, std::uint16_t port);

// An error if somebody listens there. Two processes may listen with ReusePort, and the file of a UNIX socket
// is replaced by whoever listens next: neither would tell.
[[nodiscard]] Result<void> check_unused(const Address& address);

enum class ReusePort : std::uint8_t { No, Yes };
[[nodiscard]] Result<UniqueFd> listen_on(const Address& address, int backlog, ReusePort reuse);

// The two ends of a connection; of no family when it has ended.
[[nodiscard]] Address local_address(int fd);
[[nodiscard]] Address peer_address(int fd);

// Begins to connect; completion is told by writability, its outcome by connect_outcome().
[[nodiscard]] Result<UniqueFd> start_connect(const Address& address);
[[nodiscard]] int connect_outcome(int fd);  // 0 or an errno

struct Accepted {
    UniqueFd fd;
    Address peer;
};
[[nodiscard]] Result<Accepted> accept_from(int listener);  // EAGAIN: fd not valid, no error

// Outcome of one recv or send.
struct IoResult {
    enum class State : std::uint8_t { Ok, WouldBlock, Closed, Failed };
    State state = State::Ok;
    std::size_t count = 0;
    int error = 0;
};
[[nodiscard]] IoResult receive(int fd, char* to, std::size_t size);
[[nodiscard]] IoResult transmit(int fd, ByteView bytes);

// To be called just before a connection is closed that is given up: what the kernel of the other host has not
// acknowledged by now never gets there, however soon the way there is mended. Else our kernel would go on
// sending it for minutes, and what was reported as lost would happen late. That host is told by a reset then,
// once; if it acknowledged all, the connection ends as ever. Harmless for what is no TCP connection.
void drop_unacknowledged(int fd);

}  // namespace pgpool::net
