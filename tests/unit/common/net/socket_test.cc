// SPDX-License-Identifier: PostgreSQL
#include "common/net/socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <string>

namespace pgpool::net {
namespace {

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

// The defaults of the kernel are two hours, and then eleven minutes.
TEST(Socket, WhoWaitsForAPeerHearsSoonThatItsHostIsGone) {
    const auto anywhere = resolve("127.0.0.1", 0);
    ASSERT_TRUE(anywhere && !anywhere->empty());
    const auto listener = listen_on(anywhere->front(), 1, ReusePort::No);
    ASSERT_TRUE(listener);
    const auto fd = start_connect(local_address(listener->get()));
    ASSERT_TRUE(fd);
    EXPECT_NE(option(fd->get(), SOL_SOCKET, SO_KEEPALIVE), 0);
    EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_KEEPIDLE), 5);
    EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_KEEPINTVL), 2);
    EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_KEEPCNT), 3);
    EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_USER_TIMEOUT), 0) << "a peer that does not read may be well";
}

// Two ends of a TCP connection.
struct Connection {
    Connection() {
        const auto listener = listen_on(resolve("127.0.0.1", 0).value().front(), 1, ReusePort::No).value();
        near = start_connect(local_address(listener.get())).value();
        while (!far.valid()) far = accept_from(listener.get()).value().fd;
    }
    // Until nothing more fits between them.
    [[nodiscard]] std::size_t fill() const {
        const std::string bytes(std::size_t{1} << 16U, 'x');
        std::size_t all = 0;
        for (IoResult sent = transmit(near.get(), bytes); sent.count > 0;) {
            all += sent.count;
            sent = transmit(near.get(), bytes);
        }
        return all;
    }
    struct Rest {
        std::size_t count = 0;
        IoResult end;
    };
    [[nodiscard]] Rest read_to_the_end() const {
        Rest rest;
        char bytes[65536];
        while (true) {
            rest.end = receive(far.get(), bytes, sizeof bytes);
            rest.count += rest.end.count;
            if (rest.end.state == IoResult::State::Closed || rest.end.state == IoResult::State::Failed)
                return rest;
        }
    }
    UniqueFd near;
    UniqueFd far;
};

TEST(Socket, WhatThePeerHasNotAcknowledgedNeverGetsThere) {
    Connection connection;
    const std::size_t sent = connection.fill();
    drop_unacknowledged(connection.near.get());
    connection.near.reset();
    const auto rest = connection.read_to_the_end();
    EXPECT_LT(rest.count, sent);
    EXPECT_EQ(rest.end.error, ECONNRESET);
}

TEST(Socket, WithoutThatAllOfItGetsThere) {
    Connection connection;
    const std::size_t sent = connection.fill();
    connection.near.reset();
    const auto rest = connection.read_to_the_end();
    EXPECT_EQ(rest.count, sent);
    EXPECT_EQ(rest.end.state, IoResult::State::Closed);
}

TEST(Socket, WhatThePeerHasAcknowledgedEndsAsEver) {
    Connection connection;
    ASSERT_EQ(transmit(connection.near.get(), "X").count, 1U);
    char byte = 0;
    while (receive(connection.far.get(), &byte, 1).count == 0) continue;
    drop_unacknowledged(connection.near.get());
    connection.near.reset();
    const auto rest = connection.read_to_the_end();
    EXPECT_EQ(rest.count, 0U);
    EXPECT_EQ(rest.end.state, IoResult::State::Closed);
}

}  // namespace
}  // namespace pgpool::net
