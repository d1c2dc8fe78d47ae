// SPDX-License-Identifier: PostgreSQL
#pragma once

// Voter: the real lease::MemberVoter in a process; of a member, or of a witness. What is on its disk outlives
// it.

#include <optional>

#include "tests/simulator/process.h"
#include "tests/simulator/surroundings.h"
#include "watchdog/lease/member_voter.h"

namespace pgpool::simulator {

class Voter : public VoterEnd {
public:
    Voter(Surroundings& world, Process& process, DriftingClock& clock)
        : world_(world), process_(process), clock_(clock) {}

    void open(const Link& link) override;
    void ask(const Link& link, const lease::Question& question) override;
    void close(const Link& link) override;

    // With its process.
    void start();
    [[nodiscard]] Epoch stored() const { return stored_; }

private:
    [[nodiscard]] BootTime local() const { return clock_.read(world_.queue.now()); }
    // A process that is not there answers nothing; its kernel may say so.
    void handle(const Link& link, Queue::Task task);
    void serve(const Link& link, const lease::Question& question);

    Surroundings& world_;
    Process& process_;
    DriftingClock& clock_;
    Epoch stored_{};
    std::optional<lease::MemberVoter> voter_;
};

// A machine that does nothing but vote.
class Witness {
public:
    explicit Witness(Surroundings& world) : world_(world), voter_(world, process_, clock_) { start(); }

    [[nodiscard]] Voter& voter() { return voter_; }
    void start() {
        process_.start();
        voter_.start();
    }
    void die() { process_.die(); }
    [[nodiscard]] bool is_dead() const { return process_.state() == Process::State::Dead; }
    void stop() { process_.stop(); }
    void go_on() { process_.go_on(world_.random); }

private:
    Surroundings& world_;
    Process process_;
    DriftingClock clock_;
    Voter voter_;
};

}  // namespace pgpool::simulator
