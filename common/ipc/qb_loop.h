// SPDX-License-Identifier: PostgreSQL
#pragma once

// QbLoop: libqb's loop, with tasks from other threads and one timer. Private to common/ipc.
//
// Threads: made and run on one thread, whose loop it then is; post() from any. libqb's handlers for polling
// carry no pointer of ours, so they find the loop by a thread-local variable: one loop for each thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/ipc/guard.h"

struct qb_loop;
struct qb_ipcs_poll_handlers;

namespace pgpool::ipc {

class QbLoop {
public:
    class Owner {
    public:
        Owner() = default;
        Owner(const Owner&) = delete;
        Owner& operator=(const Owner&) = delete;
        virtual ~Owner() = default;
        // libqb has this descriptor polled, for this data of its own: its guard, null if it needs none.
        virtual Guard* on_watch(int fd, void* data) = 0;
        virtual void on_alarm() = 0;
    };

    explicit QbLoop(Owner& owner);
    QbLoop(const QbLoop&) = delete;
    QbLoop& operator=(const QbLoop&) = delete;
    ~QbLoop();

    [[nodiscard]] static qb_ipcs_poll_handlers poll_handlers();

    void run();  // until stop()
    void stop();
    void post(std::function<void()> task);  // any thread
    void arm_alarm(milliseconds pause);     // once; nothing if it is armed

private:
    using Dispatch = std::int32_t (*)(std::int32_t fd, std::int32_t events, void* data);
    struct Watched {
        Dispatch dispatch = nullptr;
        void* data = nullptr;
        Guard* guard = nullptr;
    };

    static std::int32_t on_ready(std::int32_t fd, std::int32_t events, void* data) noexcept;
    static std::int32_t on_posted(std::int32_t fd, std::int32_t events, void* data) noexcept;
    static void on_alarm(void* data) noexcept;
    std::int32_t watch(std::int32_t fd, std::int32_t events, void* data, Dispatch dispatch);
    std::int32_t unwatch(std::int32_t fd);

    qb_loop* loop_;
    UniqueFd wakeup_;
    Owner& owner_;
    bool is_armed_ = false;
    std::unordered_map<int, std::unique_ptr<Watched>> watched_;
    std::mutex mutex_;  // guards posted_
    std::vector<std::function<void()>> posted_;
};

}  // namespace pgpool::ipc
