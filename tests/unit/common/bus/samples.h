// SPDX-License-Identifier: PostgreSQL
#pragma once

// One message of each type, every field with a value of its own.

#include <limits>
#include <vector>

#include "common/bus/messages.h"

namespace pgpool::bus {

inline Topology sample_topology() {
    return {.epoch = 7,
            .revision = 9,
            .page = {.index = 0, .count = 1},
            .nodes = {{.id = 0,
                       .name = "n0",
                       .host = "10.0.0.1",
                       .port = 5432,
                       .role = NodeRole::Primary,
                       .state = NodeState::Up,
                       .reason = ""},
                      {.id = 1,
                       .name = "n1",
                       .host = "/run/postgresql",
                       .port = 5433,
                       .role = NodeRole::Standby,
                       .state = NodeState::Down,
                       .reason = "refused by 2 of 2"}}};
}

inline Connection sample_connection(std::uint16_t port) {
    return {.client = {.family = Family::V4, .address = {10, 0, 0, 9}, .port = port},
            .server = {.family = Family::V6, .address = {0xfe, 0x80, 1, 2, 3}, .port = 5432}};
}

inline std::vector<Message> samples() {
    return {
        Hello{.program = "pgpool-proxy", .instance = "main", .pid = 4711, .incarnation = 1ULL << 63},
        Welcome{.program = "pgpool-watchdog", .member = "m1", .pid = 1, .incarnation = 2},
        Refusal{.reason = "no"},
        Observation{.epoch = 5,
                    .node = 2,
                    .suspicion = Suspicion::Gone,
                    .failure = FailureClass::Timeout,
                    .reason = "no answer for 3 s"},
        sample_topology(),
        LeaseView{.epoch = 6,
                  .holder = 2,
                  .holder_name = "m2",
                  .deadline_ns = std::numeric_limits<std::int64_t>::max()},
        Command{.id = 3, .verb = "node", .arguments = {"detach", "n1", ""}},
        Answer{.id = 3, .page = {.index = 1, .count = 2}, .exit_code = 1, .json = R"({"error":"no"})"},
        VipState{.address = "10.0.0.100/24",
                 .device = "eth0",
                 .phase = VipPhase::Held,
                 .epoch = 6,
                 .reason = "lease"},
        VipOrder{.id = 8, .verb = VipVerb::Take, .epoch = 6, .deadline_ns = -1},
        VipDone{.id = 8, .outcome = Outcome::Done, .reason = "released"},
        ClientList{.revision = 4,
                   .page = {.index = 0, .count = 1},
                   .connections = {sample_connection(1), sample_connection(65535)}},
        Event{.at_ns = 1, .severity = Severity::Error, .program = "pgpool-vip", .line = "vip_taken"},
        Parked{.epoch = 7, .revision = 10, .clients_in_transaction = 70'000},
        Alive{.count = 1'234'567},
    };
}

}  // namespace pgpool::bus
