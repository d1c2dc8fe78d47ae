// SPDX-License-Identifier: PostgreSQL
#include "tests/simulator/network.h"

#include <algorithm>

namespace pgpool::simulator {

Network::Network(std::size_t hosts, Queue& queue, Random& random)
    : hosts_(hosts), queue_(queue), random_(random), links_(hosts * hosts, true) {}

Network::~Network() {
    for (const std::weak_ptr<Stream>& each : streams_) {
        if (const auto stream = each.lock()) stream->waiting_.clear();
    }
}

std::shared_ptr<Network::Stream> Network::stream(Host from, Host to) {
    auto stream = std::make_shared<Stream>(*this, from, to);
    streams_.push_back(stream);
    return stream;
}

void Network::heal() {
    std::fill(links_.begin(), links_.end(), true);
}

void Network::partition(const std::vector<bool>& side) {
    for (Host from = 0; from < hosts_; ++from) {
        for (Host to = 0; to < hosts_; ++to) set(from, to, side[from] == side[to]);
    }
}

Time Network::delay(Host from, Host to) {
    if (from == to) return random_.between(Time(1'000), Time(50'000));
    // Most are fast also where some are slow.
    return random_.between(Time(50'000),
                           random_.chance(0.7) ? Time(milliseconds(1)) : weather(from, to).delay_max);
}

void Network::send(Host from, Host to, Queue::Task task) {
    const auto deliver = [this, from, to, task] {
        if (is_up(from, to)) task();
    };
    if (!is_up(from, to) || (from != to && random_.chance(weather(from, to).loss))) return;
    if (random_.chance(weather(from, to).straggling))
        queue_.after(random_.between(Time(0), std::chrono::seconds(5)), deliver);
    queue_.after(delay(from, to), deliver);
}

void Network::Stream::send(Queue::Task task) {
    waiting_.push_back(std::move(task));
    if (waiting_.size() == 1) pump(network_.delay(from_, to_));
}

void Network::Stream::pump(Time delay) {
    network_.queue_.after(delay, [self = shared_from_this()] { self->arrive(); });
}

void Network::Stream::arrive() {
    if (!network_.is_up(from_, to_) ||
        (from_ != to_ && network_.random_.chance(network_.weather(from_, to_).loss))) {
        // 0.2 s and doubling, as TCP does, up to a tcp_user_timeout of about 5 s.
        if (++retries_ <= 5) {
            pump(milliseconds(100) * (1 << retries_));
        } else {
            waiting_.clear();
        }
        return;
    }
    retries_ = 0;
    const Queue::Task task = std::move(waiting_.front());
    waiting_.pop_front();
    if (!waiting_.empty()) pump(network_.delay(from_, to_));
    task();
}

}  // namespace pgpool::simulator
