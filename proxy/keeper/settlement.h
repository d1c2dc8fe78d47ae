// SPDX-License-Identifier: PostgreSQL
#pragma once

// Settlement: one attempt to bring a membership into force. It connects to every node that is to be in,
// raises the epoch on all of them, so that nothing can commit any more, compares what they have, repairs
// those that lack something, and looks again. A node that fails at any of it is evicted, but never the last.
//
// ENSURES, if run() succeeds: every attached node holds the same transactions; no session can commit anything
// until the caller publishes membership(), which it does after it has saved it. Blocks, with bounds. Threads:
// one at a time.

#include <atomic>
#include <map>
#include <string>

#include "common/cluster/membership.h"
#include "common/config/config.h"
#include "proxy/keeper/node_access.h"

namespace pgpool::keeper {

class Settlement {
public:
    // A membership of which nothing is known but the configuration: nodes whose epoch is behind are not
    // trusted.
    enum class Origin : std::uint8_t { Known, Configuration };

    // `config` and `stop` outlive it.
    Settlement(const config::Config& config, cluster::Membership wanted, const std::atomic<bool>& stop)
        : config_(config), stop_(stop), membership_(std::move(wanted)) {}

    // This node is in only if it has what the others have, it is never repaired.
    void take_newcomer(std::string name) { newcomer_ = std::move(name); }

    // Connects to the attached nodes that are not connected yet; why it failed, by name.
    [[nodiscard]] std::map<std::string, std::string> connect();
    [[nodiscard]] Result<void> evict(const std::string& name, const std::string& reason);
    // REQUIRES: all attached nodes are connected.
    [[nodiscard]] Result<void> run(Patience patience, Origin origin);

    // Instead of run(): gives markers that are behind the epoch in force; false: there are none.
    [[nodiscard]] Result<bool> catch_up(Patience patience);

    [[nodiscard]] const cluster::Membership& membership() const { return membership_; }
    [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }

private:
    [[nodiscard]] Result<void> check_newcomer();
    [[nodiscard]] Result<void> choose_epoch(Origin origin);
    [[nodiscard]] std::vector<std::string> main_first() const;
    [[nodiscard]] Result<void> raise_all(Patience patience);
    [[nodiscard]] Result<markers::AllSequences> read_all();
    [[nodiscard]] Result<void> make_equal();
    [[nodiscard]] Result<void> repair(const std::vector<markers::Repair>& repairs);
    [[nodiscard]] Result<void> refuse_newcomer(const std::vector<markers::Repair>& repairs);
    void compare_databases() const;

    const config::Config& config_;
    const std::atomic<bool>& stop_;
    cluster::Membership membership_;
    std::string newcomer_;  // empty: none
    std::uint64_t next_sequence_ = 0;
    std::map<std::string, NodeAccess> nodes_;  // attached ones
};

}  // namespace pgpool::keeper
