// SPDX-License-Identifier: PostgreSQL
// Client against a server that takes its login and reads no more.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <thread>

#include "common/base/unique_fd.h"
#include "common/pg/client.h"

namespace pgpool::pg {
namespace {

class DeafServer {
public:
    DeafServer() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* raw = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        if (::bind(listener_.get(), raw, size) != 0 || ::listen(listener_.get(), 1) != 0) return;
        ::getsockname(listener_.get(), raw, &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { welcome(); });
    }
    ~DeafServer() { thread_.join(); }
    [[nodiscard]] std::uint16_t port() const { return port_; }

    // What else there was to read, and how that ended: 0 or an errno.
    struct Rest {
        std::size_t count = 0;
        int error = 0;
    };
    [[nodiscard]] Rest read_to_the_end() const {
        Rest rest;
        std::array<char, 65536> bytes{};
        ssize_t got = 0;
        while ((got = ::recv(client_.get(), bytes.data(), bytes.size(), 0)) > 0)
            rest.count += static_cast<std::size_t>(got);
        rest.error = got < 0 ? errno : 0;
        return rest;
    }

private:
    void welcome() {
        client_.reset(::accept(listener_.get(), nullptr, nullptr));
        std::array<char, 4096> packet{};
        if (::recv(client_.get(), packet.data(), packet.size(), 0) <= 0) return;  // does it speak TLS?
        say("N");
        if (::recv(client_.get(), packet.data(), packet.size(), 0) <= 0) return;  // its startup packet
        say(std::string_view("R\0\0\0\x8\0\0\0\0Z\0\0\0\x5I", 15));
    }
    void say(std::string_view bytes) const {
        ::send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }

    UniqueFd listener_;
    UniqueFd client_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

ConnectParams params_of(const DeafServer& server) {
    ConnectParams params;
    params.host = "127.0.0.1";
    params.port = server.port();
    params.user = "postgres";
    params.database = "postgres";
    return params;
}

constexpr std::size_t kMuch = std::size_t{64} << 20U;  // more than lies in the sockets of both

TEST(GivenUp, WhatHasNotArrivedNeverDoes) {
    const DeafServer server;
    auto client = Client::connect(params_of(server), SteadyClock::now() + seconds(20), nullptr);
    ASSERT_TRUE(client) << client.error().message;
    const auto outcome =
        client->run("SELECT '" + std::string(kMuch, 'x') + "'", SteadyClock::now() + milliseconds(500));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().reach, cluster::Reach::Timeout);
    const auto rest = server.read_to_the_end();
    EXPECT_LT(rest.count, kMuch);
    EXPECT_EQ(rest.error, ECONNRESET);
}

TEST(GivenUp, WhoOwesNothingSaysFarewell) {
    const DeafServer server;
    {
        const auto client = Client::connect(params_of(server), SteadyClock::now() + seconds(20), nullptr);
        ASSERT_TRUE(client) << client.error().message;
    }
    const auto rest = server.read_to_the_end();
    EXPECT_EQ(rest.count, 5U) << "Terminate";
    EXPECT_EQ(rest.error, 0);
}

}  // namespace
}  // namespace pgpool::pg
