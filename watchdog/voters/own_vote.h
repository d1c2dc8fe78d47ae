// SPDX-License-Identifier: PostgreSQL
#pragma once

// OwnVote: the vote of this member, or of a witness, as the members ask for it. MemberVoter judges; here
// answers wait for the disk.
//
// Invariant: an answer is given only when the epoch in it is on disk, so that no answer is forgotten.
// Pure: time and what is on disk are arguments. Threads: one.

#include <vector>

#include "watchdog/lease/events.h"
#include "watchdog/lease/member_voter.h"

namespace pgpool::voters {

class OwnVote {
public:
    OwnVote(const lease::Parameters& parameters, BootTime started, Epoch stored)
        : voter_(parameters, started, stored), stored_(stored) {}

    void ask(lease::VoterId member, SessionId session, const lease::Question& question, BootTime now);
    void close(lease::VoterId member, SessionId session);

    // That must be brought to disk; then stored() is told.
    [[nodiscard]] Epoch epoch() const { return voter_.epoch(); }
    void stored(Epoch epoch) { stored_ = std::max(stored_, epoch); }

    struct Reply {
        lease::VoterId member;
        SessionId session;
        bool is_closed = false;  // the session is over; there is no answer
        lease::Answer answer;
    };
    // What may be told now, in the order of the questions.
    [[nodiscard]] std::vector<Reply> take_replies();

private:
    lease::MemberVoter voter_;
    Epoch stored_;
    std::vector<Reply> replies_;
};

}  // namespace pgpool::voters
