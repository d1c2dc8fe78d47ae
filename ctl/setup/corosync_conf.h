// SPDX-License-Identifier: PostgreSQL
#pragma once

// The files of Corosync that follow from watchdog.members, the same on every member. Pure.
//
// Corosync brings messages between members and says who is heard; its quorum decides nothing
// (docs/adr/0017-lease.md). Times are milliseconds, and as corosync.conf(5) has them:
//
//   profile  token  consensus  knet's pings      a member that is silent is lost after about
//   fast       300        100  200, lost: 1000   0.4 s
//   default    600        150  200, lost: 1000   0.75 s
//   wan       3000       3600  Corosync's own    6.6 s
//
// Consensus below token is for two members only; with more it is 1.2 * token. The pings that would follow
// from a token so small make links flap, and the coefficient would let the token grow with each member: both
// are set.

#include <string>
#include <vector>

#include "common/config/config.h"

namespace pgpool::ctl {

struct Timers {
    milliseconds token;
    milliseconds consensus;
    milliseconds ping_interval;  // 0: Corosync's own, from the token
    milliseconds ping_timeout;   // 0: the same
    friend bool operator==(const Timers&, const Timers&) = default;
};
[[nodiscard]] Timers timers_of(config::TimerProfile profile, std::size_t members);

// REQUIRES: two members or more. `directory` is where the key is.
[[nodiscard]] std::string corosync_conf(const config::Watchdog& watchdog, const std::string& directory);

// Lets the programs of the appliance, which are not root, talk to Corosync.
[[nodiscard]] std::string uidgid_file(const config::Watchdog& watchdog);

// In what a file differs from the one wanted, line by line, without regard to comments and indentation:
// "lacks: token: 600", "has: token: 1000".
[[nodiscard]] std::vector<std::string> differences(const std::string& wanted, const std::string& found);

// Where a corosync.conf, whoever wrote it, and the configuration do not go together, one sentence each.
struct Disagreements {
    std::vector<std::string> members;   // other members: it cannot work
    std::vector<std::string> settings;  // it works, but slower, or open to others
};
[[nodiscard]] Disagreements disagreements(const config::Watchdog& watchdog, const std::string& conf);

}  // namespace pgpool::ctl
