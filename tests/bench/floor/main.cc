// SPDX-License-Identifier: PostgreSQL
// bench_floor: a load generator that takes pgbench's place, see client.h. One thread.
#include <fmt/core.h>
#include <sys/epoll.h>

#include <array>
#include <exception>
#include <memory>
#include <vector>

#include "common/base/unique_fd.h"
#include "tests/bench/floor/client.h"

namespace pgpool::floor {

namespace {

class Load {
public:
    explicit Load(const Arguments& arguments) : arguments_(arguments), meter_(arguments) {
        for (int number = 0; number < arguments.clients; ++number) {
            clients_.push_back(std::make_unique<Client>(arguments_, number, meter_));
            watch(clients_.back()->main, number * 2);
            watch(clients_.back()->other, number * 2 + 1);
        }
    }

    // Transactions that have begun come to their end.
    void run() {
        const Clock::time_point end = Clock::now() + std::chrono::seconds(arguments_.seconds);
        for (const auto& client : clients_) client->begin();
        for (std::size_t busy = clients_.size(); busy > 0;) {
            busy -= turn(end);
            meter_.tell_progress(Clock::now());
        }
    }

private:
    void watch(const Node& node, int tag) {
        epoll_event event{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(tag)}};
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, node.descriptor(), &event);
    }

    // How many clients have ended.
    std::size_t turn(Clock::time_point end) {
        std::array<epoll_event, 64> events{};
        const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 1000);
        std::size_t ended = 0;
        for (int i = 0; i < count; ++i) {
            const std::uint32_t tag = events[static_cast<std::size_t>(i)].data.u32;
            Client& client = *clients_[tag / 2];
            if (!client.is_busy()) continue;
            (tag % 2 == 0 ? client.main : client.other).read();
            client.advance();
            if (client.is_busy()) continue;
            if (Clock::now() < end)
                client.begin();
            else
                ++ended;
        }
        return ended;
    }

    Arguments arguments_;
    Meter meter_;
    UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
    std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace

}  // namespace pgpool::floor

int main(int argc, char** argv) {
    try {
        pgpool::floor::Load load(pgpool::floor::parse_arguments(argc, argv));
        load.run();
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
}
