// SPDX-License-Identifier: PostgreSQL
#pragma once

// What all workers are asked at once, for the watchdog. Each answers on its own thread, between two events of
// its clients; the last one hands on the whole.

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "common/bus/messages.h"
#include "common/config/config.h"
#include "proxy/session/worker.h"

namespace pgpool::session {

// Clients for which something runs at that node, or is in a transaction there.
[[nodiscard]] std::uint32_t under_way_at(const Worker& worker, NodeId node);

// TCP clients that have connected to one of these addresses; ports do not count.
[[nodiscard]] std::vector<bus::Endpoint> addresses_of(const config::Vip& vip);
[[nodiscard]] std::vector<bus::Connection> connections_to(const Worker& worker,
                                                          const std::vector<bus::Endpoint>& addresses);

// `answer` runs on the thread of the worker that is last; never, if one of them ends before.
template <typename T>
void take_census(const std::vector<std::unique_ptr<Worker>>& workers, std::function<T(const Worker&)> part,
                 std::function<void(T&, T)> join, std::function<void(T)> answer) {
    struct Census {
        std::mutex mutex;
        std::size_t missing;
        T all{};
    };
    auto census = std::make_shared<Census>();
    census->missing = workers.size();
    for (const auto& worker : workers) {
        worker->run_on([census, part, join, answer, target = worker.get()] {
            T own = part(*target);
            const std::lock_guard lock(census->mutex);
            join(census->all, std::move(own));
            if (--census->missing == 0) answer(std::move(census->all));
        });
    }
}

}  // namespace pgpool::session
