// SPDX-License-Identifier: PostgreSQL
#pragma once

// What goes into the lease (Event) and what it wants done (Action). Values only; the shell carries them out
// in the order given and remembers nothing of its own but the connections.

#include <string_view>
#include <variant>
#include <vector>

#include "common/base/boot_clock.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "watchdog/lease/votes.h"

namespace pgpool::lease {

using CommandId = StrongId<struct CommandIdTag, std::uint64_t>;

inline constexpr BootTime kNever = BootTime::min();

enum class State : std::uint8_t {
    Follower,    // wants nothing
    Acquiring,   // candidate: takes locks that are free
    Waiting,     // candidate with a quorum: waits until no former holder can believe in its lease
    Confirming,  // asks that quorum once more, and to record its epoch
    Holder,      // may act before its deadline
    Offering,    // holder that has asked a successor whether it is ready
    Releasing,   // acts no more; waits until everything under it has stopped
    Resting,     // candidate between two attempts
};

// What everybody on this machine goes by: it may act only before `deadline`.
struct View {
    State state = State::Follower;
    Epoch epoch{};               // of the lease that is held; 0 = none
    BootTime deadline = kNever;  // kNever = nobody may act
    // Waiting, Confirming: nobody else has renewed a lease since this candidate took the locks that it has,
    // and can not before this time.
    BootTime locked_until = kNever;
    Epoch next{};  // that it will have, unless a voter knows a higher one
    [[nodiscard]] bool may_act(BootTime now) const { return now < deadline; }
    friend bool operator==(const View&, const View&) = default;
};

// A hand-over: the holder offers, the successor accepts, the holder stops and tells that it has released.
struct Message {
    enum class Kind : std::uint8_t { Offer, Accept, Released };
    Kind kind = Kind::Offer;
    Epoch epoch{};  // of the lease that is handed over
    MemberId from{};
    MemberId to{};
};

// One question to a voter, in one session; the next is sent after its answer.
struct Question {
    enum class Kind : std::uint8_t {
        Lock,   // try to take the lock: pg_try_advisory_lock, and read the epoch recorded there
        Renew,  // anything that shows that the session lives; also the health probe
        Run,    // a dangerous command. It counts as a renewal
    };
    Kind kind = Kind::Renew;
    Epoch record{};  // to be stored durably at the voter before it answers, unless a higher one is there; 0 =
                     // none
    CommandId command{};
    WallTime not_after{};  // Run: by the server's own clock it must not take effect at or after this time
};

struct Answer {
    bool has_lock = false;    // the session holds the lock now
    Epoch epoch{};            // the highest that is recorded at the voter, after this question
    WallTime server_clock{};  // clock_timestamp() of a node
};

namespace event {
struct Tick {};  // WaitUntil has come; harmless at any time
struct Campaign {
    Epoch known{};
};                   // take the lease if it can be had, above this epoch, under which something was decided
struct Withdraw {};  // want it no longer; a holder steps down at once
struct HandOver {
    MemberId to;
};  // holder: to this member
struct Opened {
    VoterId voter;
    SessionId session;
};  // the session is there and has no lock yet
struct Answered {
    VoterId voter;
    SessionId session;
    Answer answer;
};
struct Lost {
    VoterId voter;
    SessionId session;
};  // refused, ended, or given up by the transport
struct Received {
    Message message;
};
struct GatesClosed {
    Epoch epoch;
};  // proxy and virtual IP of this machine have seen the view of state Releasing
struct Fenced {
    Epoch epoch;
};  // who held this epoch is proven to be unable to act
struct Command {
    CommandId command;
    VoterId voter;
};  // the decider's wish
}  // namespace event

using Event = std::variant<event::Tick, event::Campaign, event::Withdraw, event::HandOver, event::Opened,
                           event::Answered, event::Lost, event::Received, event::GatesClosed, event::Fenced,
                           event::Command>;

namespace action {
struct Open {
    VoterId voter;
    SessionId session;
};  // connect; session timeouts set
struct Ask {
    VoterId voter;
    SessionId session;
    Question question;
};
struct Close {
    VoterId voter;
    SessionId session;
};  // end it; nothing of it is awaited any more
struct Send {
    Message message;
};
struct Publish {
    View view;
};
struct Became {
    Epoch epoch;
};
struct SteppedDown {
    Epoch epoch;
    std::string_view reason;
};
struct NotRun {
    CommandId command;
    std::string_view reason;
};  // it was not sent
struct InDoubt {
    CommandId command;
};  // it was sent; its session ended before the answer
struct WaitUntil {
    BootTime time;
};  // step(Tick) not later; replaces the former; always the last one
}  // namespace action

using Action =
    std::variant<action::Open, action::Ask, action::Close, action::Send, action::Publish, action::Became,
                 action::SteppedDown, action::NotRun, action::InDoubt, action::WaitUntil>;
using Actions = std::vector<Action>;

[[nodiscard]] std::string_view name(State state);

}  // namespace pgpool::lease
