// SPDX-License-Identifier: PostgreSQL
#pragma once

// What operators are told, as JSON and as messages of the bus (common/bus/verbs.h says what it means). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/bus/messages.h"
#include "watchdog/corosync/members.h"
#include "watchdog/decider/decider.h"
#include "watchdog/server/addresses.h"
#include "watchdog/server/group_watch.h"

namespace pgpool::watchdog {

struct Status {
    struct Member {
        std::string name;
        bool is_in = false;
        bool is_self = false;
        std::uint16_t protocol = 0;
        std::string refused = {};  // why it must not decide with the others; empty: it may
    };
    struct Voter {
        std::string name;
        int votes = 0;
        bool is_reached = false;  // it answers this member
    };
    using Vip = Addresses::Entry;
    struct Program {
        std::string name;
        int pid = 0;
        WallTime since;
    };
    std::string member;
    std::uint64_t epoch = 0;  // of the lease
    std::string holder;       // empty: nobody is known to hold it
    std::string lease_state;  // of this member
    std::optional<milliseconds> remaining = {};
    std::vector<Member> members = {};
    corosync::Quorum quorum = {};
    bool is_in_group = false;
    std::optional<GroupWatch::Loss> loss = {};  // of the group
    int votes_needed = 0;
    std::vector<Voter> voters = {};  // of the lease; empty: this member asks nobody, it does not want it
    std::string waiting_for = {};
    std::optional<std::uint32_t> under_way = {};  // at a primary that is paused
    std::vector<Vip> vips = {};
    std::vector<Program> programs = {};
};

[[nodiscard]] std::string status_json(const Status& status, const decider::Decider& decider,
                                      const std::vector<config::Node>& nodes);
[[nodiscard]] std::string decisions_json(const decide::ClusterState& state, std::size_t count);
// What became of a reload of the configuration.
struct Reloaded {
    std::vector<std::string> changed;        // "pool.size: 20 -> 30 (live)"
    std::vector<std::string> needs_restart;  // the same, not in force
    std::vector<std::string> programs;       // of this member that were told to reload, this one too
    std::vector<std::string> not_asked;      // "pgpool-vip: Operation not permitted"
};
[[nodiscard]] std::string reloaded_json(const Reloaded& reloaded);
[[nodiscard]] std::string reason_json(const std::string& reason);
[[nodiscard]] std::string error_json(const Error& error);

// The decided topology: what the record says, not who is reached just now.
[[nodiscard]] bus::Topology topology_of(const decide::ClusterState& state, group::Stamp stamp,
                                        const std::vector<config::Node>& nodes);

}  // namespace pgpool::watchdog
