// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a renewal tells of a node besides that it lives: the lease sessions are probes of its health, too.

#include <cstdint>

#include "common/base/boot_clock.h"
#include "common/base/clock.h"
#include "common/base/ids.h"

namespace pgpool::voters {

struct NodeObservation {
    bool in_recovery = false;
    std::uint32_t timeline = 0;
    Lsn flushed{};                  // standby: received, and flushed
    Lsn replayed{};                 // standby
    WallTime clock{};               // of the server
    WallTime postmaster_start{};    // a restart changes it …
    WallTime checkpointer_start{};  // … and this changes with a crash of a backend, too
    BootDuration round_trip{};      // of the query
    friend bool operator==(const NodeObservation&, const NodeObservation&) = default;
};

}  // namespace pgpool::voters
