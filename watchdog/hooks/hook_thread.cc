// SPDX-License-Identifier: PostgreSQL
#include "watchdog/hooks/hook_thread.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <deque>
#include <exception>
#include <utility>

#include "common/obs/log.h"
#include "watchdog/hooks/hook_run.h"

namespace pgpool::hooks {

namespace {

const char* text_of(HookOutcome::Kind kind) {
    switch (kind) {
        case HookOutcome::Kind::Ended:
            return "exit status";
        case HookOutcome::Kind::Signalled:
            return "signal";
        case HookOutcome::Kind::TimedOut:
            return "killed after hooks.timeout";
        case HookOutcome::Kind::Left:
            return "killed, the watchdog ends";
        case HookOutcome::Kind::NotStarted:
            return "not started";
    }
    return "";
}

void tell(const HookJob& job, const HookOutcome& outcome, TimePoint begun) {
    const Duration took = SteadyClock::now() - begun;
    if (outcome.is_well())
        return log::info("hook_done", {{"event", job.event}, {"command", job.words.front()}, {"took", took}});
    log::warning("hook_failed", {{"event", job.event},
                                 {"command", job.words.front()},
                                 {"how", text_of(outcome.kind)},
                                 {"code", outcome.code},
                                 {"took", took},
                                 {"output", outcome.output}});
}

}  // namespace

HookThread::HookThread() : thread_([this] { serve(); }) {}

HookThread::~HookThread() {
    leave_.write.reset();
}

void HookThread::run(HookJob job) {
    const std::string event = job.event;
    if (!jobs_.push(std::move(job)))
        log::warning("hook_dropped", {{"event", event}, {"reason", "too many commands wait"}});
}

void HookThread::serve() {
    std::deque<HookJob> waiting;
    while (waiting.empty() ? wait_for_jobs() : wait_until(waiting.front().not_before)) {
        if (waiting.empty()) {
            for (HookJob& job : jobs_.take()) waiting.push_back(std::move(job));
        } else {
            carry_out(waiting.front());
            waiting.pop_front();
        }
    }
    for (HookJob& job : jobs_.take()) waiting.push_back(std::move(job));
    for (const HookJob& job : waiting)
        log::warning("hook_dropped", {{"event", job.event}, {"reason", "the watchdog ends"}});
}

void HookThread::carry_out(const HookJob& job) {
    const TimePoint begun = SteadyClock::now();
    try {
        tell(job, run_hook(job, leave_.read.get()), begun);
    } catch (const std::exception& error) {  // no descriptors or memory are left
        tell(job, {HookOutcome::Kind::NotStarted, 0, error.what()}, begun);
    }
}

bool HookThread::wait_for_jobs() const {
    std::array<pollfd, 2> watched{{{leave_.read.get(), POLLIN, 0}, {jobs_.fd(), POLLIN, 0}}};
    ::poll(watched.data(), watched.size(), -1);
    return watched[0].revents == 0;
}

bool HookThread::wait_until(TimePoint until) const {
    pollfd leave{leave_.read.get(), POLLIN, 0};
    const auto left = std::chrono::ceil<milliseconds>(until - SteadyClock::now());
    ::poll(&leave, 1, static_cast<int>(std::max<Duration::rep>(left.count(), 0)));
    return leave.revents == 0;
}

}  // namespace pgpool::hooks
