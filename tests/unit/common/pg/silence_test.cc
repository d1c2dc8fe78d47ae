// SPDX-License-Identifier: PostgreSQL
#include "common/pg/silence.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/pg/client.h"

namespace pgpool::pg {
namespace {

// Takes connections as a stopped server's kernel does, and none any more when its queue is full: it drops
// requests then, as if it were dead.
class MuteHost {
public:
    MuteHost() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listener_.get(), generic, size), 0);
        EXPECT_EQ(::listen(listener_.get(), 0), 0);
        EXPECT_EQ(::getsockname(listener_.get(), generic, &size), 0);
        address_ = address;
    }
    UniqueFd dial() {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const int done = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
        EXPECT_TRUE(done == 0 || errno == EINPROGRESS);
        return fd;
    }
    // On the loopback a request is acknowledged before connect(2) returns.
    void fill() {
        while (queue_.size() < 10 && (queue_.empty() || !is_unacknowledged(queue_.back().get())))
            queue_.push_back(dial());
    }
    [[nodiscard]] ConnectParams params(milliseconds silence) const {
        ConnectParams params;
        params.host = "127.0.0.1";
        params.addresses = {"127.0.0.1"};
        params.port = ntohs(address_.sin_port);
        params.user = params.database = "u";
        params.silence = silence;
        return params;
    }

private:
    UniqueFd listener_;
    sockaddr_in address_{};
    std::vector<UniqueFd> queue_;
};

TEST(Silence, IsWhatTheKernelThereHasNotAcknowledged) {
    MuteHost host;
    const UniqueFd taken = host.dial();
    EXPECT_FALSE(is_unacknowledged(taken.get()));
    EXPECT_EQ(::send(taken.get(), "x", 1, 0), 1);
    EXPECT_FALSE(is_unacknowledged(taken.get())) << "nobody reads it, but the host has it";
    host.fill();
    EXPECT_TRUE(is_unacknowledged(host.dial().get()));
}

TEST(Silence, OfWhatIsNoTcpConnectionIsNotSeen) {
    const UniqueFd local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_FALSE(is_unacknowledged(local.get()));
    EXPECT_FALSE(is_unacknowledged(-1));
}

TEST(Client, TellsADeadHostFromOneWhoseServerHangs) {
    MuteHost host;
    const auto connect = [&host](milliseconds silence) {
        return Client::connect(host.params(silence), SteadyClock::now() + milliseconds(300), nullptr);
    };
    const auto hung = connect(milliseconds(50));
    ASSERT_FALSE(hung);
    EXPECT_EQ(hung.error().reach, cluster::Reach::Timeout) << hung.error().message;
    host.fill();
    const auto silent = connect(milliseconds(50));
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().reach, cluster::Reach::Unreachable) << silent.error().message;
    EXPECT_EQ(connect(milliseconds(0)).error().reach, cluster::Reach::Timeout) << "the deadline alone counts";
}

}  // namespace
}  // namespace pgpool::pg
