// SPDX-License-Identifier: PostgreSQL
#include "common/net/socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

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

}  // namespace
}  // namespace pgpool::net
