// SPDX-License-Identifier: PostgreSQL
// Which address of a node a replication connection tries next.
#include <poll.h>

#include <array>

#include "common/wire/startup.h"
#include "tests/component/session/worker_fixture.h"

namespace pgpool::session {
namespace {

class Replication : public WorkerTest {
protected:
    // A primary "db" at these addresses, the same port at each.
    void primary_at(const std::vector<const char*>& hosts, std::uint16_t port) {
        for (const char* host : hosts) addresses_.push_back(address_of(host, port));
        config::Node node;
        node.host = "db";
        node.port = port_ = port;
        shared_.addresses.refresh({node});
        auto topology = std::make_shared<cluster::Topology>();
        cluster::NodeStatus& status = topology->nodes.emplace_back();
        status.id = NodeId(0);
        status.host = node.host;
        status.port = node.port;
        status.role = cluster::Role::Primary;
        status.state = cluster::NodeState::Up;
        topology->primary = status.id;
        worker_.run_on([this, topology] { worker_.on_topology(topology); });
    }
    [[nodiscard]] std::string address_in_use() const {
        return shared_.addresses.find("db", port_).value().host();
    }
    void replicate() { start({{"user", "amy"}, {"database", "app"}, {"replication", "database"}}); }

    std::uint16_t port_ = 0;
};

std::uint16_t port_of(const UniqueFd& socket) {
    return net::local_address(socket.get()).port();
}

bool is_readable(const UniqueFd& socket) {
    pollfd poll{.fd = socket.get(), .events = POLLIN, .revents = 0};
    return ::poll(&poll, 1, 5000) == 1;
}

// As a node that is starting: it reads the startup packet and says so. False: nobody came.
bool turn_away(const UniqueFd& listener) {
    if (!is_readable(listener)) return false;
    const UniqueFd peer = std::move(net::accept_from(listener.get()).value().fd);
    std::array<char, 1000> startup{};
    if (!is_readable(peer) || net::receive(peer.get(), startup.data(), startup.size()).count == 0)
        return false;
    std::string frame;
    wire::append_fatal(frame, {"the database system is starting up", SqlState("57P03")});
    return net::transmit(peer.get(), frame).count == frame.size();
}

TEST_F(Replication, ANodeThatAnswersIsReachedWhateverItSays) {
    const UniqueFd node = listen_at(address_of("127.0.0.1", 0));
    const UniqueFd another = listen_at(address_of("127.0.0.2", port_of(node)));
    primary_at({"127.0.0.1", "127.0.0.2"}, port_of(node));
    replicate();
    for (int attempt = 0; attempt < 3; ++attempt) ASSERT_TRUE(turn_away(node)) << attempt;
    stop();
    EXPECT_EQ(address_in_use(), "127.0.0.1");
}

TEST_F(Replication, AnAddressThatNobodyAnswersAtIsLeftForTheNext) {
    const UniqueFd node = listen_at(address_of("127.0.0.1", 0));
    primary_at({"127.0.0.2", "127.0.0.1"}, port_of(node));
    replicate();
    ASSERT_TRUE(turn_away(node));
    stop();
    EXPECT_EQ(address_in_use(), "127.0.0.1");
}

}  // namespace
}  // namespace pgpool::session
