// SPDX-License-Identifier: PostgreSQL
#pragma once

// OwnThread: the thread of an object that works through what others leave in it, guarded by one mutex.
//
// Its body returns soon after stopping() became true; what it waits for then is `wake`. Threads: any, without
// the mutex held; stopping() also with it.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace pgpool::health {

class OwnThread {
public:
    OwnThread(std::mutex& mutex, std::condition_variable& wake) : mutex_(mutex), wake_(wake) {}
    OwnThread(const OwnThread&) = delete;
    OwnThread& operator=(const OwnThread&) = delete;
    ~OwnThread() { stop(); }

    void start(std::function<void()> body) {  // nothing while it runs
        const std::lock_guard lock(mutex_);
        if (thread_.joinable()) return;
        stopping_ = false;
        thread_ = std::thread(std::move(body));
    }

    void stop() {
        std::thread ending;
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            ending.swap(thread_);
            wake_.notify_one();
        }
        if (ending.joinable()) ending.join();
    }

    [[nodiscard]] const std::atomic<bool>& stopping() const { return stopping_; }  // also before start()

private:
    std::mutex& mutex_;
    std::condition_variable& wake_;
    std::atomic<bool> stopping_{true};
    std::thread thread_;
};

}  // namespace pgpool::health
