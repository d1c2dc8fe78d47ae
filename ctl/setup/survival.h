// SPDX-License-Identifier: PostgreSQL
#pragma once

// What losses a set-up survives: whose votes are left when hosts are gone, and whether they still are a
// majority, so that somebody may decide (watchdog/lease/votes.h). Pure.
//
// Voters at the same host are lost together; that is what makes a pair with its nodes on the same two
// machines unsafe.

#include <map>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "ctl/output.h"

namespace pgpool::ctl {

// A host name or address as it stands in the configuration -> what tells hosts apart. Those that are not in
// it are taken as they stand.
using Hosts = std::map<std::string, std::string>;

struct Vote {
    std::string voter;
    std::string host;
    int votes = 1;
};

struct Loss {
    std::string what;       // "m1 and n1"
    std::size_t hosts = 0;  // how many at once; 0: the network
    int votes_left = 0;
    bool is_survived = false;
    std::string consequence;
};

struct Survival {
    int total = 0;
    int quorum = 0;
    std::vector<Vote> votes;
    std::vector<Loss> losses;           // each host, the network between the members, each two hosts
    std::vector<std::string> warnings;  // what is unsafe, and what would help
};

[[nodiscard]] Survival survival_of(const config::Config& config, const Hosts& hosts);

// The votes, then a table: of two hosts at once only what is not survived, if there are many.
[[nodiscard]] std::string survival_text(const Survival& survival);
[[nodiscard]] Json survival_json(const Survival& survival);

}  // namespace pgpool::ctl
