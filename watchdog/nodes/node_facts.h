// SPDX-License-Identifier: PostgreSQL
#pragma once

// What one probe reads of a node: the query, and its row. Pure.
//
// It works for a superuser and for a role with pg_monitor; timelines have their history only where the role
// may read server files (pg_read_server_files), and without it a node that has followed a promotion counts as
// foreign to one that has not.

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "watchdog/decide/lineage.h"

namespace pgpool::nodes {

// A row of pg_stat_replication.
struct Follower {
    std::string name;  // application_name
    bool is_streaming = false;
    Lsn flushed;
    friend bool operator==(const Follower&, const Follower&) = default;
};

struct NodeFacts {
    bool is_standby = false;
    decide::Lineage lineage;
    Lsn flushed;                   // primary: written and flushed, once it is stopped all that it ever wrote;
                                   // standby: received and flushed
    Lsn replayed;                  // standby
    bool is_final = true;          // false: a restarted standby still reads WAL that `flushed` does not count
    bool has_receiver = false;     // standby: a WAL receiver runs, it may still connect
    bool is_receiving = false;     // standby: it has connected
    std::string primary_conninfo;  // standby
    std::string slot;              // standby: primary_slot_name
    std::string sync_names;        // synchronous_standby_names
    std::uint32_t clients = 0;     // sessions of a stopped primary that may still end a commit
    std::vector<Follower> followers;
    // And `flushed` is all that it ever got.
    [[nodiscard]] bool follows_nobody() const {
        return primary_conninfo.empty() && !has_receiver && is_final;
    }
    friend bool operator==(const NodeFacts&, const NodeFacts&) = default;
};

enum class FactsDepth : std::uint8_t { Full, WithoutHistory };

// One row with one column.
[[nodiscard]] std::string facts_query(FactsDepth depth);
[[nodiscard]] Result<NodeFacts> read_facts(std::string_view json);

// The ancestors of a timeline by its history file (PostgreSQL documentation, "Timelines"): a line for each,
// with its number and where its child left it; the rest of the line is for people.
[[nodiscard]] std::vector<decide::Ancestor> read_history(std::string_view file);

}  // namespace pgpool::nodes
