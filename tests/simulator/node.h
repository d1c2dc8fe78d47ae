// SPDX-License-Identifier: PostgreSQL
#pragma once

// Node: a PostgreSQL server as far as the lease has to do with it. One advisory lock that belongs to a
// session and ends with it, idle_session_timeout, a clock of its own, an epoch on disk. A crash or restart
// ends all sessions. While it is stopped its clock goes on, and what waits in its sockets may be served
// before the timers that are due.

#include "tests/simulator/process.h"
#include "tests/simulator/surroundings.h"

namespace pgpool::simulator {

class Node : public VoterEnd {
public:
    Node(Surroundings& world, lease::VoterId id) : world_(world), id_(id) { process_.start(); }

    void open(const Link& link) override;
    void ask(const Link& link, const lease::Question& question) override;
    void close(const Link& link) override;

    [[nodiscard]] lease::VoterId id() const { return id_; }
    void stop() { process_.stop(); }
    void go_on() { process_.go_on(world_.random); }
    enum class Death : std::uint8_t { Crash, PowerLoss };  // after a crash the kernel tells the clients
    void die(Death death);
    void start();
    [[nodiscard]] bool is_dead() const { return process_.state() == Process::State::Dead; }
    // pg_terminate_backend of one of its sessions.
    void terminate_any();
    void set_clock_rate(int ppm) { clock_.set_rate(world_.queue.now(), ppm); }

private:
    struct Session {
        Link link;
        std::uint64_t idle = 0;  // which time it is idle; a timer of another time is void
    };
    [[nodiscard]] std::vector<Session>::iterator find(const Link& link);
    void serve(Session& session, const lease::Question& question);
    [[nodiscard]] WallTime wall_clock() const;
    void run(const lease::Question& question, const Link& link);
    void become_idle(Session& session);
    void end(std::vector<Session>::iterator session);

    Surroundings& world_;
    lease::VoterId id_;
    Process process_;
    DriftingClock clock_;
    Epoch epoch_{};
    std::uint64_t idle_ = 0;
    std::vector<Session> sessions_;
    Link owner_;  // of the lock
};

}  // namespace pgpool::simulator
