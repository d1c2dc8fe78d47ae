// SPDX-License-Identifier: PostgreSQL
#include "tests/simulator/voter.h"

namespace pgpool::simulator {

void Voter::start() {
    voter_.emplace(world_.parameters, local(), stored_);
}

void Voter::handle(const Link& link, Queue::Task task) {
    if (process_.state() == Process::State::Dead) {
        if (world_.random.chance(0.5)) link->lost();
        return;
    }
    process_.handle(std::move(task));
}

void Voter::open(const Link& link) {
    handle(link, [link] { link->opened(); });
}

void Voter::ask(const Link& link, const lease::Question& question) {
    handle(link, [this, link, question] { serve(link, question); });
}

void Voter::close(const Link& link) {
    process_.handle([this, link] {
        world_.auditor.closed(*link);
        voter_->close(link->member, link->session);
    });
}

void Voter::serve(const Link& link, const lease::Question& question) {
    using Verdict = lease::MemberVoter::Verdict;
    const bool is_lock = question.kind == lease::Question::Kind::Lock;
    const Verdict verdict = is_lock ? voter_->lock(link->member, link->session, local())
                                    : voter_->renew(link->member, link->session, question.record, local());
    stored_ = voter_->epoch();
    if (verdict == Verdict::Closed) return link->lost();
    if (verdict == Verdict::Granted && is_lock) world_.auditor.granted(*link, world_.queue.now());
    if (verdict == Verdict::Granted && !is_lock) world_.auditor.renewed(*link, world_.queue.now());
    link->answer({.has_lock = verdict == Verdict::Granted, .epoch = stored_, .server_clock = {}});
}

}  // namespace pgpool::simulator
