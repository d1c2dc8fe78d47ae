// SPDX-License-Identifier: PostgreSQL
#pragma once

// From the configuration to what the parts of the watchdog want to know. Pure.

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/config/config.h"
#include "watchdog/decide/failover.h"
#include "watchdog/group/exchange.h"
#include "watchdog/lease/parameters.h"
#include "watchdog/lease/votes.h"

namespace pgpool::watchdog {

// Who votes: the members in the order of the configuration, then the nodes, then the witness.
struct Electorate {
    std::string self;
    std::vector<std::string> members;  // without the witness
    std::string witness;               // empty: none
    std::size_t nodes = 0;
    bool is_witness = false;  // this process only votes
    bool is_alone = false;    // no members are configured: no Corosync

    [[nodiscard]] lease::Votes votes() const;
    [[nodiscard]] lease::VoterId own_vote() const;
    // Of a member or the witness; votes().size(): nobody has this name.
    [[nodiscard]] lease::VoterId voter(std::string_view name) const;
    [[nodiscard]] lease::VoterId node_vote(std::size_t node) const;
    // The other way round; nodes.size() and beyond: it is no node.
    [[nodiscard]] std::size_t node_of(lease::VoterId voter) const { return voter.value - members.size(); }
};

// `self`: the name of this member (ipc::member_name). An Error says what contradicts what.
[[nodiscard]] Result<Electorate> electorate_of(const config::Config& config, const std::string& self,
                                               bool is_witness);

[[nodiscard]] lease::Parameters lease_parameters(config::TimerProfile profile);
[[nodiscard]] decide::Rules rules_of(const config::Config& config);
// What must be the same on all members, else one of them cannot decide with the others.
[[nodiscard]] std::vector<group::Agreed> agreed_of(const config::Config& config);

// Files of this member.
[[nodiscard]] std::filesystem::path promises_file(const config::Watchdog& watchdog);
[[nodiscard]] std::filesystem::path record_file(const config::Watchdog& watchdog);

}  // namespace pgpool::watchdog
