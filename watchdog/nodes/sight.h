// SPDX-License-Identifier: PostgreSQL
#pragma once

// From what a probe found to what the decisions go by. Pure.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "watchdog/decide/choice.h"
#include "watchdog/decide/evidence.h"
#include "watchdog/nodes/node_facts.h"

namespace pgpool::nodes {

// One probe of a node. Its facts are not older than `begun`.
struct Probe {
    std::size_t node = 0;  // its place in the configuration
    TimePoint begun;
    TimePoint ended;
    decide::Finding finding = decide::Finding::Well;
    std::string detail;              // in words, unless well
    std::optional<NodeFacts> facts;  // if well
};

// A node that answers, but cannot do what the primary must.
[[nodiscard]] decide::Report report_of(const Probe& probe, const std::string& member, const std::string& node,
                                       bool is_primary);

// Which of the nodes a connection string of libpq leads to; empty: none of them, or the string is empty.
[[nodiscard]] std::string upstream_of(const std::string& conninfo, std::span<const config::Node> nodes);

// REQUIRES: the facts are of a probe of this node. Standing and replay are filled in by who decides.
[[nodiscard]] decide::NodeSight sight_of(const NodeFacts& facts, const config::Node& node,
                                         std::span<const config::Node> nodes);

}  // namespace pgpool::nodes
