// SPDX-License-Identifier: PostgreSQL
#pragma once

// HookThread: runs commands one after the other on a thread of its own, so that whatever they do nothing else
// waits. At most kHookBacklog wait; later ones are refused.
//
// When it is destroyed the command that runs is killed, and those that wait are dropped; the log names them.
// Threads: made and destroyed by one; run() any, it never blocks.

#include <cstddef>
#include <thread>

#include "common/net/mailbox.h"
#include "common/net/pipe.h"
#include "watchdog/hooks/hook_event.h"

namespace pgpool::hooks {

inline constexpr std::size_t kHookBacklog = 256;

class HookThread {
public:
    HookThread();
    HookThread(const HookThread&) = delete;
    HookThread& operator=(const HookThread&) = delete;
    ~HookThread();

    void run(HookJob job);

private:
    void serve();
    void carry_out(const HookJob& job);
    // False: the thread is to end.
    [[nodiscard]] bool wait_for_jobs() const;
    [[nodiscard]] bool wait_until(TimePoint until) const;

    net::Mailbox<HookJob> jobs_{kHookBacklog};
    net::Pipe leave_;  // its write end is closed at the end
    std::jthread thread_;
};

}  // namespace pgpool::hooks
