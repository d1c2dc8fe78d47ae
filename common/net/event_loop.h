// SPDX-License-Identifier: PostgreSQL
#pragma once

// EventLoop: one thread's epoll loop (docs/adr/0001-event-loop.md).
//
// Descriptors are registered once, edge-triggered, for reading; writability is asked for only while a send is
// blocked. One turn = wait, handle what is ready, run what was posted, fire timers, then the turn-end hook,
// where a worker writes what the turn has produced: one send per connection and turn.
//
// Invariant: a timer never overtakes what was there before it was due.
//
// Threads: everything from the loop's own thread, except post() and stop().
// Lifetime: a Watch must stay alive until the end of the turn in which it was removed; dispose() takes care
// of that.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/net/timer_wheel.h"

struct epoll_event;

namespace pgpool::net {

struct Readiness {
    bool readable = false;  // also when the peer has closed
    bool writable = false;
    bool closing = false;  // the peer sends no more, or the connection is broken: read to the end
};

class Watch {
public:
    Watch() = default;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    virtual ~Watch() = default;
    virtual void on_ready(Readiness readiness) = 0;

private:
    friend class EventLoop;
    int fd_ = -1;  // registered descriptor, -1 = none
    bool wants_write_ = false;
};

class EventLoop {
public:
    EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    ~EventLoop();

    void add(int fd, Watch& watch);
    void want_write(Watch& watch, bool wanted);
    void remove(Watch& watch);  // harmless when not registered; call before closing the descriptor
    void dispose(std::unique_ptr<Watch> watch);  // removes it now, deletes it at the end of the turn

    void run();                             // until stop()
    void stop();                            // any thread
    void post(std::function<void()> task);  // any thread; runs on the loop's thread
    void at_turn_begin(std::function<void()> hook) { turn_begin_ = std::move(hook); }  // now() is new
    void at_turn_end(std::function<void()> hook) { turn_end_ = std::move(hook); }

    [[nodiscard]] TimePoint now() const { return now_; }  // read once per turn
    void arm(Timer& timer, Duration after) { timers_.arm(timer, now_, after); }

private:
    void turn();
    bool handle(std::span<const epoll_event> ready);
    [[nodiscard]] int wait_milliseconds() const;
    void run_posted();
    void wake();

    UniqueFd epoll_;
    UniqueFd wakeup_;
    TimePoint now_;
    TimerWheel timers_;
    std::function<void()> turn_begin_;
    std::function<void()> turn_end_;
    std::vector<std::unique_ptr<Watch>> disposed_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;  // guards posted_
    std::vector<std::function<void()>> posted_;
};

}  // namespace pgpool::net
