// SPDX-License-Identifier: PostgreSQL
#pragma once

// Network: who hears whom, how late. Hosts are numbered as voters are.
//
// A datagram is lost where the link is down, and now and then elsewhere. A stream (TCP) keeps the order and
// sends again until the link is up: what was sent into a partition arrives when it heals, however late that
// is.

#include <deque>
#include <memory>
#include <vector>

#include "tests/simulator/queue.h"
#include "tests/simulator/random.h"

namespace pgpool::simulator {

using Host = std::size_t;

// How the network is at the moment.
struct Weather {
    Time delay_max = milliseconds(2);
    double loss = 0;        // of datagrams; of a stream's segments, which are then sent again
    double straggling = 0;  // share of datagrams that come twice, or seconds later
};

class Network {
public:
    Network(std::size_t hosts, Queue& queue, Random& random);
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;
    // What waits in a stream holds the connection that holds the stream: it is dropped with the network.
    ~Network();

    void set(Host from, Host to, bool is_up) { links_[from * hosts_ + to] = is_up; }
    void heal();
    // Hosts of different sides hear nothing of each other.
    void partition(const std::vector<bool>& side);
    void set_weather(const Weather& weather) { weather_ = weather; }
    // Between the first `hosts`, while elsewhere it is as set_weather() says.
    void set_weather_between(std::size_t hosts, const Weather& weather) {
        apart_ = hosts;
        weather_apart_ = weather;
    }

    void send(Host from, Host to, Queue::Task task);

    // One direction of a connection.
    class Stream : public std::enable_shared_from_this<Stream> {
    public:
        Stream(Network& network, Host from, Host to) : network_(network), from_(from), to_(to) {}
        void send(Queue::Task task);

    private:
        friend class Network;
        void pump(Time delay);
        void arrive();

        Network& network_;
        Host from_;
        Host to_;
        std::deque<Queue::Task> waiting_;
        int retries_ = 0;
    };
    [[nodiscard]] std::shared_ptr<Stream> stream(Host from, Host to);

private:
    [[nodiscard]] bool is_up(Host from, Host to) const { return links_[from * hosts_ + to]; }
    [[nodiscard]] Time delay(Host from, Host to);
    [[nodiscard]] const Weather& weather(Host from, Host to) const {
        return from < apart_ && to < apart_ ? weather_apart_ : weather_;
    }

    std::size_t hosts_;
    Queue& queue_;
    Random& random_;
    std::vector<bool> links_;
    Weather weather_;
    Weather weather_apart_;
    std::size_t apart_ = 0;
    std::vector<std::weak_ptr<Stream>> streams_;
};

}  // namespace pgpool::simulator
