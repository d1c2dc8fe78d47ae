// SPDX-License-Identifier: PostgreSQL
#pragma once

// The planner: (verdict, session, topology, configuration, a random number) -> ExecutionPlan. Pure and total:
// every request gets a plan, also without any node up (then the primary, where the shell parks it).
//
// Order of precedence: an open transaction or pinned connection; what must be on the primary; hint; rules;
// the session's choice; weighted random. A node named by a hint or a rule serves even with weight 0; one that
// does not exist or may not serve now is passed over. No heap allocation except for Refuse.

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/ids.h"
#include "common/cluster/topology.h"
#include "common/config/config.h"
#include "proxy/route/classify.h"
#include "proxy/route/plan.h"
#include "proxy/sql/statement.h"

namespace pgpool::route {

// What the planner must know of a session. The shell keeps it; views are valid during the call only.
struct SessionRoute {
    bool in_transaction = false;  // an explicit transaction block, also one whose BEGIN was not sent yet
    bool read_only = false;       // of the transaction
    sql::Isolation isolation = sql::Isolation::ReadCommitted;  // of the transaction; outside one the default
    std::optional<Target> bound;   // where the open transaction, or the connection that pins the client, is
    std::optional<Target> chosen;  // balance: session: where its reads go, as Stick::Session told
    Lsn must_see;                  // consistency: reads must see everything up to here; 0 = nothing
    bool waited = false;           // WaitForReplay was answered and its time is over
    bool primary_only = false;     // pool.mode: session, a batch without Sync, or a standby has refused it
    std::string_view user;
    std::string_view database;
    std::string_view application_name;
};

// `random`: uniform over all 64 bits.
[[nodiscard]] ExecutionPlan plan(const Verdict& verdict, const sql::StatementInfo& info,
                                 const SessionRoute& session, const cluster::Topology& topology,
                                 const config::Routing& routing, std::uint64_t random);

// Why a node may not serve reads of this session now.
enum class Eligibility : std::uint8_t {
    Eligible,
    Down,
    NotWritableOrStandby,
    NoWeight,
    LagBytes,
    LagTime,
    PrimaryExcluded
};
[[nodiscard]] Eligibility eligibility(const cluster::NodeStatus& node, const cluster::Topology& topology,
                                      const config::Routing& routing);
[[nodiscard]] const char* to_string(Eligibility eligibility);

}  // namespace pgpool::route
