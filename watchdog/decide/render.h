// SPDX-License-Identifier: PostgreSQL
#pragma once

// The transition table for people: pgpool-ctl fsm; and times for programs. Pure.

#include <string>

#include "watchdog/decide/cluster_state.h"
#include "watchdog/decide/transitions.h"

namespace pgpool::decide {

// "primary gone, target found, not on hold"; "always" where nothing is asked.
[[nodiscard]] std::string describe(const Guard& guard);
[[nodiscard]] std::string describe(FactSet facts);
[[nodiscard]] std::string describe(ActionSet actions);  // in the order in which they are carried out
[[nodiscard]] std::string describe(EventSet events);

[[nodiscard]] std::string table_as_text();     // every phase with its rows
[[nodiscard]] std::string table_as_mermaid();  // a stateDiagram-v2

// "2026-01-31T12:00:00Z"
[[nodiscard]] std::string iso_time(WallTime time);

// One line of pgpool-ctl why.
[[nodiscard]] std::string describe(const HistoryEntry& entry);

}  // namespace pgpool::decide
