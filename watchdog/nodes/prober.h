// SPDX-License-Identifier: PostgreSQL
#pragma once

// Prober: the thread by which this member looks at one node, over a connection of its own. Each member has
// one for each node, whether it holds the lease or not: evidence is what a member has seen itself.
//
// Loop: probe, tell, wait until the next one is due, the connection ends, or somebody hurries it. While the
// node is not well, and for a while after hurry(), it looks faster.
// Threads: hurry() any; `told` is called on the prober's thread.

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/net/wakeup.h"
#include "common/pg/client.h"
#include "watchdog/nodes/sight.h"

namespace pgpool::nodes {

struct ProbePace {
    milliseconds well{250};      // from one probe to the next
    milliseconds trouble{50};    // while it is not well, or somebody hurries
    milliseconds timeout{1000};  // of one probe
    milliseconds hurry{2000};    // how long it lasts
    // Without an acknowledgement of its kernel for so long a host is silent, not hung; 0: that is not looked
    // at. More than a lost packet costs on a local network: TCP sends again after 200 ms at least.
    milliseconds silence{250};
};

class Prober {
public:
    using Told = std::function<void(Probe)>;

    // `login`: that of the lease sessions. Node: its place in the configuration.
    Prober(std::size_t node, pg::ConnectParams login, ProbePace pace, Told told);
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;
    ~Prober();

    // Probes at once, and fast for a while.
    void hurry();

private:
    void run();
    [[nodiscard]] Probe probe();
    [[nodiscard]] std::optional<pg::ClientError> connect(TimePoint deadline);
    [[nodiscard]] std::optional<pg::ClientError> look_up(TimePoint deadline);
    [[nodiscard]] pg::ClientResult<pg::Rows> ask(TimePoint deadline);
    void wait(TimePoint begun, bool is_well);
    void tell_session_end();

    const std::size_t node_;
    pg::ConnectParams login_;
    const ProbePace pace_;
    const Told told_;
    const net::Wakeup wakeup_;
    std::atomic<bool> is_stopping_{false};
    std::atomic<Duration::rep> hurried_until_{0};
    // Of the thread.
    FactsDepth depth_ = FactsDepth::Full;
    std::optional<pg::Client> client_;
    TimePoint looked_up_;
    std::thread thread_;  // last: it starts when all of the above is there
};

}  // namespace pgpool::nodes
