// SPDX-License-Identifier: PostgreSQL
#pragma once

// View: which members are in the group, as all of them are told in the same order among the messages.

#include <compare>
#include <cstdint>
#include <vector>

namespace pgpool::group {

// A process that has joined the group. A member that comes back has another pid.
struct Process {
    std::uint32_t node = 0;  // Corosync's nodeid, from 1
    std::uint32_t pid = 0;
    friend constexpr auto operator<=>(const Process&, const Process&) = default;
};

// Corosync's ring: its representative and a number that rises with every change of the membership of hosts.
struct RingId {
    std::uint32_t node = 0;
    std::uint64_t sequence = 0;
    friend constexpr auto operator<=>(const RingId&, const RingId&) = default;
};

struct View {
    RingId ring;
    std::vector<Process> processes;  // in order, with ourselves
    friend bool operator==(const View&, const View&) = default;
};

}  // namespace pgpool::group
