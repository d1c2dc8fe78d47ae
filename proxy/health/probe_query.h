// SPDX-License-Identifier: PostgreSQL
#pragma once

// The one query of a probe, and what its row means. Pure.
//
// Timeline: a primary tells it by the name of the WAL file it writes; pg_control_checkpoint() lags behind a
// promotion until the first checkpoint. A standby tells the highest of what its WAL receiver got and what its
// control file knows; without streaming that may be late until the next restartpoint.

#include <cstdint>
#include <string>

#include "common/base/error.h"
#include "common/cluster/topology_builder.h"
#include "common/pg/rows.h"

namespace pgpool::health {

// Limited: for a role that may not call pg_control_*(); it knows no system identifier.
enum class ProbeDepth : std::uint8_t { Full, Limited };

[[nodiscard]] std::string probe_query(ProbeDepth depth);

// `addresses` of the result is left empty.
[[nodiscard]] Result<cluster::ProbeResult> read_probe(const pg::Rows& rows);

}  // namespace pgpool::health
