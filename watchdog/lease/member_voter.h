// SPDX-License-Identifier: PostgreSQL
#pragma once

// MemberVoter: the vote of a member (or of a witness that is no PostgreSQL server). It behaves as a lease
// session of a node does: a lock belongs to one session, lives as long as that is renewed, and ends with it.
//
// Invariants:
//   1. A grant is a promise of session_timeout: nobody else gets the lock before, unless its session was
//   closed.
//   2. The promise outlives a restart, though the grant does not: for `lease` after its start it grants
//   nothing.
//   3. A session that ended, in whatever way, is never renewed.
//   4. epoch() never falls. The shell writes it to disk before it sends an answer, and gives it back after a
//   restart.
// Threads: one. Time is an argument.

#include <optional>

#include "common/base/ids.h"
#include "watchdog/lease/parameters.h"

namespace pgpool::lease {

class MemberVoter {
public:
    enum class Verdict : std::uint8_t {
        Granted,  // the lock is this session's, from now for session_timeout
        Refused,  // it is another's; the session goes on
        Closed,   // the session is over
    };

    MemberVoter(const Parameters& parameters, BootTime started, Epoch stored);

    // A new session of a member takes over from its old one: the member has given that up.
    [[nodiscard]] Verdict lock(MemberId member, SessionId session, BootTime now);
    // `record` = the epoch that the member takes or has, 0 if none.
    [[nodiscard]] Verdict renew(MemberId member, SessionId session, Epoch record, BootTime now);
    void close(MemberId member, SessionId session);

    [[nodiscard]] Epoch epoch() const { return epoch_; }

private:
    struct Grant {
        MemberId member;
        SessionId session;
        BootTime renewed;
    };
    [[nodiscard]] bool is_held(BootTime now) const;

    Parameters parameters_;
    BootTime abstains_until_;
    Epoch epoch_;
    std::optional<Grant> grant_;
};

}  // namespace pgpool::lease
