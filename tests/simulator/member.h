// SPDX-License-Identifier: PostgreSQL
#pragma once

// Member: a machine of the appliance. Its watchdog is the real lease and the real vote in one process. Its
// gate stands for proxy and virtual IP: other processes, which act by the view that the watchdog has
// published on a page, as they have read it last. So a watchdog that is stopped or dead leaves a gate that
// may act until its deadline.

#include <memory>
#include <unordered_map>

#include "tests/simulator/voter.h"
#include "watchdog/lease/lease.h"

namespace pgpool::simulator {

class Member {
public:
    // `ends`: of all voters, by number.
    Member(Surroundings& world, MemberId id, const std::vector<VoterEnd*>& ends,
           const std::vector<Member*>& members);

    [[nodiscard]] MemberId id() const { return id_; }
    [[nodiscard]] Voter& voter() { return voter_; }
    [[nodiscard]] bool is_running() const { return process_.state() == Process::State::Running; }
    [[nodiscard]] bool is_dead() const { return process_.state() == Process::State::Dead; }
    [[nodiscard]] lease::State state() const { return lease_->state(); }
    [[nodiscard]] const lease::View& view() const { return lease_->view(); }

    void start();
    void happens(const lease::Event& event);
    void kill();                      // the process; its kernel closes the connections
    void lose_power();                // the machine
    void stop() { process_.stop(); }  // SIGSTOP of the watchdog
    void go_on() { process_.go_on(world_.random); }
    void freeze();  // the whole machine; its clock goes on
    void thaw();
    void set_clock_rate(int ppm) { clock_.set_rate(world_.queue.now(), ppm); }
    void command(lease::VoterId node);

    // Tells the auditor whose lease somebody here goes by at this moment.
    void tell_who_may_act();

private:
    void step(const lease::Event& event);
    void perform(const lease::action::Open& open);
    void perform(const lease::action::Ask& ask);
    void perform(const lease::action::Close& close);
    void perform(const lease::action::Send& send);
    void perform(const lease::action::Publish& publish);
    void perform(const lease::action::Became& became);
    void perform(const lease::action::SteppedDown& down);
    void perform(const lease::action::NotRun&) {}
    void perform(const lease::action::InDoubt&) {}
    void perform(const lease::action::WaitUntil& wait);
    void hears(const Link& link, std::uint32_t life, const lease::Event& event);
    void read_page();
    [[nodiscard]] BootTime local() const { return clock_.read(world_.queue.now()); }

    Surroundings& world_;
    MemberId id_;
    const std::vector<VoterEnd*>& ends_;
    const std::vector<Member*>& members_;
    Process process_;
    DriftingClock clock_;
    Voter voter_;
    std::unique_ptr<lease::Lease> lease_;
    std::unordered_map<SessionId, Link> links_;
    lease::View page_;
    lease::View gate_;
    bool is_frozen_ = false;
    std::uint32_t boots_ = 0;
    std::uint64_t wake_ = 0;
    std::uint64_t next_command_ = 1;
};

}  // namespace pgpool::simulator
