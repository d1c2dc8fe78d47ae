// SPDX-License-Identifier: PostgreSQL
#pragma once

// Process: something that handles what reaches it, unless it is stopped (then it does so when it goes on) or
// dead.

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/simulator/queue.h"
#include "tests/simulator/random.h"

namespace pgpool::simulator {

class Process {
public:
    enum class State : std::uint8_t { Running, Stopped, Dead };

    [[nodiscard]] State state() const { return state_; }
    // Which of its lives this is; a task of a former life is not run.
    [[nodiscard]] std::uint32_t life() const { return life_; }

    void handle(Queue::Task task) { handle(std::move(task), messages_); }
    // While it is stopped a timer may be due and a message be in its socket: which it sees first is chance.
    void handle_timer(Queue::Task task) { handle(std::move(task), timers_); }

    void stop() {
        if (state_ == State::Running) state_ = State::Stopped;
    }
    void go_on(Random& random) {
        if (state_ != State::Stopped) return;
        state_ = State::Running;
        const bool are_timers_first = random.chance(0.5);
        drain(are_timers_first ? timers_ : messages_);
        drain(are_timers_first ? messages_ : timers_);
    }
    void die() {
        state_ = State::Dead;
        messages_.clear();
        timers_.clear();
    }
    void start() {
        state_ = State::Running;
        ++life_;
    }

private:
    void handle(Queue::Task task, std::vector<Queue::Task>& kept) {
        if (state_ == State::Running) {
            task();
        } else if (state_ == State::Stopped) {
            kept.push_back(std::move(task));
        }
    }
    static void drain(std::vector<Queue::Task>& kept) {
        const std::vector<Queue::Task> tasks = std::exchange(kept, {});
        for (const Queue::Task& task : tasks) task();
    }

    State state_ = State::Dead;
    std::uint32_t life_ = 0;
    std::vector<Queue::Task> messages_;
    std::vector<Queue::Task> timers_;
};

}  // namespace pgpool::simulator
