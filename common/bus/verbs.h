// SPDX-License-Identifier: PostgreSQL
#pragma once

// What an operator may ask of the watchdog: the verbs of a Command and their arguments, for who asks
// (pgpool-ctl) and who answers (pgpool-watchdog) alike. Pure.
//
//   verb         arguments                        answer, besides {}
//   status       -                                Status, see below
//   why          [COUNT]                          {"decisions": [Decision…]}, the newest last
//   log          -                                Events follow until the client goes
//   promote      NODE ["force"]                   {"reason"}; NODE "": the best; force: data may be lost
//   switchover   [NODE]                           {"reason"}
//   attach       NODE                             {"reason"}
//   detach       NODE [REASON]                    {"reason"}
//   maintenance  "on" SECONDS REASON | "off"      {"until", "reason"}
//   pause        "on" SECONDS REASON | "off"      {"reason"}
//   lease        "release" | "force"              {"reason"}
//   vip          "move" [MEMBER]                  {"reason"}
//   reload       -                                {"changed": [], "needs_restart": [], "programs": [],
//                                                  "not_asked": []}: of this member
//
// exit_code 0: done, or begun where it takes time (promote, switchover, vip move: `status` tells how it goes
// on). 1: refused or failed, with {"error", "hint"}; "hint" may be empty.
//
// Status:   {"member", "epoch",
//            "lease": {"holder", "state", "remaining_ms"},
//            "members": [{"name", "is_in", "is_self", "protocol", "refused"}],
//            "quorum": {"is_quorate", "votes", "expected"} | null,
//            "group": {"is_in", "lost_since", "reason"},
//            "votes": {"total", "needed", "reached",
//                      "voters": [{"name", "votes", "is_reached"}]} | null,
//            "phase", "reason", "waiting_for", "maintenance": {"until", "reason"} | null,
//            "pause": {"until", "reason", "under_way"} | null, "primary",
//            "nodes": [{"name", "host", "port", "role", "standing", "reason", "lag_bytes", "timeline",
//                       "seen_by"}],
//            "vips": [{"address", "device", "phase", "member"}],
//            "programs": [{"program", "pid", "since"}]}
// Decision: {"at", "epoch", "row", "event", "from", "to", "facts": [], "reason"}
// Times are in ISO 8601, UTC, whole seconds: "2026-01-31T12:00:00Z". "lag_bytes" and "remaining_ms" are null
// where they are not known; "under_way" counts the clients in a transaction at the primary, null while a
// proxy has not told; "seen_by" lists the members that reach the node;
// "refused" says why a member must not decide with the others, "" if it may.
// "state" is that of the answering member: Holder; Offering, Releasing (hands over); Acquiring, Resting (in
// reserve, or short of votes); Waiting, Confirming (about to hold it); Follower (does not want it).
// "quorum" is Corosync's, null while this member is in no group; "lost_since" is null unless the group was
// lost or not found, with the "reason". "votes" are those of the lease that answer this member; null where it
// does not want the lease, so it asks nobody.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/bus/messages.h"

namespace pgpool::bus {

namespace request {
struct Status {
    friend bool operator==(const Status&, const Status&) = default;
};
struct Why {
    std::uint32_t count = 20;
    friend bool operator==(const Why&, const Why&) = default;
};
struct Log {
    friend bool operator==(const Log&, const Log&) = default;
};
struct Promote {  // a failover by hand
    std::string node;
    bool is_forced = false;
    friend bool operator==(const Promote&, const Promote&) = default;
};
struct Switchover {
    std::string node;  // empty: the best
    friend bool operator==(const Switchover&, const Switchover&) = default;
};
struct Attach {
    std::string node;
    friend bool operator==(const Attach&, const Attach&) = default;
};
struct Detach {
    std::string node;
    std::string reason;
    friend bool operator==(const Detach&, const Detach&) = default;
};
struct Maintenance {
    seconds duration{0};  // 0: off
    std::string reason;
    friend bool operator==(const Maintenance&, const Maintenance&) = default;
};
struct Pause {            // of clients: nothing begins at the primary
    seconds duration{0};  // 0: off
    std::string reason;
    friend bool operator==(const Pause&, const Pause&) = default;
};
struct Lease {
    enum class Verb : std::uint8_t {
        Release,  // the holder gives it to another member
        Force,    // the operator vouches that no former holder acts any more
    };
    Verb verb = Verb::Release;
    friend bool operator==(const Lease&, const Lease&) = default;
};
struct MoveVip {
    std::string member;  // empty: any other
    friend bool operator==(const MoveVip&, const MoveVip&) = default;
};
struct Reload {  // by all programs of the member that is asked
    friend bool operator==(const Reload&, const Reload&) = default;
};
}  // namespace request

using Request = std::variant<request::Status, request::Why, request::Log, request::Promote,
                             request::Switchover, request::Attach, request::Detach, request::Maintenance,
                             request::Pause, request::Lease, request::MoveVip, request::Reload>;

// An Error says what the verb takes.
[[nodiscard]] Result<Request> request_of(const Command& command);
[[nodiscard]] Command command_of(const Request& request, std::uint64_t id);

// Whether any member answers it, as it only looks, or concerns that member alone. All others are for the
// holder of the lease; another member passes them on.
[[nodiscard]] bool is_for_any_member(const Request& request);

inline constexpr seconds kLongestMaintenance{7 * 24 * 3600};
inline constexpr seconds kLongestPause{3600};

}  // namespace pgpool::bus
