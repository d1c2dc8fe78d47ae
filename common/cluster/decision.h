// SPDX-License-Identifier: PostgreSQL
#pragma once

// Decision: the roles and states of the nodes as the watchdog has decided them. A value, replaced whole.
// Pure.

#include <string>
#include <string_view>
#include <vector>

#include "common/cluster/topology.h"

namespace pgpool::cluster {

enum class Standing : std::uint8_t {
    Unknown,  // of a kind that this version does not know: no client goes there
    Up,
    Down,
    Detached,
    Recovering,
    Parked,  // of the primary: its role moves; what runs there ends, nothing begins
};

struct DecidedNode {
    std::string name = {};
    Role role = Role::Unknown;  // Unknown, Primary or Standby
    Standing standing = Standing::Unknown;
    std::string reason = {};  // in words
    friend bool operator==(const DecidedNode&, const DecidedNode&) = default;
};

struct Decision {
    std::optional<Revision> revision = {};  // none: nothing was told yet
    std::vector<DecidedNode> nodes = {};
    // Why it must not be acted on: nothing was told yet, or it may be out of date where that is dangerous.
    // Empty: it holds. Then no node is primary, and what runs at the one that was is ended.
    std::string withheld = {};

    [[nodiscard]] const DecidedNode* find(std::string_view name) const {
        for (const DecidedNode& node : nodes) {
            if (node.name == name) return &node;
        }
        return nullptr;
    }
    friend bool operator==(const Decision&, const Decision&) = default;
};

// Why a decision is withheld past the deadline of the lease that it rests on.
inline constexpr std::string_view kLeaseIsOver =
    "the lease of whoever decides is over, so that another may have been promoted "
    "unnoticed (watchdog.durability: available)";

[[nodiscard]] const char* to_string(Standing standing);

}  // namespace pgpool::cluster
