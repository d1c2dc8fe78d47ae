// SPDX-License-Identifier: PostgreSQL
#pragma once

// Settlement: one attempt to bring a membership into force. It connects to every node that is to be in,
// raises the epoch on all of them, so that nothing can commit any more, compares what they have, repairs
// those that lack something, and looks again. A node that fails at any of it is evicted, but never the last.
//
// The main node comes first. What it has committed then, and nothing else, is committed on the others where
// it is prepared (common/markers/two_phase.h); that is done when it is in the way, since what is prepared
// holds the row of its slot. So nothing is prepared on a node whose epoch was raised.
//
// ENSURES, if run() succeeds: every attached node holds the same transactions; no session can commit anything
// until the caller publishes membership(), which it does after it has saved it. Blocks, with bounds. Threads:
// one at a time.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/cluster/membership.h"
#include "common/config/config.h"
#include "proxy/keeper/fences.h"
#include "proxy/keeper/node_access.h"

namespace pgpool::keeper {

class Settlement {
public:
    // A membership of which nothing is known but the configuration: nodes whose epoch is behind are not
    // trusted.
    enum class Origin : std::uint8_t { Known, Configuration };

    // Whether others may have built on the last transaction of a slot, on a node that lacks it.
    using MayBeBuiltOn = std::function<bool(std::uint32_t slot)>;

    // `config`, `fences` and `stop` outlive it.
    Settlement(const config::Config& config, cluster::Membership wanted, Fences& fences,
               MayBeBuiltOn may_be_built_on, const std::atomic<bool>& stop)
        : config_(config),
          stop_(stop),
          fences_(fences),
          may_be_built_on_(std::move(may_be_built_on)),
          membership_(std::move(wanted)) {}

    // This node is in only if it has what the others have, it is never repaired. What is prepared there is
    // ended if the others tell how.
    void take_newcomer(std::string name) { newcomer_ = std::move(name); }

    // Of whom is doubted since an earlier process, which alone knew what was built on what they lack, nothing
    // is repaired; nor does another node get what a main node that is doubted has.
    void distrust(std::set<std::string> names) { distrusted_ = std::move(names); }

    // Connects to the attached nodes that are not connected yet; why it failed, by name.
    [[nodiscard]] std::map<std::string, std::string> connect();
    [[nodiscard]] Result<void> evict(const std::string& name, const std::string& reason);
    // Whether the nodes that are connected can hold what replication.commit must prepare; an error says what
    // to do.
    [[nodiscard]] Result<void> check_prepares() const;
    // REQUIRES: all attached nodes are connected.
    [[nodiscard]] Result<void> run(Patience patience, Origin origin);

    // Nobody has raised the epoch on any of them since membership() was in force: so it still is.
    // REQUIRES: as run().
    [[nodiscard]] Result<bool> is_as_left();

    // Instead of run(): gives markers that are behind the epoch in force; false: there are none.
    [[nodiscard]] Result<bool> catch_up(Patience patience);

    // It has failed because another proxy has taken over.
    [[nodiscard]] bool has_rival() const { return has_rival_; }
    // Also if run() has failed: for what was given.
    [[nodiscard]] const cluster::Membership& membership() const { return membership_; }
    [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }
    // Why large transactions are not prepared, if they should be; empty: they are.
    [[nodiscard]] const std::string& unprepared() const { return unprepared_; }

private:
    [[nodiscard]] Result<void> check_newcomer();
    [[nodiscard]] Result<void> look_for_rival();
    [[nodiscard]] Result<void> choose_epoch(Origin origin);
    [[nodiscard]] std::vector<std::string> main_first() const;
    [[nodiscard]] Result<void> raise_all(Patience patience);
    [[nodiscard]] Result<void> raise(const std::string& name, Patience patience);
    [[nodiscard]] Result<void> clear_the_way(const std::string& name, const std::string& database);
    [[nodiscard]] Result<void> end_prepared(const std::string& name);
    [[nodiscard]] Result<void> evict_unraised(const std::string& name, const std::string& reason);
    [[nodiscard]] Result<markers::AllSequences> read_all();
    [[nodiscard]] Result<void> make_equal();
    [[nodiscard]] Result<void> repair(const std::vector<markers::Repair>& repairs);
    [[nodiscard]] bool may_be_built_on(const markers::Repair& repair) const;
    [[nodiscard]] Result<void> refuse_newcomer(const std::vector<markers::Repair>& repairs);
    void compare_databases() const;
    [[nodiscard]] std::vector<std::string> why_not_prepared() const;  // of each node that cannot, if wanted
    void note_prepares();

    const config::Config& config_;
    const std::atomic<bool>& stop_;
    Fences& fences_;
    MayBeBuiltOn may_be_built_on_;
    cluster::Membership membership_;
    std::string newcomer_;  // empty: none
    std::set<std::string> distrusted_;
    bool has_rival_ = false;
    std::uint64_t next_sequence_ = 0;
    std::string unprepared_;
    std::map<std::string, NodeAccess> nodes_;  // attached ones
};

}  // namespace pgpool::keeper
