// SPDX-License-Identifier: PostgreSQL
#pragma once

// Ledger: what a member knows of its sessions at the voters, and what follows from it for the lease.
// Bookkeeping and arithmetic; what to do about it is Lease's.
//
// Every time here is one of the member's own clock and errs to the safe side: a lock was granted not later
// than `acquired` (when the answer came), a session lived and had the lock at `fresh` or later (when the
// question went).

#include <optional>
#include <vector>

#include "watchdog/lease/events.h"
#include "watchdog/lease/parameters.h"

namespace pgpool::lease {

enum class Phase : std::uint8_t { Absent, Opening, Open, Locked };

struct Asked {
    Question question;
    BootTime sent = kNever;
};

struct Session {
    Phase phase = Phase::Absent;
    SessionId id{};
    BootTime opened = kNever;    // Opening: since when
    BootTime acquired = kNever;  // Locked
    BootTime fresh = kNever;     // Locked
    Epoch recorded{};            // that the voter has shown in this session
    Epoch told{};                // that it was asked to record in this session
    WallTime server_clock{};     // of the last answer
    BootTime heard = kNever;     // when that came
    std::optional<Asked> asked;  // never a second question before the answer
    std::optional<CommandId> next_command;
};

struct Seat {
    Session session;
    BootTime not_before = kNever;  // of the next attempt to open the session or to take the lock
    BootTime vote = kNever;  // when the last question was sent that a session with the lock has answered;
                             // outlives the session: that nobody else had the lock then stays true
    BootTime doubt_until = kNever;  // a command without an answer may take effect before this time
};

class Ledger {
public:
    Ledger(const Votes& votes, const Parameters& parameters);

    [[nodiscard]] std::size_t size() const { return seats_.size(); }
    [[nodiscard]] Seat& at(VoterId voter) { return seats_[voter.value]; }
    [[nodiscard]] const Seat& at(VoterId voter) const { return seats_[voter.value]; }

    [[nodiscard]] bool has_lock() const;  // one at least
    [[nodiscard]] bool has_quorum() const;
    // When the lease ends that rests on the votes: the latest time for which voters of a quorum have all
    // answered a question that was sent not earlier, plus the lease. kNever: there is no quorum of votes.
    [[nodiscard]] BootTime deadline() const;
    // When the locks of a quorum were all acquired; the earliest such time. REQUIRES: has_quorum().
    [[nodiscard]] BootTime quorum_acquired() const;
    // Until when nobody else can have prolonged a lease since some moment at which a quorum's locks were all
    // ours: each session of it has answered a question that was sent after the last of them was acquired.
    // kNever: that is not known of any moment.
    [[nodiscard]] BootTime locked_until() const;
    // Whether a quorum of sessions, all acquired by some time a, have recorded `epoch` and have answered
    // a question that was sent at a + wait or later, and so recently that the lease could rest on it.
    [[nodiscard]] bool is_confirmed(BootDuration wait, Epoch epoch, BootTime now) const;
    // No command that was sent can still take effect.
    [[nodiscard]] bool is_quiet(BootTime now) const;

    void forget_votes();

private:
    template <typename Predicate>
    [[nodiscard]] int weight_where(Predicate counts) const {
        int sum = 0;
        for (std::size_t i = 0; i < seats_.size(); ++i) {
            if (counts(seats_[i])) sum += votes_.weight(VoterId(static_cast<std::uint16_t>(i)));
        }
        return sum;
    }

    Votes votes_;
    Parameters parameters_;
    std::vector<Seat> seats_;
};

}  // namespace pgpool::lease
