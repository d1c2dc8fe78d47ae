// SPDX-License-Identifier: PostgreSQL
#include "common/net/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "common/base/error.h"

namespace pgpool::net {

namespace {
constexpr std::uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;

void control(int epoll, int operation, int fd, std::uint32_t events, void* data) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = data;
    if (::epoll_ctl(epoll, operation, fd, &event) != 0) {
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
}

// What is ready; nothing when a signal or the time has ended the wait.
std::span<const epoll_event> wait(int epoll, std::span<epoll_event> events, int milliseconds_at_most) {
    const int count =
        ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), milliseconds_at_most);
    return events.first(static_cast<std::size_t>(std::max(count, 0)));
}
}  // namespace

EventLoop::EventLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_(SteadyClock::now()),
      timers_(now_) {
    if (!epoll_.valid() || !wakeup_.valid()) {
        throw std::system_error(errno, std::generic_category(), "cannot create an event loop");
    }
    control(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), kReadEvents, nullptr);
}

EventLoop::~EventLoop() = default;

void EventLoop::add(int fd, Watch& watch) {
    PGPOOL_ASSERT(watch.fd_ == -1);
    control(epoll_.get(), EPOLL_CTL_ADD, fd, kReadEvents, &watch);
    watch.fd_ = fd;
    watch.wants_write_ = false;
}

void EventLoop::want_write(Watch& watch, bool wanted) {
    if (watch.fd_ == -1 || watch.wants_write_ == wanted) return;
    control(epoll_.get(), EPOLL_CTL_MOD, watch.fd_, kReadEvents | (wanted ? EPOLLOUT : 0U), &watch);
    watch.wants_write_ = wanted;
}

void EventLoop::remove(Watch& watch) {
    if (watch.fd_ == -1) return;
    control(epoll_.get(), EPOLL_CTL_DEL, watch.fd_, 0, nullptr);
    watch.fd_ = -1;
}

void EventLoop::dispose(std::unique_ptr<Watch> watch) {
    remove(*watch);
    disposed_.push_back(std::move(watch));
}

void EventLoop::run() {
    while (!stopping_.load(std::memory_order_acquire)) turn();
}

void EventLoop::stop() {
    stopping_.store(true, std::memory_order_release);
    wake();
}

void EventLoop::post(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(task));
    }
    wake();
}

void EventLoop::wake() {
    const std::uint64_t one = 1;
    // A full counter means that a wake-up is pending already.
    [[maybe_unused]] const ssize_t written = ::write(wakeup_.get(), &one, sizeof one);
}

int EventLoop::wait_milliseconds() const {
    const auto due = timers_.next_due();
    if (!due) return -1;
    const auto wait = std::chrono::ceil<milliseconds>(*due - now_).count();
    return static_cast<int>(std::clamp<std::int64_t>(wait, 0, 60'000));
}

void EventLoop::turn() {
    std::array<epoll_event, 256> events;  // NOLINT: filled by the kernel
    const auto ready = wait(epoll_.get(), events, wait_milliseconds());
    now_ = SteadyClock::now();
    if (turn_begin_) turn_begin_();
    bool woken = handle(ready);
    // Time has passed since the kernel was asked, much of it if the process was stopped. What came in until
    // now may be just what a timer that is due waits for.
    const auto due = timers_.next_due();
    if (due && *due <= now_) woken = handle(wait(epoll_.get(), events, 0)) || woken;
    if (woken) run_posted();
    timers_.advance(now_);
    if (turn_end_) turn_end_();
    disposed_.clear();
}

// Whether the wake-up was among them.
bool EventLoop::handle(std::span<const epoll_event> ready) {
    bool woken = false;
    for (const epoll_event& event : ready) {
        if (event.data.ptr == nullptr) {
            woken = true;
            continue;
        }
        auto* watch = static_cast<Watch*>(event.data.ptr);
        if (watch->fd_ == -1) continue;  // removed earlier in this turn
        watch->on_ready({.readable = (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                         .writable = (event.events & EPOLLOUT) != 0,
                         .closing = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0});
    }
    return woken;
}

void EventLoop::run_posted() {
    std::uint64_t counter = 0;
    [[maybe_unused]] const ssize_t got = ::read(wakeup_.get(), &counter, sizeof counter);
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(posted_);
    }
    for (const auto& task : tasks) task();
}

}  // namespace pgpool::net
