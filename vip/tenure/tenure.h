// SPDX-License-Identifier: PostgreSQL
#pragma once

// Tenure: one virtual address, from the wish to have it until it is gone. Absent -> Probing -> Held ->
// Absent.
//
// Pure: it is told the time, the deadline of the mandate, the state of the link and who claims the address,
// and answers with what to do and what to tell.
//
// Invariants. (1) The address is put on, or its lifetime begins anew, only if it would expire, with a margin
// for the kernel's timer, before the deadline; and is taken off at once if it turns out that the kernel was
// asked so late that it may not. So it cannot outlive the mandate, whatever happens to this program. (2) An
// address whose lifetime has passed is not put on again by a late refresh: somebody else may have it. The
// owner decides, and probes. (3) At most one defence per second.
//
// No probe of another host stands in the way of ours, as RFC 5227 would have it: who may take the address is
// decided by the mandate; and a look by an operator must not stop a takeover.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "vip/packet/mac_address.h"
#include "vip/tenure/announcements.h"
#include "vip/tenure/event.h"

namespace pgpool::vip {

enum class Approach : std::uint8_t {
    Probe,     // nobody knows whether the holder before has let go
    Graceful,  // it has said so: no time is lost with questions
};

enum class Act : std::uint8_t { Probe, Put, Refresh, Announce, Remove };

// To be done in this order, then told. If an act fails, the event is void and failed() is called.
struct Steps {
    std::vector<Act> acts;
    std::optional<Event> event;
};

struct Link {
    bool is_usable = false;
    MacAddress mac;
    friend bool operator==(const Link&, const Link&) = default;
};

class Tenure {
public:
    enum class State : std::uint8_t { Absent, Probing, Held };

    explicit Tenure(const config::Vip& timing);

    // Goes on with another timing. What is held is refreshed by it when that is due next, and announced anew.
    void retime(BootTime now, const config::Vip& timing);

    // What is held already is acknowledged; what is probed for is on its way.
    [[nodiscard]] Steps take(BootTime now, BootTime deadline, Approach approach, const Link& link);
    // Is always acknowledged, also where there is nothing to take off.
    [[nodiscard]] Steps release();
    [[nodiscard]] Steps tick(BootTime now, BootTime deadline);
    // A frame says that `by` has the address. Our own frames come back from some networks: they do no harm.
    [[nodiscard]] Steps claimed(BootTime now, const MacAddress& by);
    [[nodiscard]] Steps link_changed(BootTime now, const Link& link);
    // The kernel has done what Put or Refresh says, at this time at the latest.
    void placed(BootTime now) { expires_ = now + lifetime_; }
    // An act of the last steps did not work. A probe that was not sent proves nothing either.
    [[nodiscard]] Steps failed(Act act, std::string why);

    // When tick() is due; kNever while absent.
    [[nodiscard]] BootTime next(BootTime deadline) const;
    [[nodiscard]] State state() const { return state_; }

private:
    [[nodiscard]] bool may_refresh(BootTime now, BootTime deadline) const;
    [[nodiscard]] bool outlives(BootTime deadline) const;
    [[nodiscard]] Steps probe(BootTime now);
    [[nodiscard]] Steps begin(BootTime now);
    [[nodiscard]] Steps end(EventKind kind, Reason reason);
    [[nodiscard]] Steps refuse(Reason reason);
    [[nodiscard]] Steps hold(BootTime now, BootTime deadline);
    [[nodiscard]] Steps defend(BootTime now);

    milliseconds lifetime_;
    milliseconds refresh_;
    std::uint32_t probes_;
    milliseconds probe_interval_;

    State state_ = State::Absent;
    MacAddress own_;
    std::uint32_t probes_sent_ = 0;
    BootTime next_probe_ = kNever;
    BootTime valid_until_ = kNever;  // from when on the kernel may have dropped it
    BootTime expires_ = kNever;      // by when it has begun to
    BootTime next_refresh_ = kNever;
    Announcements announcements_;
    BootTime may_defend_;
    BootTime defence_ = kNever;  // due then, because there was one just before
    MacAddress rival_;
};

}  // namespace pgpool::vip
