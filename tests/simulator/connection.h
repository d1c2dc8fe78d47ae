// SPDX-License-Identifier: PostgreSQL
#pragma once

// Connection: one lease session between a member and a voter, as both ends and the auditor see it.

#include <functional>
#include <memory>

#include "tests/simulator/network.h"
#include "watchdog/lease/events.h"

namespace pgpool::simulator {

struct Connection {
    MemberId member;
    lease::VoterId voter;
    SessionId session;
    std::shared_ptr<Network::Stream> up;
    std::shared_ptr<Network::Stream> down;
    std::function<void(const lease::Event&)> deliver;  // to the member, if it still is the same process

    // For the auditor, by the member's clock.
    std::function<bool()> is_before_deadline;  // of the member, as it was when it asked last
    bool is_asked = false;
    BootTime asked = lease::kNever;
    BootTime fresh = lease::kNever;  // when the last question was sent that has been answered

    void answer(const lease::Answer& what) {
        down->send([deliver = deliver, what, voter = voter, session = session] {
            deliver(lease::event::Answered{voter, session, what});
        });
    }
    void opened() {
        down->send([deliver = deliver, voter = voter, session = session] {
            deliver(lease::event::Opened{voter, session});
        });
    }
    void lost() {
        down->send([deliver = deliver, voter = voter, session = session] {
            deliver(lease::event::Lost{voter, session});
        });
    }
};
using Link = std::shared_ptr<Connection>;

// The other end. Each is called when the bytes arrive.
class VoterEnd {
public:
    VoterEnd() = default;
    VoterEnd(const VoterEnd&) = delete;
    VoterEnd& operator=(const VoterEnd&) = delete;
    virtual ~VoterEnd() = default;
    virtual void open(const Link& link) = 0;
    virtual void ask(const Link& link, const lease::Question& question) = 0;
    virtual void close(const Link& link) = 0;
};

}  // namespace pgpool::simulator
