// SPDX-License-Identifier: PostgreSQL
#pragma once

// Which node is promoted, and who follows whom then. Pure.
//
// Rules, in this order. (1) A node counts if it was reached, is a standby, is in service, and its timeline is
// the cluster's or one that the cluster's came from. In a failover it must be cut off from the old primary as
// well, so that its position is final and the old primary can no longer get an acknowledgement from it.
// (2) Nothing acknowledged is lost if as many of the listed synchronous standbys count as SyncRule::quorum(),
// and the target has flushed as much as the furthest of those that count. (3) Otherwise durability says:
// strict refuses; available accepts a node whose distance to the last known position of the primary is at
// most maximum_lag. (4) The operator may override (2) and (3), and have a node on a later timeline than the
// cluster's: one that this record knows nothing of; a node that he names as well may be out of service, and
// of any history. (5) Among those that may: the latest timeline, then the
// furthest, then the best priority, then the most replayed, then the name. A refusal says why in words, and
// what would unblock it.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "watchdog/decide/lineage.h"
#include "watchdog/decide/sync_rule.h"

namespace pgpool::decide {

// What is known of a node when a target is chosen.
struct NodeSight {
    std::string name;
    bool is_reached = false;
    bool is_standby = false;       // in recovery
    bool is_cut_off = false;       // standby: its primary_conninfo is empty and no receiver runs
    bool is_appointed = false;     // it takes writes, and follows nobody as deciders leave whom they promote
    bool is_stopped = false;       // a primary from whom a decider has moved the role: no commit ends there
    bool is_in_service = true;     // neither quarantined nor detached
    bool is_stuck = false;         // its replay does not get on
    std::uint32_t priority = 100;  // lower is better; 0: never promoted
    std::string upstream;          // whom it follows now; empty: nobody
    std::string wanted_upstream;  // cascade: whom it is to follow while that is a standby; empty: the primary
    Lineage lineage;
    Lsn flushed;
    Lsn replayed;
};

inline constexpr std::uint64_t kDefaultMaximumLag = std::uint64_t{16} << 20;  // bytes

// A switchover begins only if its target is as near as this: it must get there while clients wait. Nothing is
// lost by it, so what may be lost in a failover (maximum_lag, 0 where commits are safe) says nothing here:
// under load no standby is at 0.
inline constexpr std::uint64_t kSwitchoverLag = std::uint64_t{16} << 20;  // bytes

struct ChoiceRules {
    enum class Kind : std::uint8_t { Failover, Switchover };
    Kind kind = Kind::Failover;
    Durability durability = Durability::Strict;
    std::uint64_t maximum_lag = kDefaultMaximumLag;  // bytes; without zero loss
    bool may_lose_data = false;                      // the operator said so
    bool must_be_cut_off = true;                     // failover: false to see whether it is worth cutting
    std::string wanted;                              // the operator's target; empty: the best
    std::string primary;                             // the old one, never chosen
    Lineage cluster;                                 // of the old primary
    Lsn last_known;                                  // the furthest that it was ever seen; 0: not known
    SyncRule sync;
};

struct Turndown {
    std::string node;
    std::string why;
};

struct Choice {
    std::optional<std::string> target;
    std::string reason;     // in words: why it, or why nobody
    std::string unblock;    // what would help; empty with a target
    bool may_lose = false;  // with a target: acknowledged commits may be missing
    std::vector<Turndown> turned_down;
};

[[nodiscard]] Choice choose_target(std::span<const NodeSight> nodes, const ChoiceRules& rules);

struct Follow {
    std::string node;
    std::string upstream;
    friend bool operator==(const Follow&, const Follow&) = default;
};

// Whom each standby that was reached and may follow is to follow, if that differs from whom it follows. A
// cascade stays as it is wanted while its upstream is a standby that gets its WAL from the primary.
[[nodiscard]] std::vector<Follow> plan_follow(std::span<const NodeSight> nodes, const std::string& primary,
                                              const Lineage& cluster);

}  // namespace pgpool::decide
