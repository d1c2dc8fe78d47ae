// SPDX-License-Identifier: PostgreSQL
#pragma once

// From what members see of a node to a judgement about it. Pure.
//
// Every member of the appliance probes every node and reports what it found, at least once in `stale_after`.
// Evidence keeps one sighting of each member and node; judge() asks each member that is in and whose sighting
// is fresh. A node is gone when enough of those say so: as many as `agree`, or by default more than half of
// those that were asked. A member whose sighting is old does not count, neither for nor against.
//
// When one member holds a node for gone depends on the class of what it found:
//   refused: nobody listens there; certain after `refused_in_row`
//   silent: the host gives no sign; `silent_in_row` probes over at least `silent_after`
//   hung: the host takes connections, the server does not answer; `hung_after`, for a disk may go on
//   starting: crash recovery or start; `starting_after`
//   query: the server answers but cannot do what a primary must (disk full, read-only, in recovery although
//     it is the primary); `query_after`
//   session ended: a held session saw its end; a reason to look at once, never to condemn
//   auth, busy: the server is alive and refuses us; never condemns
//   replay stuck: a standby that does not get on; no target, no reads, never gone
// Refused, silent and hung in turn are gone after `hung_after`.
//
// Times are the decider's own: when a report came in. No clock of another host is compared with ours.
// The default numbers: a postmaster that was killed is known after two probes, a dead host after 750 ms at
// four probes a second; what a busy server may show as well takes seconds.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/cluster/topology.h"

namespace pgpool::decide {

enum class Finding : std::uint8_t {
    Well,
    Refused,
    Silent,
    Hung,
    Starting,
    Query,
    SessionEnded,
    Auth,
    Busy,
    ReplayStuck,
};

// How the result of a probe counts as evidence. A time-out is Hung: who does not know whether the host
// answered at all takes the slower class.
[[nodiscard]] Finding finding_of(cluster::Reach reach);

struct Sighting {
    std::string member;
    std::string node;
    Finding finding = Finding::Well;
    std::string detail;        // in words, from the probe
    std::uint32_t in_row = 0;  // of this finding
    TimePoint since;           // the first of them
    TimePoint failing_since;   // the first failure after the last sign of life
    TimePoint last;
};

// One probe's result, as a member reports it.
struct Report {
    std::string member;
    std::string node;
    Finding finding = Finding::Well;
    std::string detail;
};

struct Evidence {
    std::vector<Sighting> sightings;  // at most one of each member and node
    [[nodiscard]] const Sighting* find(std::string_view member, std::string_view node) const;
};

void record(Evidence& evidence, const Report& report, TimePoint now);

struct EvidenceRules {
    Duration stale_after = seconds(2);
    std::uint32_t refused_in_row = 2;
    std::uint32_t silent_in_row = 3;
    Duration silent_after = milliseconds(500);
    Duration hung_after = seconds(3);
    Duration starting_after = seconds(5);
    Duration query_after = seconds(3);
    std::size_t agree = 0;  // members that must hold a node for gone; 0: more than half of those asked
};

enum class Opinion : std::uint8_t { Unknown, Well, Doubtful, Gone };

// What this member alone thinks; Unknown if the sighting is old.
[[nodiscard]] Opinion opinion_of(const Sighting& sighting, const EvidenceRules& rules, TimePoint now);

struct Judgement {
    std::string node;
    Opinion opinion = Opinion::Unknown;
    std::size_t gone = 0;    // members that hold it for gone
    std::size_t asked = 0;   // members with a fresh sighting
    std::size_t needed = 0;  // that had to agree
    bool is_stuck = false;   // somebody saw its replay stand still
    std::string reason;      // in words, for people
};

[[nodiscard]] Judgement judge(const Evidence& evidence, std::string_view node,
                              std::span<const std::string> members, const EvidenceRules& rules,
                              TimePoint now);

[[nodiscard]] const char* to_string(Finding finding);
[[nodiscard]] const char* to_string(Opinion opinion);

}  // namespace pgpool::decide
