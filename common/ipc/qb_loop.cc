// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/qb_loop.h"

#include <poll.h>
#include <qb/qbipcs.h>
#include <qb/qbloop.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>

#include "common/base/error.h"

namespace pgpool::ipc {

namespace {
thread_local QbLoop* of_this_thread = nullptr;
}

QbLoop::QbLoop(Owner& owner)
    : loop_(::qb_loop_create()), wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), owner_(owner) {
    PGPOOL_ASSERT(of_this_thread == nullptr);
    if (loop_ == nullptr || !wakeup_.valid() ||
        ::qb_loop_poll_add(loop_, QB_LOOP_HIGH, wakeup_.get(), POLLIN, this, &QbLoop::on_posted) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot create the loop of the bus");
    }
    of_this_thread = this;
}

QbLoop::~QbLoop() {
    ::qb_loop_destroy(loop_);
    of_this_thread = nullptr;
}

qb_ipcs_poll_handlers QbLoop::poll_handlers() {
    qb_ipcs_poll_handlers handlers{};
    handlers.job_add = [](qb_loop_priority priority, void* data, qb_loop_job_dispatch_fn dispatch) {
        return ::qb_loop_job_add(of_this_thread->loop_, priority, data, dispatch);
    };
    // The priority of a slow service (see Service) is meant for how much is read at a time, not for this
    // loop.
    handlers.dispatch_add = [](qb_loop_priority, std::int32_t fd, std::int32_t events, void* data,
                               qb_ipcs_dispatch_fn_t dispatch) {
        return of_this_thread->watch(fd, events, data, dispatch);
    };
    handlers.dispatch_mod = [](qb_loop_priority, std::int32_t fd, std::int32_t events, void* data,
                               qb_ipcs_dispatch_fn_t dispatch) {
        of_this_thread->unwatch(fd);
        return of_this_thread->watch(fd, events, data, dispatch);
    };
    handlers.dispatch_del = [](std::int32_t fd) { return of_this_thread->unwatch(fd); };
    return handlers;
}

std::int32_t QbLoop::watch(std::int32_t fd, std::int32_t events, void* data, Dispatch dispatch) {
    auto watched = std::make_unique<Watched>(Watched{dispatch, data, owner_.on_watch(fd, data)});
    const std::int32_t status =
        ::qb_loop_poll_add(loop_, QB_LOOP_MED, fd, events, watched.get(), &QbLoop::on_ready);
    if (status == 0) watched_[fd] = std::move(watched);
    return status;
}

std::int32_t QbLoop::unwatch(std::int32_t fd) {
    const std::int32_t status = ::qb_loop_poll_del(loop_, fd);
    watched_.erase(fd);
    return status;
}

std::int32_t QbLoop::on_ready(std::int32_t fd, std::int32_t events, void* data) noexcept {
    const Watched watched = *static_cast<Watched*>(data);  // a copy: dispatch may end the watch
    const bool is_lost = (events & (POLLHUP | POLLNVAL)) != 0;
    if (watched.guard != nullptr && !is_lost && !watched.guard->is_next_genuine()) return 0;
    return watched.dispatch(fd, events, watched.data);
}

void QbLoop::run() {
    ::qb_loop_run(loop_);
}

void QbLoop::stop() {
    ::qb_loop_stop(loop_);
}

void QbLoop::post(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(task));
    }
    const std::uint64_t one = 1;
    // A full counter means that a wake-up is pending already.
    [[maybe_unused]] const ssize_t written = ::write(wakeup_.get(), &one, sizeof one);
}

std::int32_t QbLoop::on_posted(std::int32_t fd, std::int32_t /*events*/, void* data) noexcept {
    auto* self = static_cast<QbLoop*>(data);
    std::uint64_t counter = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd, &counter, sizeof counter);
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(self->mutex_);
        tasks.swap(self->posted_);
    }
    for (const auto& task : tasks) task();
    return 0;
}

void QbLoop::arm_alarm(milliseconds pause) {
    if (is_armed_) return;
    qb_loop_timer_handle handle = 0;
    const auto wait = static_cast<std::uint64_t>(std::chrono::nanoseconds(pause).count());
    is_armed_ = ::qb_loop_timer_add(loop_, QB_LOOP_MED, wait, this, &QbLoop::on_alarm, &handle) == 0;
}

void QbLoop::on_alarm(void* data) noexcept {
    auto* self = static_cast<QbLoop*>(data);
    self->is_armed_ = false;
    self->owner_.on_alarm();
}

}  // namespace pgpool::ipc
